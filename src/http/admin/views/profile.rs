//! Profiles.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::attributes::Attributes;
use crate::model::facts::{KeyAlgorithm, KeyTrustLevel};
use crate::model::identity::KeyScope;
use crate::model::profile::{Allow, CertificateProfile};

/// What a profile asks for and gives.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProfileView {
    /// What requests call it.
    pub name: String,
    /// The recipe's fingerprint, by which attempts and certificates name it.
    pub hash: String,
    /// Whose key it certifies.
    pub scope: KeyScope,
    /// The managed domains.
    pub domains: Vec<String>,
    /// The managing customer.
    pub customer_id: String,
    /// Whether a user answer without a customer id is refused.
    pub require_customer_id: bool,
    /// The issuer's configured name.
    pub issuer: String,
    /// Who may have one.
    pub allow: Allow,
    /// Keys that may be certified.
    pub key_algorithms: Vec<KeyAlgorithm>,
    /// Trust levels that may be certified.
    pub key_trust_levels: Vec<KeyTrustLevel>,
    /// Names of the rules that must be true besides.
    pub rules: Vec<String>,
    /// Lifetime, in seconds.
    pub lifetime_seconds: i64,
    /// How long before its end a certificate is renewed, in seconds.
    pub renewal_window_seconds: i64,
    /// How many certificates one holder may have at once.
    pub live_certificates: u32,
    /// How many attempts one user or device may start in a minute.
    pub attempts_per_minute: u32,
    /// What relying parties are told of holders.
    pub attributes: Attributes,
    /// How long after its successor a superseded certificate is revoked, in seconds; `null` where it is
    /// kept.
    pub superseded_after_seconds: Option<i64>,
}

impl ProfileView {
    /// Of this profile.
    #[must_use]
    pub fn of(profile: &CertificateProfile) -> Self {
        let domains = profile.domains.iter();
        let rules = profile.rules.iter();
        Self {
            name: profile.name.clone(),
            hash: profile.hash.to_string(),
            scope: profile.scope,
            domains: domains.map(|domain| domain.as_str().to_owned()).collect(),
            customer_id: profile.customer_id.as_str().to_owned(),
            require_customer_id: profile.require_customer_id,
            issuer: profile.issuer.clone(),
            allow: (*profile.allow).clone(),
            key_algorithms: profile.key_algorithms.clone(),
            key_trust_levels: profile.key_trust_levels.clone(),
            rules: rules.map(|rule| rule.name.clone()).collect(),
            lifetime_seconds: profile.lifetime,
            renewal_window_seconds: profile.renewal_window,
            live_certificates: profile.live_certificates,
            attempts_per_minute: profile.attempts_per_minute,
            attributes: (*profile.attributes).clone(),
            superseded_after_seconds: profile.superseded_after,
        }
    }
}
