//! Commits that go wrong when a test says so.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use vaca::store::fate::{CommitFate, Fate};

/// What becomes of the next commit that holds a certain write; all others are left alone.
#[derive(Debug, Default)]
pub struct Commits {
    planned: Mutex<Option<(&'static str, Fate)>>,
    tried: AtomicU32,
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

    /// Whether what was planned has happened.
    pub fn struck(&self) -> bool {
        self.planned.lock().unwrap().is_none()
    }
}

impl CommitFate for Commits {
    fn fate(&self, writes: &mut dyn Iterator<Item = &'static str>) -> Fate {
        self.tried.fetch_add(1, Ordering::SeqCst);
        let mut planned = self.planned.lock().unwrap();
        let Some((write, fate)) = *planned else {
            return Fate::AsTheDatabaseSays;
        };
        let names: Vec<_> = writes.collect();
        if !names.contains(&write) {
            return Fate::AsTheDatabaseSays;
        }
        *planned = None;
        fate
    }
}
