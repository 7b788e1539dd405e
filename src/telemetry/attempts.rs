//! Challenges, attempts by what became of them, and requests that became none.

use std::borrow::Cow;
use std::collections::HashMap;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::model::problem_code::ProblemCode;
use crate::telemetry::Labels;
use crate::telemetry::catalogue::Catalogue;

/// The label of a profile that attempts were bound for and that is no longer configured. No profile
/// can have this name.
const REMOVED: &str = "(removed)";

/// What an issued attempt has for a code.
const NO_CODE: &str = "none";

/// Counters of the way from a challenge to an outcome.
#[derive(Debug)]
pub struct Attempts {
    attempts: Family<Labels<3>, Counter>,
    refused: Family<Labels<1>, Counter>,
    profiles: HashMap<String, OfProfile>,
}

/// What nearly every enrolment adds to, looked up once.
#[derive(Debug)]
struct OfProfile {
    challenges: Counter,
    issued: Counter,
}

impl Attempts {
    pub(super) fn registered(catalogue: &mut Catalogue, profiles: &[String]) -> Self {
        let challenges = Family::<Labels<1>, Counter>::default();
        let attempts = Family::<Labels<3>, Counter>::default();
        let refused = Family::<Labels<1>, Counter>::default();
        catalogue.add(
            "challenges",
            "Challenges that were handed out",
            &["profile"],
            challenges.clone(),
        );
        catalogue.add(
            "attempts",
            "Attempts that were issued or denied, and times that one was left unfinished",
            &["profile", "outcome", "code"],
            attempts.clone(),
        );
        catalogue.add(
            "refused_requests",
            "Requests that got a problem and have no attempt",
            &["code"],
            refused.clone(),
        );
        let of_profile = |name: &String| {
            let profile = [("profile", Cow::from(name.clone()))];
            let labels = labels(name.clone().into(), "issued", NO_CODE);
            let counters = OfProfile {
                challenges: challenges.get_or_create_owned(&profile),
                issued: attempts.get_or_create_owned(&labels),
            };
            (name.clone(), counters)
        };
        Self {
            profiles: profiles.iter().map(of_profile).collect(),
            attempts,
            refused,
        }
    }

    /// A challenge was handed out.
    pub fn challenged(&self, profile: &str) {
        if let Some(counters) = self.profiles.get(profile) {
            counters.challenges.inc();
        }
    }

    /// An attempt ended in a certificate, and that is committed.
    pub fn issued(&self, profile: &str) {
        if let Some(counters) = self.profiles.get(profile) {
            counters.issued.inc();
        }
    }

    /// An attempt was denied, and that is committed.
    pub fn denied(&self, profile: &str, code: ProblemCode) {
        self.count(profile, "denied", code);
    }

    /// An attempt was left open for the same bytes, because of something that is not the device's
    /// fault. The same attempt may be counted again.
    pub fn unfinished(&self, profile: &str, code: ProblemCode) {
        self.count(profile, "unfinished", code);
    }

    /// A request got a problem and has no attempt.
    pub fn refused(&self, code: ProblemCode) {
        let labels = [("code", code.as_str().into())];
        self.refused.get_or_create(&labels).inc();
    }

    fn count(&self, profile: &str, outcome: &'static str, code: ProblemCode) {
        let configured = self.profiles.get_key_value(profile);
        let profile = configured.map_or(Cow::Borrowed(REMOVED), |(name, _)| name.clone().into());
        let labels = labels(profile, outcome, code.as_str());
        self.attempts.get_or_create(&labels).inc();
    }
}

fn labels(profile: Cow<'static, str>, outcome: &'static str, code: &'static str) -> Labels<3> {
    [
        ("profile", profile),
        ("outcome", outcome.into()),
        ("code", code.into()),
    ]
}
