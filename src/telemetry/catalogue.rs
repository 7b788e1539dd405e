//! The registry, with a list of what is in it: a registry cannot be asked.

use prometheus_client::registry::{Metric, Registry, Unit};

/// The first word of every family's name.
const PREFIX: &str = "vaca";

/// A family, as queries and documentation name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The name in queries, such as `vaca_attempts_total`; of a histogram, without `_bucket`.
    pub name: String,
    /// `counter`, `gauge`, `histogram` or `info`.
    pub kind: String,
    /// Its labels' names, in order.
    pub labels: &'static [&'static str],
}

#[derive(Debug)]
pub(super) struct Catalogue {
    registry: Registry,
    families: Vec<Described>,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self {
            registry: Registry::with_prefix(PREFIX),
            families: Vec::new(),
        }
    }
}

impl Catalogue {
    /// Adds a family without a unit. `name` is without prefix and suffix.
    pub(super) fn add(
        &mut self,
        name: &str,
        help: &str,
        labels: &'static [&'static str],
        metric: impl Metric,
    ) {
        self.describe(name, labels, &metric);
        self.registry.register(name, help, metric);
    }

    /// Adds a family of seconds; the registry puts the unit behind the name.
    pub(super) fn add_seconds(
        &mut self,
        name: &str,
        help: &str,
        labels: &'static [&'static str],
        metric: impl Metric,
    ) {
        self.describe(&format!("{name}_seconds"), labels, &metric);
        self.registry
            .register_with_unit(name, help, Unit::Seconds, metric);
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(super) fn families(&self) -> &[Described] {
        &self.families
    }

    /// OpenMetrics 1.0 gives the samples of counters and infos a suffix of their own.
    fn describe(&mut self, name: &str, labels: &'static [&'static str], metric: &dyn Metric) {
        let kind = metric.metric_type().as_str().to_owned();
        let suffix = match kind.as_str() {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        self.families.push(Described {
            name: format!("{PREFIX}_{name}{suffix}"),
            kind,
            labels,
        });
    }
}
