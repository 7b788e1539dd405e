//! The organisation's lists: how old, how long, and whether the newest file could be used.

use std::collections::HashMap;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use crate::clock::Timestamp;
use crate::telemetry::Labels;
use crate::telemetry::catalogue::Catalogue;

/// What was loaded of each configured list.
#[derive(Debug, Default)]
pub struct Lists {
    loaded: Family<Labels<2>, Gauge>,
    rows: Family<Labels<2>, Gauge>,
    failing: Family<Labels<2>, Gauge>,
    configured: HashMap<String, Labels<2>>,
}

impl Lists {
    pub(super) fn registered(catalogue: &mut Catalogue, names: &[(String, &'static str)]) -> Self {
        let labels = |(name, kind): &(String, &'static str)| {
            let labels = [("list", name.clone().into()), ("kind", (*kind).into())];
            (name.clone(), labels)
        };
        let lists = Self {
            configured: names.iter().map(labels).collect(),
            ..Self::default()
        };
        catalogue.add_seconds(
            "list_loaded_timestamp",
            "When the file of the list in use was written, since the Unix epoch",
            &["list", "kind"],
            lists.loaded.clone(),
        );
        catalogue.add(
            "list_rows",
            "Rows of the list in use",
            &["list", "kind"],
            lists.rows.clone(),
        );
        catalogue.add(
            "list_failing",
            "1 while the newest file cannot be used and an older list is",
            &["list", "kind"],
            lists.failing.clone(),
        );
        lists
    }

    /// A list was loaded. A name that is not configured is not shown.
    pub fn loaded(&self, configured_name: &str, at: Timestamp, rows: usize) {
        if let Some(labels) = self.configured.get(configured_name) {
            self.loaded.get_or_create(labels).set(at.0);
            let rows = i64::try_from(rows).unwrap_or(i64::MAX);
            self.rows.get_or_create(labels).set(rows);
            self.failing.get_or_create(labels).set(0);
        }
    }

    /// The newest file of a list cannot be used.
    pub fn failed(&self, configured_name: &str) {
        if let Some(labels) = self.configured.get(configured_name) {
            self.failing.get_or_create(labels).set(1);
        }
    }
}
