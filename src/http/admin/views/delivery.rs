//! Deliveries of events that wait, or were given up.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::model::delivery::DeliveryKind;
use crate::store::deliveries::Delivery;

/// A delivery.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    /// What the configuration calls the service.
    pub sink: String,
    /// What is sent calls the event so.
    pub id: String,
    /// What happened.
    #[schema(required)]
    pub kind: Option<DeliveryKind>,
    /// About what: an attempt's short id, or `issuer/serial`.
    pub subject: String,
    /// `waiting` or `dead`.
    pub state: &'static str,
    /// Since when it is tried.
    #[schema(format = DateTime)]
    pub queued_at: String,
    /// How often it failed.
    pub failures: i64,
    /// When it is tried next.
    #[schema(required, format = DateTime)]
    pub due_at: Option<String>,
    /// Why it failed last; a server of somebody else's may have had a say in it.
    #[schema(required)]
    pub problem: Option<String>,
    /// When it was given up.
    #[schema(required, format = DateTime)]
    pub dead_at: Option<String>,
}

impl DeliveryView {
    /// Of this row.
    #[must_use]
    pub fn of(row: &Delivery) -> Self {
        Self {
            sink: row.id.sink.clone(),
            id: row.name(),
            kind: DeliveryKind::of_stored(&row.event.kind),
            subject: row.event.subject.clone(),
            state: if row.dead_at.is_some() {
                "dead"
            } else {
                "waiting"
            },
            queued_at: row.queued_at.rfc3339(),
            failures: row.failures,
            due_at: row.dead_at.is_none().then(|| row.due_at.rfc3339()),
            problem: row.problem.clone(),
            dead_at: row.dead_at.map(Timestamp::rfc3339),
        }
    }
}
