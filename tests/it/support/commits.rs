//! Commits that go wrong when a test says so.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use vaca::store::fate::{CommitFate, Fate};

/// What becomes of the next commit that holds a certain write; all others are left alone.
#[derive(Debug, Default)]
pub struct Commits {
    planned: Mutex<Option<(&'static str, Fate)>>,
    before: Mutex<Option<Before>>,
    tried: AtomicU32,
}

/// What a test does before a commit, while the commit waits for it.
struct Before {
    write: &'static str,
    act: Box<dyn FnOnce() + Send>,
}

impl fmt::Debug for Before {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.write)
    }
}

impl Commits {
    /// How many were tried.
    pub fn tried(&self) -> u32 {
        self.tried.load(Ordering::SeqCst)
    }

    /// Plans one blow. `write` is the write's [`std::any::type_name`].
    pub fn next(&self, write: &'static str, fate: Fate) {
        let before = self.planned.lock().unwrap().replace((write, fate));
        assert_eq!(before, None, "one at a time");
    }

    /// Lets something happen right before the next commit that holds this write. It keeps the
    /// service's writer: what waits says so to the runtime (`block_in_place`), which needs two threads.
    pub fn before(&self, write: &'static str, act: impl FnOnce() + Send + 'static) {
        let act = Box::new(act);
        let before = self.before.lock().unwrap().replace(Before { write, act });
        assert!(before.is_none(), "one at a time");
    }

    /// Whether what was planned has happened.
    pub fn struck(&self) -> bool {
        self.planned.lock().unwrap().is_none()
    }
}

impl CommitFate for Commits {
    fn fate(&self, writes: &mut dyn Iterator<Item = &'static str>) -> Fate {
        self.tried.fetch_add(1, Ordering::SeqCst);
        let names: Vec<_> = writes.collect();
        let now = |before: &mut Before| names.contains(&before.write);
        let before = self.before.lock().unwrap().take_if(now);
        if let Some(before) = before {
            (before.act)();
        }
        let mut planned = self.planned.lock().unwrap();
        let Some((write, fate)) = *planned else {
            return Fate::AsTheDatabaseSays;
        };
        if !names.contains(&write) {
            return Fate::AsTheDatabaseSays;
        }
        *planned = None;
        fate
    }
}
