//! How a certificate stands.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::authorization::CertificateStatus;
use crate::clock::Timestamp;
use crate::model::attributes::Attributes;
use crate::model::revocation::RevocationReason;
use crate::model::status::Status;

/// What a relying party is told. Of an unknown certificate nothing is known.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StatusView {
    /// `good`, `revoked`, `expired` or `unknown`.
    pub status: Status,
    /// Why it was revoked.
    #[schema(required)]
    pub reason: Option<RevocationReason>,
    /// When it was revoked.
    #[schema(required, format = DateTime)]
    pub revoked_at: Option<String>,
    /// Its first second.
    #[schema(required, format = DateTime)]
    pub not_before: Option<String>,
    /// Its last second.
    #[schema(required, format = DateTime)]
    pub not_after: Option<String>,
    /// The issuer's id.
    #[schema(required)]
    pub issuer: Option<String>,
    /// Its number, hexadecimal.
    #[schema(required)]
    pub serial: Option<String>,
    /// SHA-256 of its DER.
    #[schema(required)]
    pub sha256: Option<String>,
    /// The profile's name.
    #[schema(required)]
    pub profile: Option<String>,
    /// The user.
    #[schema(required)]
    pub email: Option<String>,
    /// The device's id in the Directory API.
    #[schema(required)]
    pub device_permanent_id: Option<String>,
    /// What the profile says of those who hold a good one.
    pub attributes: Attributes,
}

impl StatusView {
    /// Of this answer.
    #[must_use]
    pub fn of(answer: &CertificateStatus) -> Self {
        let certificate = answer.certificate.as_ref();
        let revocation = certificate.and_then(|known| known.revocation);
        let time = |time: Timestamp| time.rfc3339();
        Self {
            status: answer.status,
            reason: revocation.map(|revocation| revocation.reason),
            revoked_at: revocation.map(|revocation| time(revocation.at)),
            not_before: certificate.map(|known| time(known.not_before)),
            not_after: certificate.map(|known| time(known.not_after)),
            issuer: certificate.map(|known| known.issuer.to_string()),
            serial: certificate.map(|known| known.serial.to_string()),
            sha256: certificate.and_then(|known| known.sha256.map(|digest| digest.to_string())),
            profile: certificate.map(|known| known.profile.clone()),
            email: certificate.and_then(|known| known.email.clone()),
            device_permanent_id: certificate.and_then(|known| known.device_permanent_id.clone()),
            attributes: (*answer.attributes).clone(),
        }
    }
}

/// The attributes as FreeRADIUS' module `rest` reads them: into the reply, over what stands there. The
/// status stands beside them for who decides: an answer without it is not one of ours.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(transparent)]
pub struct FreeRadiusView(BTreeMap<String, Value>);

impl FreeRadiusView {
    /// Of this answer.
    #[must_use]
    pub fn of(answer: &CertificateStatus) -> Self {
        // Where nothing else is said, the module expands what looks like a template.
        let set = |value: &str| json!({"op": ":=", "do_xlat": false, "value": [value]});
        let status = (
            "control:Vaca-Status".to_owned(),
            set(answer.status.as_str()),
        );
        let pairs = answer.attributes.iter();
        let pairs = pairs.map(|(name, value)| (format!("reply:{name}"), set(value)));
        Self(std::iter::once(status).chain(pairs).collect())
    }
}
