//! CRLs are made and served beside everything else: a list of a million lines takes seconds, and the
//! schedule has to go on.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::admission::Resources;
use crate::publication::{LEASE, Publication, PublicationError};
use crate::store::crls::Fence;
use crate::store::leases::Acquire;

/// Between two looks at what is due and at what other nodes have published.
const LOOK: Duration = Duration::from_secs(1);
/// Between two looks from outside.
const LOOK_OUTSIDE: Duration = Duration::from_secs(60);
/// How long the lease is held, in seconds. A node that dies is replaced after it.
const LEASE_TIME: i64 = 20;
/// While a list is made, the lease is taken again after so long: the largest take longer than it is held.
const KEEP: Duration = Duration::from_secs(5);
/// A node that could not make a list leaves it to the others for so long: the lease ends meanwhile.
const STAND_BACK: Duration = Duration::from_secs(30);

/// Whoever makes lists, if the lease is this node's.
pub(super) struct Publisher {
    resources: Arc<Resources>,
    publication: Arc<Publication>,
    holder: String,
    /// In monotonic time: not before then.
    back_at: Duration,
}

impl Publisher {
    /// `holder` names this process among others on the same record.
    pub(super) fn new(
        resources: &Arc<Resources>,
        publication: &Arc<Publication>,
        holder: String,
    ) -> Self {
        Self {
            resources: Arc::clone(resources),
            publication: Arc::clone(publication),
            holder,
            back_at: Duration::ZERO,
        }
    }

    pub(super) async fn run(mut self) {
        let mut tick = interval(LOOK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if let Err(error) = self.turn().await {
                tracing::error!(%error, "CRLs could not be looked after; it is tried again");
            }
        }
    }

    async fn turn(&mut self) -> Result<(), PublicationError> {
        let clock = &self.resources.clock;
        // Whoever cannot make lists must not keep the others from it.
        let is_able = self.resources.verifier.clock_trusted() && clock.monotonic() >= self.back_at;
        if is_able && let Some(number) = self.lease().await? {
            let fence = Fence {
                name: LEASE,
                number,
            };
            if !self.publish(fence).await {
                self.back_at = clock.monotonic() + STAND_BACK;
            }
        }
        self.publication.refresh(clock.now()).await
    }

    async fn lease(&self) -> Result<Option<i64>, PublicationError> {
        let now = self.resources.clock.now();
        let lease = Acquire {
            name: LEASE,
            holder: self.holder.clone(),
            now,
            until: now.plus(LEASE_TIME),
        };
        Ok(self.resources.store.write(lease).await?)
    }

    /// Makes what is due, and keeps the lease as long as that takes. Answers whether all went well.
    async fn publish(&self, fence: Fence) -> bool {
        let now = self.resources.clock.now();
        let mut publishing = std::pin::pin!(self.publication.publish_due(now, fence));
        loop {
            tokio::select! {
                went_well = &mut publishing => return went_well,
                () = tokio::time::sleep(KEEP) => {
                    if let Err(error) = self.lease().await {
                        tracing::warn!(%error, "the lease of whoever makes CRLs could not be kept");
                    }
                }
            }
        }
    }
}

/// Looks from outside, again and again.
pub(super) async fn watch(resources: Arc<Resources>, publication: Arc<Publication>) {
    let mut tick = interval(LOOK_OUTSIDE);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first list may not be there yet.
    tokio::time::sleep(LOOK * 3).await;
    loop {
        tick.tick().await;
        publication.look_from_outside(resources.clock.now()).await;
    }
}
