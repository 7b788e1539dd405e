//! How far a long command has come, for whoever waits at a terminal.

use std::io::IsTerminal as _;

pub(super) struct Progress {
    noun: &'static str,
    total: u64,
    done: u64,
    shown: bool,
}

impl Progress {
    /// Of so many `noun`s.
    pub(super) fn of(total: u64, noun: &'static str) -> Self {
        Self {
            noun,
            total,
            done: 0,
            shown: std::io::stderr().is_terminal(),
        }
    }

    /// So many more.
    pub(super) fn add(&mut self, more: usize) {
        self.reach(self.done + u64::try_from(more).unwrap_or(0), self.total);
    }

    /// So many of so many, which may have become more.
    pub(super) fn reach(&mut self, done: u64, total: u64) {
        (self.done, self.total) = (done, total);
        if self.shown {
            // More may come in while it runs.
            let percent = (self.done * 100 / self.total.max(1)).min(100);
            let Self {
                done, total, noun, ..
            } = self;
            eprint!("\r{percent:3} %  {done} of {total} {noun} ");
        }
    }

    pub(super) fn end(self) {
        if self.shown && self.done > 0 {
            eprintln!();
        }
    }
}
