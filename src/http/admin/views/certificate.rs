//! Certificates.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::http::pem;
use crate::model::revocation::RevocationReason;
use crate::model::serial::hex;
use crate::store::certificates::CertificateRow;

/// A line of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CertificateSummary {
    /// Its number, hexadecimal.
    pub serial_number: String,
    /// The issuer's id.
    pub issuer: String,
    /// What it is for: `client`, `root`, `issuing` or `ocsp`; `unrecorded` where nobody meant to sign it.
    pub kind: String,
    /// `intended`, `issued` or `abandoned`.
    pub state: String,
    /// The profile's name.
    pub profile: String,
    /// Whom it names.
    pub identity: String,
    /// Its first second.
    #[schema(format = DateTime)]
    pub not_before: String,
    /// Its last second.
    #[schema(format = DateTime)]
    pub not_after: String,
    /// From when on its holder should ask for the next.
    #[schema(format = DateTime)]
    pub renew_after: String,
    /// The attempt that it came from.
    #[schema(required)]
    pub attempt: Option<String>,
    /// When it was revoked.
    #[schema(required, format = DateTime)]
    pub revoked_at: Option<String>,
    /// Why.
    #[schema(required)]
    pub revocation_reason: Option<RevocationReason>,
}

impl CertificateSummary {
    /// Of this row.
    #[must_use]
    pub fn of(row: &CertificateRow) -> Self {
        Self {
            serial_number: row.serial.to_string(),
            issuer: row.issuer.to_string(),
            kind: row.kind.clone(),
            state: row.state.clone(),
            profile: row.profile.clone(),
            identity: row.identity.clone(),
            not_before: row.validity.not_before.rfc3339(),
            not_after: row.validity.not_after.rfc3339(),
            renew_after: row.validity.renew_after.rfc3339(),
            attempt: row.attempt.clone(),
            revoked_at: row.revocation.map(|revocation| revocation.at.rfc3339()),
            revocation_reason: row.revocation.map(|revocation| revocation.reason),
        }
    }
}

/// All that is known of one certificate.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CertificateRecord {
    /// What lists say of it.
    #[serde(flatten)]
    pub summary: CertificateSummary,
    /// The user.
    #[schema(required)]
    pub email: Option<String>,
    /// The device's id in the Directory API.
    #[schema(required)]
    pub device_permanent_id: Option<String>,
    /// The device's id in the policy.
    #[schema(required)]
    pub virtual_device_id: Option<String>,
    /// The id that the device was enrolled with.
    #[schema(required)]
    pub device_enrollment_id: Option<String>,
    /// The id that the device's hardware attests.
    #[schema(required)]
    pub attested_device_id: Option<String>,
    /// The managing customer.
    #[schema(required)]
    pub customer_id: Option<String>,
    /// Which version of the profile.
    pub profile_hash: String,
    /// SHA-256 of the certified key.
    pub spki_sha256: String,
    /// When it was intended.
    #[schema(format = DateTime)]
    pub intended_at: String,
    /// When it was recorded or abandoned.
    #[schema(format = DateTime, required)]
    pub closed_at: Option<String>,
    /// PEM, once it is recorded.
    #[schema(required)]
    pub certificate: Option<String>,
}

impl CertificateRecord {
    /// Of this row.
    #[must_use]
    pub fn of(row: &CertificateRow) -> Self {
        let holder = row.holder.clone();
        let der = row.der.as_deref();
        Self {
            summary: CertificateSummary::of(row),
            email: holder.email,
            device_permanent_id: holder.device_permanent_id,
            virtual_device_id: holder.virtual_device_id,
            device_enrollment_id: holder.device_enrollment_id,
            attested_device_id: holder.attested_device_id,
            customer_id: holder.customer_id,
            profile_hash: row.profile_hash.to_string(),
            spki_sha256: hex(&row.spki_sha256),
            intended_at: row.intended_at.rfc3339(),
            closed_at: row.closed_at.map(Timestamp::rfc3339),
            certificate: der.and_then(|der| pem::certificate(der).ok()),
        }
    }
}
