//! What must happen when: one loop, driven by the clock, leased where it must be done once.

use std::sync::Arc;
use std::time::Duration;

use crate::admission::Resources;
use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::attempt::{ANSWER_LIFETIME, AttemptState};
use crate::model::event::{AuditEvent, EventKind};
use crate::model::facts::Check;
use crate::model::problem_code::ProblemCode;
use crate::responder::Responder;
use crate::store::StoreError;
use crate::store::attempts::{Deny, Refused};
use crate::store::audit::Sequence;
use crate::store::challenges::Sweep;
use crate::store::deliveries::ExpireDeliveries;
use crate::store::leases::Acquire;
use crate::store::pauses::ForgetPauses;

mod retention;
mod shortening;
mod superseding;

pub use retention::{InvalidRetention, Retention, RetentionSettings};

/// How long a lease is held, in seconds: a node that dies is replaced after it.
const LEASE: i64 = 10;
/// Attempts that one sweep closes; the rest wait for the next.
const CLOSED_AT_ONCE: u32 = 1000;
/// Between two sweeps of forgotten challenges, attempts and pauses.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Between two sweeps of old attempts, where the first left nothing over: who counts in days
/// misses nothing, and the audit log does not fill with them.
const RETENTION_EVERY: Duration = Duration::from_secs(60 * 60);

/// What is due, and when it was last done.
#[derive(Debug)]
pub struct Schedule {
    resources: Arc<Resources>,
    holder: String,
    retention: Retention,
    responder: Option<Arc<Responder>>,
    /// In monotonic time, like the next: a wall clock that was set back must not stop either.
    sweep_due: Duration,
    retention_due: Duration,
    superseding_due: Duration,
}

impl Schedule {
    /// `holder` names this process among others on the same record.
    #[must_use]
    pub fn new(resources: Arc<Resources>, holder: String, retention: Retention) -> Self {
        Self {
            resources,
            holder,
            retention,
            responder: None,
            sweep_due: Duration::ZERO,
            retention_due: Duration::ZERO,
            superseding_due: Duration::ZERO,
        }
    }

    /// The same, which renews the signers of this process's responder.
    #[must_use]
    pub fn renewing(mut self, responder: Arc<Responder>) -> Self {
        self.responder = Some(responder);
        self
    }

    /// Does whatever is due. What looks at rows one by one comes last: a row that cannot be read keeps
    /// nothing else from being done.
    ///
    /// # Errors
    /// [`StoreError`]; what was not done is due again the next time.
    pub async fn run_due(&mut self) -> Result<(), StoreError> {
        // In this order: what was looked for at `now` must never count as done later than that.
        let elapsed = self.resources.clock.monotonic();
        let now = self.resources.clock.now();
        self.sequence(now).await?;
        if let Some(responder) = &self.responder {
            responder.renew(now).await;
        }
        if self.retention_due <= elapsed {
            self.retention_due = elapsed + self.retain(now).await?;
        }
        if self.superseding_due <= elapsed {
            self.superseding_due = elapsed + self.supersede(now).await?;
        }
        if self.sweep_due <= elapsed {
            self.sweep(now).await?;
            self.sweep_due = elapsed + SWEEP_EVERY;
        }
        Ok(())
    }

    async fn sequence(&self, now: Timestamp) -> Result<(), StoreError> {
        if self.leases("sequencer", now).await? {
            while self.resources.store.write(Sequence).await? > 0 {}
        }
        Ok(())
    }

    async fn sweep(&self, now: Timestamp) -> Result<(), StoreError> {
        let store = &self.resources.store;
        let swept = store.write(Sweep { now }).await?;
        if swept > 0 {
            tracing::debug!(swept, "forgot challenges that nobody answered");
        }
        store.write(ForgetPauses { now }).await?;
        // A clock that is days ahead would give up everything.
        if self.resources.verifier.clock_confirmed() {
            let given_up = store.write(ExpireDeliveries { now }).await?;
            if given_up > 0 {
                tracing::error!(given_up, "events were given up: they waited too long");
            }
        }
        self.close_attempts(now).await
    }

    /// Whether this process is the one to do it.
    async fn leases(&self, name: &'static str, now: Timestamp) -> Result<bool, StoreError> {
        let lease = Acquire {
            name,
            holder: self.holder.clone(),
            now,
            until: now.plus(LEASE),
        };
        Ok(self.resources.store.write(lease).await?.is_some())
    }

    /// One part of what is due for retention. Answers when the next is: where a part was full, at once. A clock that is a year ahead would delete everything, so Google's must
    /// have confirmed it first.
    async fn retain(&self, now: Timestamp) -> Result<Duration, StoreError> {
        if !self.resources.verifier.clock_confirmed() {
            return Ok(SWEEP_EVERY);
        }
        if !self.leases("retention", now).await? {
            return Ok(SWEEP_EVERY);
        }
        let more = self.retention.sweep(&self.resources, now).await?;
        Ok(if more {
            Duration::ZERO
        } else {
            RETENTION_EVERY
        })
    }

    /// One part of the certificates whose place was taken. Answers when the next is due. A revocation is
    /// for ever, so Google's clock must have confirmed ours first.
    async fn supersede(&self, now: Timestamp) -> Result<Duration, StoreError> {
        let mut profiles = self.resources.profiles.iter();
        if profiles.all(|profile| profile.superseded_after.is_none())
            || !self.resources.verifier.clock_confirmed()
            || !self.leases("superseding", now).await?
        {
            return Ok(SWEEP_EVERY);
        }
        let more = superseding::sweep(&self.resources, now).await?;
        Ok(if more { Duration::ZERO } else { SWEEP_EVERY })
    }

    /// Ends attempts that no retry can finish: nobody owns them, and the challenge's minute, or the
    /// day in which the same bytes get an answer, has passed.
    async fn close_attempts(&self, now: Timestamp) -> Result<(), StoreError> {
        let store = &self.resources.store;
        for attempt in store.unfinished_attempts(now, CLOSED_AT_ONCE).await? {
            let code = if now.since(attempt.binding.at) >= ANSWER_LIFETIME {
                ProblemCode::OutcomeExpired
            } else if attempt.state == AttemptState::Bound && attempt.challenge_expires_at <= now {
                ProblemCode::ChallengeExpired
            } else {
                continue;
            };
            let event = AuditEvent::new(
                now,
                EventKind::AttemptDenied,
                Actor::Schedule,
                attempt.id.as_str(),
            )
            .with("code", code.as_str());
            let mut checks = attempt.checks;
            checks.push(Check::new(
                "age",
                "a retry in time",
                "none",
                false,
                "start again with a new challenge",
            ));
            let deny = Deny {
                row: attempt.row,
                owner: attempt.ownership.owner,
                code,
                checks,
                facts: None,
                verified_access: None,
                counted: None,
                event,
            };
            if let Refused::Committed { .. } = store.write(deny).await? {
                let attempts = &self.resources.metrics.attempts;
                attempts.denied(&attempt.binding.profile, code);
            }
        }
        Ok(())
    }
}
