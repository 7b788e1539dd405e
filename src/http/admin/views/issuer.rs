//! Issuers.

use serde::Serialize;
use utoipa::ToSchema;

use crate::ca::Issuer;

/// A CA of ours.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IssuerView {
    /// What profiles call it.
    pub name: String,
    /// What paths and rows call it.
    pub id: String,
    /// The root's id.
    pub root_id: String,
    /// `google`, or `test` for an issuer that nobody may trust.
    pub endpoint: &'static str,
    /// Its first second.
    #[schema(format = DateTime)]
    pub not_before: String,
    /// Its last second.
    #[schema(format = DateTime)]
    pub not_after: String,
    /// The issuing certificate, PEM.
    pub certificate: String,
    /// The root's certificate, PEM.
    pub root_certificate: String,
}

impl IssuerView {
    /// Of this issuer.
    #[must_use]
    pub fn of(issuer: &Issuer) -> Self {
        Self {
            name: issuer.name().to_owned(),
            id: issuer.id().to_string(),
            root_id: issuer.root().issuer_id().to_string(),
            endpoint: issuer.endpoint().as_str(),
            not_before: issuer.not_before().rfc3339(),
            not_after: issuer.not_after().rfc3339(),
            certificate: issuer.authority().pem(),
            root_certificate: issuer.root().pem(),
        }
    }
}
