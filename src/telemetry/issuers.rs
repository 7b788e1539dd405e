//! When issuers end.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use crate::clock::Timestamp;
use crate::telemetry::Labels;
use crate::telemetry::catalogue::Catalogue;

/// One gauge per configured issuer.
#[derive(Debug, Default)]
pub struct Issuers {
    ends: Family<Labels<1>, Gauge>,
}

impl Issuers {
    pub(super) fn registered(catalogue: &mut Catalogue) -> Self {
        let issuers = Self::default();
        catalogue.add_seconds(
            "issuer_expiry_timestamp",
            "When the issuing certificate ends, since the Unix epoch",
            &["issuer"],
            issuers.ends.clone(),
        );
        issuers
    }

    /// The issuer of this configured name has a certificate that ends then.
    pub fn ends(&self, configured_name: &str, at: Timestamp) {
        let labels = [("issuer", configured_name.to_owned().into())];
        self.ends.get_or_create(&labels).set(at.0);
    }
}
