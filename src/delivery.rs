//! Who is told of it? Signed events to services of the organisation's own, off every request's path.
//!
//! What is to be told was queued with the event itself (`store/deliveries.rs`). Here it is read, sent,
//! and taken off the queue once it was answered: at least once, in the order of each subject, by one node
//! at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::admission::Resources;
use crate::clock::Timestamp;
use crate::model::delivery::wait;
use crate::store::StoreError;
use crate::store::deliveries::{Delivered, Delivery, Next, Undelivered};
use crate::store::leases::Acquire;
use crate::telemetry::DeliveryOutcome;

mod notice;
mod settings;
mod sink;

pub use notice::{Notice, Told};
pub use settings::{EventSinkSettings, InvalidEventSink};
pub use sink::{PURPOSE, Sink};

use sink::Answered;

/// Between two looks at the queue.
const LOOK: Duration = Duration::from_secs(1);
/// Deliveries to one service that are under way at once.
const AT_ONCE: u32 = 16;
/// How long a node is the one to deliver, in seconds: longer than any delivery takes. One that dies is
/// replaced after it.
const LEASE: i64 = 30;
/// Longest reason that is kept, in characters: a stranger's server may have had a say in it.
const PROBLEM_MAX: usize = 200;

/// Delivers until it is dropped; ends only where something went wrong. `holder` names this process among others on the same record. Each
/// service has a loop of its own: one that is slow keeps no other waiting.
pub async fn run(resources: Arc<Resources>, sinks: Vec<Arc<Sink>>, holder: String) {
    let mut loops = JoinSet::new();
    for sink in sinks {
        let queue = Queue {
            resources: Arc::clone(&resources),
            sink,
            holder: holder.clone(),
        };
        loops.spawn(queue.run());
    }
    if loops.join_next().await.is_none() {
        // Nobody wants to be told: nothing is to be done, for ever.
        std::future::pending::<()>().await;
    }
}

/// The queue for one service.
#[derive(Clone, Debug)]
struct Queue {
    resources: Arc<Resources>,
    sink: Arc<Sink>,
    holder: String,
}

impl Queue {
    async fn run(self) {
        let mut tick = tokio::time::interval(LOOK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            loop {
                match self.round().await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        tracing::error!(sink = self.sink.name(), %error, "no deliveries for now");
                        break;
                    }
                }
            }
        }
    }

    /// Delivers what is due, at most [`AT_ONCE`]. Answers whether there may be more: what waited behind
    /// one of these, or beside them.
    async fn round(&self) -> Result<bool, StoreError> {
        let now = self.resources.clock.now();
        if !self.leases(now).await? {
            return Ok(false);
        }
        let store = &self.resources.store;
        let due = store.due_deliveries(self.sink.name(), now, AT_ONCE).await?;
        let mut under_way = JoinSet::new();
        for delivery in due {
            let queue = self.clone();
            under_way.spawn(async move { queue.deliver(&delivery).await });
        }
        let mut delivered = false;
        while let Some(ended) = under_way.join_next().await {
            delivered |= matches!(ended, Ok(Ok(true)));
            if let Ok(Err(error)) = ended {
                // Still in the queue: it goes out once more, under the same id.
                tracing::error!(sink = self.sink.name(), %error, "what became of a delivery is not recorded");
            }
        }
        Ok(delivered)
    }

    async fn leases(&self, now: Timestamp) -> Result<bool, StoreError> {
        let lease = Acquire {
            name: "deliveries",
            holder: self.holder.clone(),
            now,
            until: now.plus(LEASE),
        };
        Ok(self.resources.store.write(lease).await?.is_some())
    }

    /// Sends one and records what became of it. Answers whether it was delivered.
    async fn deliver(&self, delivery: &Delivery) -> Result<bool, StoreError> {
        let Resources { clock, store, .. } = &*self.resources;
        let Some(notice) = Notice::of(delivery, &self.resources).await? else {
            // Nothing that this program tells of.
            store.write(Delivered(delivery.id.clone())).await?;
            return Ok(true);
        };
        let answered = self.sink.send(&notice).await;
        let measured = &self.resources.metrics.deliveries;
        let (problem, last) = match answered {
            Answered::Taken => {
                store.write(Delivered(delivery.id.clone())).await?;
                measured.ended(self.sink.name(), DeliveryOutcome::Delivered);
                return Ok(true);
            }
            Answered::Refused(problem) => (problem, true),
            Answered::Failed(problem) => (problem, false),
        };
        let next = self.next(delivery, clock.now(), last);
        let outcome = match next {
            Next::TryAt(_) => DeliveryOutcome::Failed,
            Next::GiveUp(_) => DeliveryOutcome::GivenUp,
        };
        self.say(delivery, next, &problem);
        let undelivered = Undelivered {
            id: delivery.id.clone(),
            problem: problem.chars().take(PROBLEM_MAX).collect(),
            next,
        };
        store.write(undelivered).await?;
        measured.ended(self.sink.name(), outcome);
        Ok(false)
    }

    /// One that was refused for good is given up here; one that waited too long, by the schedule, under a
    /// clock that Google's confirmed.
    fn next(&self, delivery: &Delivery, now: Timestamp, last: bool) -> Next {
        if last {
            return Next::GiveUp(now);
        }
        // Without randomness all come back together, which is no harm to anybody but them.
        let random = self.resources.random.array().map_or(0, u32::from_be_bytes);
        Next::TryAt(now.plus(wait(delivery.failures.saturating_add(1), random)))
    }

    /// The first failure and the last; what lies between stands in the queue.
    fn say(&self, delivery: &Delivery, next: Next, problem: &str) {
        let (sink, id) = (self.sink.name(), delivery.name());
        match next {
            Next::GiveUp(_) => {
                tracing::error!(sink, id, problem, "an event was given up undelivered");
            }
            Next::TryAt(_) if delivery.failures == 0 => {
                tracing::warn!(
                    sink,
                    id,
                    problem,
                    "an event was not taken; it is tried again"
                );
            }
            Next::TryAt(_) => {}
        }
    }
}
