//! What must happen when: one loop, driven by the clock, leased where it must be done once.

use std::sync::Arc;

use crate::admission::Resources;
use crate::clock::Timestamp;
use crate::store::StoreError;
use crate::store::audit::Sequence;
use crate::store::challenges::Sweep;
use crate::store::leases::Acquire;

/// How long the sequencer's lease is held, in seconds: a node that dies is replaced after it.
const LEASE: i64 = 10;
/// Seconds between two sweeps of forgotten challenges.
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
            self.swept_at = Some(now);
        }
        Ok(())
    }
}
