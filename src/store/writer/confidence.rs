//! Whether writes go through. A disk that is full lets through whatever needs no new room, such as
//! the schedule's write of every second: a commit that went through then says nothing about the
//! next enrolment.

use std::sync::atomic::{AtomicU32, Ordering};

/// Commits in which nothing was refused, until a database that had no room is believed again. The
/// schedule alone makes two a second.
const CLEAN_COMMITS: u32 = 10;

/// How many commits must still go through until writes are said to.
#[derive(Debug, Default)]
pub(super) struct Confidence(AtomicU32);

impl Confidence {
    pub(super) fn is_full(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    /// A commit went through, and all that was in it.
    pub(super) fn gain(&self) {
        self.set(|missing| missing.saturating_sub(1));
    }

    /// A commit failed; the next one that does not is believed.
    pub(super) fn lose(&self) {
        self.set(|missing| missing.max(1));
    }

    /// The database has no room, no right to write, or no sound disk.
    pub(super) fn lose_for_long(&self) {
        self.set(|_| CLEAN_COMMITS);
    }

    /// The writing task alone changes it.
    fn set(&self, next: impl FnOnce(u32) -> u32) {
        let missing = self.0.load(Ordering::Relaxed);
        self.0.store(next(missing), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_had_no_room_is_believed_later_than_what_failed_once() {
        let confidence = Confidence::default();
        assert!(confidence.is_full());
        confidence.lose();
        assert!(!confidence.is_full());
        confidence.gain();
        assert!(confidence.is_full());
        confidence.lose_for_long();
        confidence.lose();
        for _ in 0..CLEAN_COMMITS {
            assert!(!confidence.is_full());
            confidence.gain();
        }
        assert!(confidence.is_full());
    }
}
