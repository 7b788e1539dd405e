//! What proxies were told at gates.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::telemetry::Labels;
use crate::telemetry::catalogue::Catalogue;

/// Answers to proxies, by gate and outcome. They are too many for the audit log.
#[derive(Debug, Default)]
pub struct Gates {
    told: Family<Labels<2>, Counter>,
}

impl Gates {
    pub(super) fn registered(catalogue: &mut Catalogue, names: &[String]) -> Self {
        let gates = Self::default();
        for gate in names {
            // A series that is there from the start can be compared with; the others begin with the first.
            drop(gates.told.get_or_create(&labels(gate, "admitted")));
        }
        catalogue.add(
            "gate_answers",
            "What proxies were told at gates",
            &["gate", "outcome"],
            gates.told.clone(),
        );
        gates
    }

    /// At this configured gate somebody was let in (`admitted`), or was not, for the reason that this
    /// word of ours gives.
    pub fn told(&self, gate: &str, outcome: &'static str) {
        self.told.get_or_create(&labels(gate, outcome)).inc();
    }
}

fn labels(gate: &str, outcome: &'static str) -> Labels<2> {
    [
        ("gate", gate.to_owned().into()),
        ("outcome", outcome.into()),
    ]
}
