//! What relying parties ask: the certificate of this name, or with this digest. One row each, by an
//! index.

use crate::clock::Timestamp;
use crate::model::certificate::IssuerId;
use crate::model::fingerprint::Fingerprint;
use crate::model::revocation::Revocation;
use crate::model::serial::SerialNumber;
use crate::store::certificates::short_fingerprint;
use crate::store::engine::{Row, query};
use crate::store::revocations::revocation;
use crate::store::{Store, StoreError};

/// What a relying party may learn of a certificate.
#[derive(Clone, Debug)]
pub struct KnownCertificate {
    /// Whether it was issued to a user or device; otherwise it is a CA's own, was never signed, or
    /// turned up although nobody meant to sign it.
    pub issued_to_holder: bool,
    /// Who signed.
    pub issuer: IssuerId,
    /// Its number.
    pub serial: SerialNumber,
    /// Its DER, once there is one.
    pub der: Option<Vec<u8>>,
    /// SHA-256 of that.
    pub sha256: Option<Fingerprint>,
    /// The profile's name.
    pub profile: String,
    /// A user's e-mail.
    pub email: Option<String>,
    /// Directory API device id.
    pub device_permanent_id: Option<String>,
    /// Its first second.
    pub not_before: Timestamp,
    /// Its last second.
    pub not_after: Timestamp,
    /// Whether it was revoked.
    pub revocation: Option<Revocation>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT c.kind, c.state, c.issuer_id, c.serial, c.der, c.profile, c.email,
                 c.device_permanent_id, c.not_before, c.not_after, r.reason, r.revoked_at
             FROM certificates c LEFT JOIN revocations r ON r.certificate_id = c.id ",
            $rest
        )
    };
}

impl Store {
    /// The certificate with this number, of this issuer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn known_by_name(
        &self,
        issuer: &IssuerId,
        serial: SerialNumber,
    ) -> Result<Option<KnownCertificate>, StoreError> {
        let row = query(select!("WHERE c.issuer_id = $1 AND c.serial = $2"))
            .bind(issuer.as_str())
            .bind(serial.to_string())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The certificate whose DER has this digest.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn known_by_fingerprint(
        &self,
        fingerprint: Fingerprint,
    ) -> Result<Option<KnownCertificate>, StoreError> {
        let rows = query(select!("WHERE c.fingerprint = $1"))
            .bind(short_fingerprint(&fingerprint.0))
            .fetch_all(&self.readers)
            .await?;
        for row in &rows {
            // The index holds 64 bits of it, for which somebody could make another certificate.
            let known = read(row)?;
            if known.sha256 == Some(fingerprint) {
                return Ok(Some(known));
            }
        }
        Ok(None)
    }
}

fn read(row: &Row) -> Result<KnownCertificate, StoreError> {
    let corrupt = StoreError::Corrupt;
    let text = |column| row.try_get::<String, _>(column);
    let der: Option<Vec<u8>> = row.try_get("der")?;
    Ok(KnownCertificate {
        issued_to_holder: text("kind")? == "client" && text("state")? == "issued",
        issuer: IssuerId::parse(&text("issuer_id")?).ok_or(corrupt("certificates.issuer_id"))?,
        serial: SerialNumber::parse(&text("serial")?).ok_or(corrupt("certificates.serial"))?,
        sha256: der.as_deref().map(Fingerprint::of),
        der,
        profile: row.try_get("profile")?,
        email: row.try_get("email")?,
        device_permanent_id: row.try_get("device_permanent_id")?,
        not_before: Timestamp(row.try_get("not_before")?),
        not_after: Timestamp(row.try_get("not_after")?),
        revocation: revocation(row)?,
    })
}
