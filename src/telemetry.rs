//! What is measured: typed handles, made once and resolved before they are needed. No exporter here.
//!
//! A label holds a configured name or a word of a closed table of ours, never a value of a request:
//! a stranger must be able neither to write into a monitoring system nor to fill it. Names and units
//! follow Prometheus' conventions and OpenMetrics 1.0; `docs/operations.md` lists every family.

use std::borrow::Cow;

use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

mod attempts;
mod calls;
mod catalogue;
mod commits;
mod crls;
mod deliveries;
mod gates;
mod issuers;
mod lists;
mod ocsp;
mod optional;
mod readings;
mod stages;
mod statuses;

pub use attempts::Attempts;
pub use calls::{Call, Calls, Method, Way};
pub use catalogue::Described;
pub use commits::Commits;
pub use crls::Crls;
pub use deliveries::{Deliveries, DeliveryOutcome};
pub use gates::Gates;
pub use issuers::Issuers;
pub use lists::Lists;
pub use ocsp::Ocsp;
pub use readings::Reading;
pub use stages::{Ending, Stage, Stages};
pub use statuses::Statuses;

use catalogue::Catalogue;
use readings::Gauges;

/// The labels of one series, in the order in which they are shown.
type Labels<const N: usize> = [(&'static str, Cow<'static, str>); N];

/// Upper bounds of the buckets of every histogram of times, in seconds: from a computation to the end
/// of an enrolment's patience.
const SECONDS: [f64; 16] = [
    0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    20.0,
];

/// What the configuration calls things: the only words from outside the program that a label holds.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// The profiles.
    pub profiles: Vec<String>,
    /// The lists, each with its kind.
    pub lists: Vec<(String, &'static str)>,
    /// The services that are told of events.
    pub sinks: Vec<String>,
    /// The gates at proxies.
    pub gates: Vec<String>,
}

/// Every handle, and the registry that knows them.
#[derive(Debug)]
pub struct Metrics {
    /// Challenges, attempts, and requests that became none.
    pub attempts: Attempts,
    /// How long the steps of an enrolment take.
    pub stages: Stages,
    /// Calls to Verified Access.
    pub calls: Calls,
    /// Commits of the record.
    pub commits: Commits,
    /// CRLs.
    pub crls: Crls,
    /// When issuers end.
    pub issuers: Issuers,
    /// What the OCSP responder says.
    pub ocsp: Ocsp,
    /// The organisation's lists.
    pub lists: Lists,
    /// What is delivered to services of the organisation's own.
    pub deliveries: Deliveries,
    /// Answers to relying parties.
    pub statuses: Statuses,
    /// Answers to proxies.
    pub gates: Gates,
    gauges: Gauges,
    catalogue: Catalogue,
}

impl Metrics {
    /// Makes and registers everything; labels will hold `names` and no other.
    #[must_use]
    pub fn new(names: &Names) -> Self {
        let mut catalogue = Catalogue::default();
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        catalogue.add("build", "The program", &["version"], Info::new(version));
        Self {
            attempts: Attempts::registered(&mut catalogue, &names.profiles),
            stages: Stages::registered(&mut catalogue),
            calls: Calls::registered(&mut catalogue),
            commits: Commits::registered(&mut catalogue),
            crls: Crls::registered(&mut catalogue),
            issuers: Issuers::registered(&mut catalogue),
            ocsp: Ocsp::registered(&mut catalogue),
            lists: Lists::registered(&mut catalogue, &names.lists),
            deliveries: Deliveries::registered(&mut catalogue, &names.sinks),
            statuses: Statuses::registered(&mut catalogue),
            gates: Gates::registered(&mut catalogue, &names.gates),
            gauges: Gauges::registered(&mut catalogue),
            catalogue,
        }
    }

    /// Sets what is looked at when somebody asks, and not counted when it happens.
    pub fn show(&self, reading: &Reading) {
        self.gauges.show(reading);
    }

    /// For an exporter.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        self.catalogue.registry()
    }

    /// Every family, those without a series included, in the order of the registry.
    #[must_use]
    pub fn families(&self) -> &[Described] {
        self.catalogue.families()
    }
}

#[cfg(test)]
mod tests;
