//! The organisation's lists are looked at again and again.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::admission::Resources;

/// How long between two looks. A file that changed is read at the second look that finds it the same.
const LOOK: Duration = Duration::from_secs(1);

/// A task of its own, beside the schedule, which must not wait for a large list; and each look on a
/// thread where it keeps no request waiting.
pub(super) async fn keep_fresh(resources: Arc<Resources>) {
    if resources.lists.is_empty() {
        return std::future::pending().await;
    }
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let resources = Arc::clone(&resources);
        let looked = tokio::task::spawn_blocking(move || resources.lists.look());
        if let Err(error) = looked.await {
            tracing::error!(%error, "the lists could not be looked at; it is tried again");
        }
    }
}
