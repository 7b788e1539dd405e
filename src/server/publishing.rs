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
/// How long the lease is held, in seconds: longer than the largest list takes, so that it does not go to
/// another node in the middle. A node that dies is replaced after it.
const LEASE_TIME: i64 = 60;

/// Whoever makes lists, if the lease is this node's.
pub(super) struct Publisher {
    resources: Arc<Resources>,
    publication: Arc<Publication>,
    holder: String,
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
        }
    }

    pub(super) async fn run(self) {
        let mut tick = interval(LOOK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if let Err(error) = self.turn().await {
                tracing::error!(%error, "CRLs could not be looked after; it is tried again");
            }
        }
    }

    async fn turn(&self) -> Result<(), PublicationError> {
        let now = self.resources.clock.now();
        let lease = Acquire {
            name: LEASE,
            holder: self.holder.clone(),
            now,
            until: now.plus(LEASE_TIME),
        };
        if let Some(number) = self.resources.store.write(lease).await? {
            let fence = Fence {
                name: LEASE,
                number,
            };
            self.publication.publish_due(now, fence).await;
        }
        self.publication.refresh(self.resources.clock.now()).await
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
