//! Deliveries of events to services of the organisation's own.

use std::collections::HashMap;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use crate::telemetry::Labels;
use crate::telemetry::catalogue::Catalogue;

/// How one try to deliver ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryOutcome {
    /// It was taken.
    Delivered,
    /// It is tried again.
    Failed,
    /// It is not tried any more.
    GivenUp,
}

impl DeliveryOutcome {
    const ALL: [Self; 3] = [Self::Delivered, Self::Failed, Self::GivenUp];

    fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::GivenUp => "given_up",
        }
    }
}

/// Tries, and what waits, for each configured service.
#[derive(Debug, Default)]
pub struct Deliveries {
    ended: HashMap<(String, DeliveryOutcome), Counter>,
    waiting: Family<Labels<1>, Gauge>,
    dead: Family<Labels<1>, Gauge>,
    oldest: Family<Labels<1>, Gauge>,
    configured: HashMap<String, Labels<1>>,
}

impl Deliveries {
    pub(super) fn registered(catalogue: &mut Catalogue, sinks: &[String]) -> Self {
        let ended = Family::<Labels<2>, Counter>::default();
        let mut deliveries = Self::default();
        for sink in sinks {
            let label = ("sink", sink.clone().into());
            for outcome in DeliveryOutcome::ALL {
                let labels = [label.clone(), ("outcome", outcome.as_str().into())];
                let counter = ended.get_or_create_owned(&labels);
                deliveries.ended.insert((sink.clone(), outcome), counter);
            }
            deliveries.configured.insert(sink.clone(), [label]);
        }
        catalogue.add(
            "deliveries",
            "Tries to deliver an event, by how they ended",
            &["sink", "outcome"],
            ended,
        );
        catalogue.add(
            "deliveries_waiting",
            "Events that wait for their delivery, 10000 at most",
            &["sink"],
            deliveries.waiting.clone(),
        );
        catalogue.add(
            "deliveries_dead",
            "Events that were given up undelivered, 10000 at most",
            &["sink"],
            deliveries.dead.clone(),
        );
        catalogue.add_seconds(
            "delivery_oldest_age",
            "How long the oldest event has waited for its delivery",
            &["sink"],
            deliveries.oldest.clone(),
        );
        deliveries
    }

    /// A try ended. A name that is not configured is not counted.
    pub fn ended(&self, configured_name: &str, outcome: DeliveryOutcome) {
        if let Some(counter) = self.ended.get(&(configured_name.to_owned(), outcome)) {
            counter.inc();
        }
    }

    /// What waits for a service, what was given up, and for how long the oldest has waited, in seconds. A
    /// name that is not configured is not shown.
    pub fn stand(&self, configured_name: &str, waiting: i64, dead: i64, oldest: i64) {
        if let Some(labels) = self.configured.get(configured_name) {
            self.waiting.get_or_create(labels).set(waiting);
            self.dead.get_or_create(labels).set(dead);
            self.oldest.get_or_create(labels).set(oldest);
        }
    }
}
