//! Which transport is believed.
//!
//! Google publishes no field numbers for gRPC. A wrong number for a field of the answer would make
//! a name of something else; a wrong number for `expected_identity` would be passed over, and any
//! user could claim any e-mail. REST speaks by name, so it decides until gRPC was seen to mean the
//! same: for each scope, every required field by values of its own, and a certainly wrong identity
//! refused. What was proven holds for a day, for one endpoint and one description, in this process.

mod comparison;
mod item;
mod proof;
mod report;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::attestation::agreement::item::held;
use crate::attestation::agreement::proof::{Lasting, Proof, Trial};
use crate::attestation::raw::{RawAnswer, short};
use crate::attestation::verdict::UnverifiedAnswer;
use crate::model::endpoint::Endpoint;
use crate::model::identity::KeyScope;

pub use report::Belief;

/// The description whose numbers are proven, or not.
const DESCRIPTION: &str =
    include_str!("../../proto/google/chrome/verifiedaccess/v2/verifiedaccess.proto");

/// Who answers a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stance {
    /// REST alone.
    Rest,
    /// REST; gRPC is asked beside it and compared.
    Both,
    /// gRPC alone, as far as each answer holds nothing that is not proven.
    Grpc,
}

/// What asking about a certainly wrong identity showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Probed {
    /// It was refused, and the same bytes were accepted for the right one after that.
    Refused,
    /// It was accepted; the answer's fields.
    Accepted(String),
    /// Neither: what was seen.
    Inconclusive(&'static str),
}

/// What has been seen of both transports today.
pub(super) struct Agreement {
    /// First digits of the SHA-256 over endpoint and description: what a proof is about.
    about: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    user: Proof,
    machine: Proof,
    challenges: Lasting,
    trouble: Option<Trouble>,
}

struct Trouble {
    status: &'static str,
    until: Duration,
}

impl State {
    fn of(&mut self, scope: KeyScope, now: Duration) -> &mut Proof {
        let proof = match scope {
            KeyScope::User => &mut self.user,
            KeyScope::Machine => &mut self.machine,
        };
        proof.expire(now);
        proof
    }

    fn in_trouble(&self, now: Duration) -> bool {
        self.trouble
            .as_ref()
            .is_some_and(|trouble| now < trouble.until)
    }

    fn stance(&mut self, scope: KeyScope, now: Duration) -> Stance {
        let in_trouble = self.in_trouble(now);
        let proof = self.of(scope, now);
        if in_trouble || proof.disagreement().is_some() {
            Stance::Rest
        } else if proof.missing(scope).is_empty() {
            Stance::Grpc
        } else if proof.wants_more(scope, now) {
            Stance::Both
        } else {
            Stance::Rest
        }
    }
}

/// Of each method, `now` is monotonic time.
impl Agreement {
    /// Nothing is proven of `origin` yet.
    pub(super) fn new(endpoint: Endpoint, origin: &str) -> Self {
        let subject = format!("{} {origin}\n{DESCRIPTION}", endpoint.as_str());
        Self {
            about: short(subject.as_bytes()),
            state: Mutex::default(),
        }
    }

    /// A poisoned lock is used on: no change leaves more proven than was seen.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who answers for `scope`.
    pub(super) fn stance(&self, scope: KeyScope, now: Duration) -> Stance {
        self.state().stance(scope, now)
    }

    /// The answer that gRPC alone may give: everything that it holds is proven, and so is all that
    /// it lacks of what is required.
    pub(super) fn believed(
        &self,
        scope: KeyScope,
        raw: &RawAnswer,
        now: Duration,
    ) -> Option<UnverifiedAnswer> {
        let answer = raw.answer()?;
        let mut state = self.state();
        let alone = state.stance(scope, now) == Stance::Grpc;
        state.trouble = None;
        let proof = state.of(scope, now);
        (alone && proof.covers(&held(answer, raw))).then(|| answer.clone())
    }

    /// Whether the negative half of the proof is wanted now; `true` to one caller at a time, who
    /// then calls [`Self::probed`].
    pub(super) fn begin_probe(&self, scope: KeyScope, now: Duration) -> bool {
        let mut state = self.state();
        let proof = state.of(scope, now);
        proof.disagreement().is_none() && proof.negative.begin(now)
    }

    /// What the probe showed.
    pub(super) fn probed(&self, scope: KeyScope, found: Probed, now: Duration) {
        match found {
            Probed::Refused => {
                self.state().of(scope, now).refused(now);
                tracing::info!(%scope, "gRPC refuses a wrong expected identity, as it must");
            }
            Probed::Inconclusive(status) => {
                self.state()
                    .of(scope, now)
                    .negative
                    .inconclusive(status, now);
                tracing::warn!(%scope, %status, "a wrong expected identity was not clearly refused over gRPC");
            }
            Probed::Accepted(fields) => {
                let what = "gRPC accepts a wrong expected_identity";
                self.disagree(scope, what, &fields, now);
            }
        }
    }

    /// Whether a wrong identity is known to be refused over gRPC, not known yet, or why not.
    ///
    /// # Errors
    /// What was found instead.
    pub(super) fn wrong_identity_refused(
        &self,
        scope: KeyScope,
        now: Duration,
    ) -> Result<bool, String> {
        let mut state = self.state();
        let proof = state.of(scope, now);
        match proof.disagreement() {
            Some(what) => Err(what.to_owned()),
            None => Ok(proof.negative == Trial::Proven),
        }
    }

    /// Who makes challenges.
    pub(super) fn challenge_stance(&self, now: Duration) -> Stance {
        let mut state = self.state();
        state.challenges.expire(now);
        if state.in_trouble(now) {
            Stance::Rest
        } else if state.challenges.trial == Trial::Proven {
            Stance::Grpc
        } else {
            Stance::Both
        }
    }

    /// Whether gRPC is to make a challenge for comparison; `true` to one caller at a time, who then
    /// calls [`Self::challenged`].
    pub(super) fn begin_challenge(&self, now: Duration) -> bool {
        self.state().challenges.trial.begin(now)
    }

    /// What gRPC made of it: `Ok` where it was a challenge of about now.
    pub(super) fn challenged(&self, found: Result<(), &'static str>, now: Duration) {
        let mut state = self.state();
        match found {
            Ok(()) => state.challenges.prove(now),
            Err(status) => state.challenges.trial.inconclusive(status, now),
        }
    }
}

#[cfg(test)]
mod tests;
