//! Commits of the record.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use crate::telemetry::Labels;
use crate::telemetry::catalogue::Catalogue;

/// Upper bounds of the buckets of a commit's size, in commands.
const COMMANDS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// How many commands share a commit, and whether it goes through. The default measures for nobody.
#[derive(Clone, Debug)]
pub struct Commits {
    commands: Histogram,
    committed: Counter,
    failed: Counter,
    tried_again: Counter,
}

impl Default for Commits {
    fn default() -> Self {
        Self {
            commands: Histogram::new(COMMANDS),
            committed: Counter::default(),
            failed: Counter::default(),
            tried_again: Counter::default(),
        }
    }
}

impl Commits {
    pub(super) fn registered(catalogue: &mut Catalogue) -> Self {
        let results = Family::<Labels<1>, Counter>::default();
        let result = |word: &'static str| results.get_or_create_owned(&[("result", word.into())]);
        let commits = Self {
            committed: result("committed"),
            failed: result("failed"),
            ..Self::default()
        };
        catalogue.add(
            "commits",
            "Commits of the record; some are made every second without a request",
            &["result"],
            results,
        );
        catalogue.add(
            "commit_commands",
            "Commands that shared a commit",
            &[],
            commits.commands.clone(),
        );
        catalogue.add(
            "commit_retries",
            "Commits that were tried again after another node stood in the way or the connection was lost",
            &[],
            commits.tried_again.clone(),
        );
        commits
    }

    /// A batch of this many commands was committed, or was not.
    pub fn ended(&self, commands: usize, committed: bool) {
        self.commands
            .observe(u32::try_from(commands).map_or(f64::MAX, f64::from));
        if committed {
            self.committed.inc();
        } else {
            self.failed.inc();
        }
    }

    /// A batch is run again.
    pub fn tried_again(&self) {
        self.tried_again.inc();
    }
}
