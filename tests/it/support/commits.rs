//! Commits that go wrong when a test says so.

use std::sync::Mutex;

use vaca::store::fate::{CommitFate, Fate};

/// What becomes of the next commit that holds a certain write; all others are left alone.
#[derive(Debug, Default)]
pub struct Commits {
    planned: Mutex<Option<(&'static str, Fate)>>,
}

impl Commits {
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
