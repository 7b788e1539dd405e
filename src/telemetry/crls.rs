//! CRLs: which are served, which are seen from outside, and which could not be made.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use crate::clock::Timestamp;
use crate::model::certificate::IssuerId;
use crate::telemetry::Labels;
use crate::telemetry::catalogue::Catalogue;

/// By issuer: its id, as it stands in the address.
#[derive(Debug, Default)]
pub struct Crls {
    number: Family<Labels<1>, Gauge>,
    entries: Family<Labels<1>, Gauge>,
    this_update: Family<Labels<1>, Gauge>,
    next_update: Family<Labels<1>, Gauge>,
    seen_this_update: Family<Labels<1>, Gauge>,
    seen_next_update: Family<Labels<1>, Gauge>,
    unfetchable: Family<Labels<1>, Gauge>,
    failures: Family<Labels<1>, Counter>,
}

impl Crls {
    pub(super) fn registered(catalogue: &mut Catalogue) -> Self {
        let crls = Self::default();
        let issuer: &[_] = &["issuer"];
        catalogue.add(
            "crl_number",
            "The number of the CRL that is served",
            issuer,
            crls.number.clone(),
        );
        catalogue.add(
            "crl_entries",
            "How many certificates the CRL that is served lists",
            issuer,
            crls.entries.clone(),
        );
        catalogue.add_seconds(
            "crl_this_update_timestamp",
            "When the CRL that is served was made, since the Unix epoch",
            issuer,
            crls.this_update.clone(),
        );
        catalogue.add_seconds(
            "crl_next_update_timestamp",
            "When the CRL that is served ends, since the Unix epoch",
            issuer,
            crls.next_update.clone(),
        );
        catalogue.add_seconds(
            "crl_seen_this_update_timestamp",
            "When the CRL was made that the public address gives, since the Unix epoch",
            issuer,
            crls.seen_this_update.clone(),
        );
        catalogue.add_seconds(
            "crl_seen_next_update_timestamp",
            "When the CRL ends that the public address gives, since the Unix epoch",
            issuer,
            crls.seen_next_update.clone(),
        );
        catalogue.add(
            "crl_unfetchable",
            "1 while no good CRL comes over the public address",
            issuer,
            crls.unfetchable.clone(),
        );
        catalogue.add(
            "crl_failures",
            "CRLs that could not be made or published",
            issuer,
            crls.failures.clone(),
        );
        crls
    }

    /// This node serves this list.
    pub fn served(&self, issuer: &IssuerId, number: i64, entries: i64, times: [Timestamp; 2]) {
        let labels = labels(issuer);
        self.number.get_or_create(&labels).set(number);
        self.entries.get_or_create(&labels).set(entries);
        let [this_update, next_update] = times;
        self.this_update.get_or_create(&labels).set(this_update.0);
        self.next_update.get_or_create(&labels).set(next_update.0);
    }

    /// The public address gives a list with these times, the last good one where it gives none now.
    pub fn seen(&self, issuer: &IssuerId, times: Option<[Timestamp; 2]>, is_wrong: bool) {
        let labels = labels(issuer);
        if let Some([this_update, next_update]) = times {
            let seen = &self.seen_this_update;
            seen.get_or_create(&labels).set(this_update.0);
            let seen = &self.seen_next_update;
            seen.get_or_create(&labels).set(next_update.0);
        }
        let unfetchable = self.unfetchable.get_or_create(&labels);
        unfetchable.set(is_wrong.into());
    }

    /// A list could not be made or published.
    pub fn failed(&self, issuer: &IssuerId) {
        self.failures.get_or_create(&labels(issuer)).inc();
    }
}

fn labels(issuer: &IssuerId) -> Labels<1> {
    [("issuer", issuer.to_string().into())]
}
