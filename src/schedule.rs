//! What must happen when: one loop, driven by the clock, leased where it must be done once.

use std::sync::Arc;

use crate::admission::Resources;
use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::attempt::{ANSWER_LIFETIME, AttemptState};
use crate::model::event::{AuditEvent, EventKind};
use crate::model::facts::Check;
use crate::model::problem_code::ProblemCode;
use crate::store::StoreError;
use crate::store::attempts::Deny;
use crate::store::audit::Sequence;
use crate::store::challenges::Sweep;
use crate::store::leases::Acquire;
use crate::store::pauses::ForgetPauses;

/// How long the sequencer's lease is held, in seconds: a node that dies is replaced after it.
const LEASE: i64 = 10;
/// Attempts that one sweep closes; the rest wait for the next.
const CLOSED_AT_ONCE: u32 = 1000;
/// Seconds between two sweeps of forgotten challenges, attempts and pauses.
const SWEEP_EVERY: i64 = 60;

/// What is due, and when it was last done.
#[derive(Debug)]
pub struct Schedule {
    resources: Arc<Resources>,
    holder: String,
    swept_at: Option<Timestamp>,
}

impl Schedule {
    /// `holder` names this process among others on the same record.
    #[must_use]
    pub fn new(resources: Arc<Resources>, holder: String) -> Self {
        Self {
            resources,
            holder,
            swept_at: None,
        }
    }

    /// Does whatever is due at `now`.
    ///
    /// # Errors
    /// [`StoreError`]; what was not done is due again the next time.
    pub async fn run_due(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let store = &self.resources.store;
        let lease = Acquire {
            name: "sequencer",
            holder: self.holder.clone(),
            now,
            until: now.plus(LEASE),
        };
        if store.write(lease).await?.is_some() {
            while store.write(Sequence).await? > 0 {}
        }
        if self.swept_at.is_none_or(|at| now.since(at) >= SWEEP_EVERY) {
            let swept = store.write(Sweep { now }).await?;
            if swept > 0 {
                tracing::debug!(swept, "forgot challenges that nobody answered");
            }
            store.write(ForgetPauses { now }).await?;
            self.close_attempts(now).await?;
            self.swept_at = Some(now);
        }
        Ok(())
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
            store.write(deny).await?;
        }
        Ok(())
    }
}
