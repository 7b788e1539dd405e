//! What was seen of one scope since the proof began.

use std::collections::HashSet;
use std::time::Duration;

use crate::attestation::agreement::item::Item;
use crate::model::identity::KeyScope;

/// How long anything that was found holds.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The pause after a first inconclusive try; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// So many equal answers show everything that most answers hold; what is still missing then may never
/// come, and asking twice costs quota.
const MANY_ANSWERS: u32 = 32;
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// The one field of the request that REST checks and gRPC might pass over.
const EXPECTED_IDENTITY: &str = "expected_identity";

/// The fields without which an answer is worth nothing, or which, lacking, would be taken for
/// absent: they are proven before gRPC answers alone.
fn required(scope: KeyScope) -> &'static [&'static str] {
    const MACHINE: [&str; 4] = [
        "device_permanent_id",
        "customer_id",
        "signed_public_key_and_challenge",
        "key_trust_level",
    ];
    const USER: [&str; 3] = [
        "customer_id",
        "signed_public_key_and_challenge",
        "key_trust_level",
    ];
    match scope {
        KeyScope::Machine => &MACHINE,
        KeyScope::User => &USER,
    }
}

/// Whether something that is tried once in a while has been shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Trial {
    /// Not tried.
    #[default]
    Unknown,
    /// One try is on its way.
    InFlight { tries: u32 },
    /// The last try showed nothing.
    Inconclusive {
        tries: u32,
        not_before: Duration,
        seen: &'static str,
    },
    /// It has.
    Proven,
}

impl Trial {
    /// Whether to try now; a try is then on its way.
    pub(super) fn begin(&mut self, now: Duration) -> bool {
        if !self.is_due(now) {
            return false;
        }
        let tries = match *self {
            Self::Inconclusive { tries, .. } => tries,
            _ => 0,
        };
        *self = Self::InFlight { tries };
        true
    }

    /// Whether [`Self::begin`] would begin.
    pub(super) fn is_due(self, now: Duration) -> bool {
        match self {
            Self::Unknown => true,
            Self::Inconclusive { not_before, .. } => now >= not_before,
            Self::InFlight { .. } | Self::Proven => false,
        }
    }

    /// A try that showed nothing; what was seen.
    pub(super) fn inconclusive(&mut self, seen: &'static str, now: Duration) {
        let tries = match *self {
            Self::InFlight { tries } | Self::Inconclusive { tries, .. } => tries,
            Self::Unknown => 0,
            Self::Proven => return,
        };
        let pause = FIRST_PAUSE.saturating_mul(1 << tries.min(10));
        *self = Self::Inconclusive {
            tries: tries.saturating_add(1),
            not_before: now.saturating_add(pause.min(LONGEST_PAUSE)),
            seen,
        };
    }
}

/// One thing to show, and since when it holds.
#[derive(Debug, Default)]
pub(super) struct Lasting {
    since: Option<Duration>,
    pub(super) trial: Trial,
}

impl Lasting {
    /// Forgets after a day.
    pub(super) fn expire(&mut self, now: Duration) {
        if ended(self.since, now) {
            *self = Self::default();
        }
    }

    /// It was shown.
    pub(super) fn prove(&mut self, now: Duration) {
        self.since.get_or_insert(now);
        self.trial = Trial::Proven;
    }
}

fn ended(since: Option<Duration>, now: Duration) -> bool {
    since.is_some_and(|since| now.saturating_sub(since) >= DAY)
}

/// Everything found of one scope. It ends as a whole, a day after the first finding.
#[derive(Debug, Default)]
pub(super) struct Proof {
    since: Option<Duration>,
    items: HashSet<Item>,
    equal_answers: u32,
    last_equal: Duration,
    pub(super) negative: Trial,
    disagreement: Option<String>,
}

impl Proof {
    /// Forgets after a day.
    pub(super) fn expire(&mut self, now: Duration) {
        if ended(self.since, now) {
            *self = Self::default();
        }
    }

    /// What is not proven of what is required, by name; empty where gRPC may answer alone.
    pub(super) fn missing(&self, scope: KeyScope) -> Vec<&'static str> {
        let fields = required(scope).iter().copied();
        let unproven =
            fields.filter(|name| !self.items.iter().any(|item| item.name() == Some(*name)));
        let identity = (self.negative != Trial::Proven).then_some(EXPECTED_IDENTITY);
        unproven.chain(identity).collect()
    }

    /// Whether asking over gRPC too could show something that is missing.
    pub(super) fn wants_more(&self, scope: KeyScope, now: Duration) -> bool {
        if self.missing(scope) == [EXPECTED_IDENTITY] {
            return self.negative.is_due(now);
        }
        self.equal_answers < MANY_ANSWERS || now.saturating_sub(self.last_equal) >= FIRST_PAUSE
    }

    /// Whether each of `items` is proven.
    pub(super) fn covers(&self, items: &[Item]) -> bool {
        items.iter().all(|item| self.items.contains(item))
    }

    /// Equal answers showed these.
    pub(super) fn learn(&mut self, items: Vec<Item>, now: Duration) {
        self.since.get_or_insert(now);
        self.items.extend(items);
        self.equal_answers = self.equal_answers.saturating_add(1);
        self.last_equal = now;
    }

    /// A wrong identity was refused.
    pub(super) fn refused(&mut self, now: Duration) {
        self.since.get_or_insert(now);
        self.negative = Trial::Proven;
    }

    /// The transports differ: `true` where that is news. It holds for a day of its own.
    pub(super) fn disagree(&mut self, what: &str, now: Duration) -> bool {
        if self.disagreement.is_some() {
            return false;
        }
        *self = Self {
            since: Some(now),
            disagreement: Some(what.to_owned()),
            ..Self::default()
        };
        true
    }

    /// In what the transports differ, if they do.
    pub(super) fn disagreement(&self) -> Option<&str> {
        self.disagreement.as_deref()
    }
}
