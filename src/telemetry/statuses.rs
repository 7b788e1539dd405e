//! What relying parties were told.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::model::status::Status;
use crate::telemetry::Labels;
use crate::telemetry::catalogue::Catalogue;

/// Answers to relying parties, by status. They are too many for the audit log.
#[derive(Debug, Default)]
pub struct Statuses {
    told: Family<Labels<1>, Counter>,
}

impl Statuses {
    pub(super) fn registered(catalogue: &mut Catalogue) -> Self {
        let statuses = Self::default();
        for status in Status::ALL {
            // A series that is there from the start can be compared with.
            drop(statuses.told.get_or_create(&labels(status)));
        }
        catalogue.add(
            "status_answers",
            "What relying parties were told of certificates",
            &["status"],
            statuses.told.clone(),
        );
        statuses
    }

    /// Somebody was told that a certificate has this status.
    pub fn told(&self, status: Status) {
        self.told.get_or_create(&labels(status)).inc();
    }
}

fn labels(status: Status) -> Labels<1> {
    [("status", status.as_str().into())]
}
