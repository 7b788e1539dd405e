//! How an attempt ends without a certificate: for good, or given up for the next retry.

use std::time::Duration;

use crate::admission::{Admission, storage};
use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::attempt::{AttemptId, Presented};
use crate::model::event::{AuditEvent, EventKind};
use crate::model::facts::Check;
use crate::model::problem_code::ProblemCode;
use crate::model::refusal::Refusal;
use crate::store::attempts::{Attempt, Deny, Refused, Release};
use crate::store::pauses::Counted;

/// How long a device waits before it asks again after Verified Access did not permit it, in seconds.
const NOT_PERMITTED_WAIT: i64 = 60 * 60;

/// What a denial leaves in the record besides its code.
#[derive(Debug, Default)]
pub struct Denied {
    /// Checks beyond those that the attempt already holds.
    pub checks: Vec<Check>,
    /// Facts that policy decided on.
    pub facts: Option<String>,
    /// What Verified Access answered.
    pub verified_access: Option<String>,
    /// The key of the verified identity that it counts against: `user:..` or `device:..`. `None` where
    /// nobody was verified, or the fault is ours.
    pub counts_against: Option<String>,
}

impl Denied {
    /// A denial for one reason of our own.
    pub(super) fn because(
        name: &str,
        expected: &str,
        seen: impl Into<String>,
        remedy: &str,
    ) -> Self {
        Self {
            checks: vec![Check::new(name, expected, seen, false, remedy)],
            ..Self::default()
        }
    }

    /// The challenge's minute has passed.
    pub(super) fn too_late() -> Self {
        Self::because(
            "challenge_age",
            "an answer of Verified Access within the challenge's minute",
            "none",
            "start again with a new challenge; if it repeats, look at the way to Google",
        )
    }

    pub(super) fn by_google(status: &str, took: Duration, expected: &str) -> Self {
        let remedy = "start again with a fresh challenge; if it repeats, compare the device's enrolment and the service account's access in the Admin console";
        Self {
            checks: vec![Check::new(
                "verified_access",
                expected,
                status,
                false,
                remedy,
            )],
            verified_access: Some(format!("{status} in {} ms", took.as_millis())),
            ..Self::default()
        }
    }
}

/// The answer of an attempt that was denied at `finished_at`, after `checks`, and whose identity gets
/// nothing more before `retry_at`.
#[must_use]
pub fn denial(
    id: &AttemptId,
    code: ProblemCode,
    checks: &[Check],
    (finished_at, retry_at): (Timestamp, Option<Timestamp>),
    now: Timestamp,
) -> Refusal {
    let mut refusal = Refusal::new(code).of(id);
    let failed = checks.iter().find(|check| !check.passed);
    refusal.detail = failed.and_then(|check| check.message.as_deref().map(str::to_owned));
    let seconds_until = |then: Timestamp| u64::try_from(then.since(now).max(1)).unwrap_or(1);
    match code {
        ProblemCode::DeviceNotPermitted => {
            refusal.after(seconds_until(finished_at.plus(NOT_PERMITTED_WAIT)))
        }
        ProblemCode::Paused | ProblemCode::TooManyAttempts => {
            refusal.retry_after = retry_at.map(seconds_until);
            refusal
        }
        _ => {
            refusal.at_least = retry_at.filter(|then| *then > now).map(seconds_until);
            refusal
        }
    }
}

impl Admission {
    /// Commits a final refusal and says it.
    pub async fn deny(&self, attempt: &Attempt, code: ProblemCode, denied: Denied) -> Refusal {
        let now = self.resources.clock.now();
        let mut checks = attempt.checks.clone();
        checks.extend(denied.checks);
        let failed = checks.iter().find(|check| !check.passed);
        let event = AuditEvent::new(
            now,
            EventKind::AttemptDenied,
            Actor::Requester,
            attempt.id.as_str(),
        )
        .with("code", code.as_str())
        .with("check", failed.map_or("", |check| check.name.as_str()));
        let said = checks.clone();
        let deny = Deny {
            row: attempt.row,
            owner: attempt.ownership.owner.clone(),
            code,
            checks,
            facts: denied.facts,
            verified_access: denied.verified_access,
            counted: denied.counts_against.map(|identity| Counted {
                digest: self.resources.deployment_key.personal(&identity),
                identity,
            }),
            event,
        };
        match self.resources.store.write(deny).await {
            Ok(Refused::Committed { retry_at }) => {
                tracing::info!(attempt = %attempt.id, code = code.as_str(), "denied");
                self.count_denial(attempt, code);
                denial(&attempt.id, code, &said, (now, retry_at), now)
            }
            Ok(Refused::LostOwnership) => Refusal::new(ProblemCode::InProgress)
                .of(&attempt.id)
                .after(1),
            Err(error) => {
                self.release(attempt, ProblemCode::StorageUnavailable).await;
                storage(&error).of(&attempt.id)
            }
        }
    }

    pub(super) fn count_denial(&self, attempt: &Attempt, code: ProblemCode) {
        let attempts = &self.resources.metrics.attempts;
        attempts.denied(&attempt.binding.profile, code);
    }

    /// Lets the next retry take over at once. Where even that fails, the owner's deadline does it.
    /// `code` is why there is no outcome yet.
    pub async fn release(&self, attempt: &Attempt, code: ProblemCode) {
        let attempts = &self.resources.metrics.attempts;
        attempts.unfinished(&attempt.binding.profile, code);
        let owner = attempt.ownership.owner.clone();
        self.give_up(attempt.binding.presented, owner).await;
    }

    /// The same for a worker that does not know whether it owns these bytes, because the record did
    /// not confirm it.
    pub(super) async fn give_up(&self, presented: Presented, owner: String) {
        let release = Release { presented, owner };
        if let Err(error) = self.resources.store.write(release).await {
            tracing::warn!(%error, "could not release an attempt");
        }
    }
}
