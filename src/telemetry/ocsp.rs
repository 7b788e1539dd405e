//! What the OCSP responder says.

use std::borrow::Cow;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::telemetry::Labels;
use crate::telemetry::catalogue::Catalogue;

/// The label of a request that names no issuer of ours. No issuer can have this name.
const NOBODY: &str = "(none)";

/// Answers by what they say.
#[derive(Debug, Default)]
pub struct Ocsp {
    responses: Family<Labels<2>, Counter>,
}

impl Ocsp {
    pub(super) fn registered(catalogue: &mut Catalogue) -> Self {
        let ocsp = Self::default();
        catalogue.add(
            "ocsp_responses",
            "What the OCSP responder said of single certificates, and requests that it did not answer",
            &["issuer", "status"],
            ocsp.responses.clone(),
        );
        ocsp
    }

    /// A certificate of this issuer, by its configured name, was said to stand so; or a request was
    /// refused with this word.
    pub fn answered(&self, configured_name: Option<&str>, status: &'static str) {
        let issuer = configured_name.map_or(NOBODY.into(), |name| Cow::from(name.to_owned()));
        let labels = [("issuer", issuer), ("status", status.into())];
        self.responses.get_or_create(&labels).inc();
    }
}
