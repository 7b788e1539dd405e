//! What a monitoring system sees of queues, pools, clocks and credentials, looked at when it asks.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::admission::{Admission, Resources};
use crate::http::metrics::{PendingReading, Readings};
use crate::telemetry::Reading;

/// How long the record may take to say how many events wait. A scrape must come back when it does not.
const READ_TIME: Duration = Duration::from_secs(1);
/// Events that are counted, at most: what is above is an alarm, whatever the number.
const COUNTED_EVENTS: u32 = 10_000;

/// The places to look at.
#[derive(Debug)]
pub(super) struct Instruments {
    admission: Arc<Admission>,
    resources: Arc<Resources>,
    sinks: Vec<String>,
}

impl Instruments {
    pub(super) fn new(
        admission: Arc<Admission>,
        resources: Arc<Resources>,
        sinks: Vec<String>,
    ) -> Self {
        Self {
            admission,
            resources,
            sinks,
        }
    }

    /// Which lists are in force, and whether the newest file of each is.
    fn show_lists(&self) {
        let lists = &self.resources.metrics.lists;
        for report in self.resources.lists.reports(self.resources.clock.now()) {
            let name = report.file.to_string();
            lists.loaded(&name, report.modified_at, report.rows);
            if report.problem.is_some() {
                lists.failed(&name);
            }
        }
    }

    /// What waits to be delivered. Where the record does not say, what it said last stands.
    async fn show_deliveries(&self) {
        let Resources { store, clock, .. } = &*self.resources;
        for sink in &self.sinks {
            let Ok(Ok(backlog)) = timeout(READ_TIME, store.backlog(sink)).await else {
                return;
            };
            let now = clock.now();
            let oldest = backlog.oldest.map_or(0, |queued| now.since(queued).max(0));
            let deliveries = &self.resources.metrics.deliveries;
            deliveries.stand(sink, backlog.waiting, backlog.dead, oldest);
        }
    }

    async fn unsequenced_events(&self) -> Option<i64> {
        let counting = self.resources.store.unsequenced_events(COUNTED_EVENTS);
        timeout(READ_TIME, counting).await.ok()?.ok()
    }
}

impl Readings for Instruments {
    fn take(&self) -> PendingReading<'_> {
        Box::pin(async {
            let Resources {
                store, verifier, ..
            } = &*self.resources;
            let status = verifier.status();
            self.show_lists();
            self.show_deliveries().await;
            // Before the count of events, which takes a connection itself.
            let (readers_in_use, readers_max) = store.readers_in_use();
            Reading {
                challenges_outstanding: self.admission.outstanding_challenges(),
                writer_queue: store.queued_writes(),
                readers_in_use,
                readers_max,
                takes_writes: store.takes_writes(),
                unsequenced_events: self.unsequenced_events().await,
                misconfigured: status.misconfigured.is_some(),
                token_ends: verifier.token_ends(),
                clock_offset: status.clock_skew_seconds,
                clock_trusted: status.clock_trusted,
            }
        })
    }
}
