//! What a renewal goes by: how a certificate stands, and which one has taken its place.

use crate::clock::Timestamp;
use crate::model::certificate::{IssuerId, Validity};
use crate::model::revocation::Revocation;
use crate::model::serial::SerialNumber;
use crate::store::engine::query;
use crate::store::revocations::revocation;
use crate::store::{Store, StoreError};

/// A client certificate that was issued, as far as its renewal goes.
#[derive(Clone, Debug)]
pub struct Renewable {
    /// Row number.
    pub row: i64,
    /// The profile's name.
    pub profile: String,
    /// One text per identity.
    pub identity: String,
    /// Which device it went to: needed to tell a user's Chromebooks from each other.
    pub virtual_device_id: Option<String>,
    /// When it is good.
    pub validity: Validity,
    /// Whether it was revoked.
    pub revocation: Option<Revocation>,
}

impl Renewable {
    /// Whether certificates of its identity are all for one device.
    fn is_a_devices(&self) -> bool {
        self.identity.starts_with("device:")
    }
}

impl Store {
    /// The client certificate of this name; `None` where none was issued.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn renewable(
        &self,
        issuer: &IssuerId,
        serial: SerialNumber,
    ) -> Result<Option<Renewable>, StoreError> {
        let row = query(
            "SELECT c.id, c.profile, c.identity, c.virtual_device_id, c.not_before, c.not_after,
                 c.renew_after, r.reason, r.revoked_at
             FROM certificates c LEFT JOIN revocations r ON r.certificate_id = c.id
             WHERE c.issuer_id = $1 AND c.serial = $2 AND c.kind = 'client' AND c.state = 'issued'",
        )
        .bind(issuer.as_str())
        .bind(serial.to_string())
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        Ok(Some(Renewable {
            row: row.try_get("id")?,
            profile: row.try_get("profile")?,
            identity: row.try_get("identity")?,
            virtual_device_id: row.try_get("virtual_device_id")?,
            validity: Validity {
                not_before: Timestamp(row.try_get("not_before")?),
                not_after: Timestamp(row.try_get("not_after")?),
                renew_after: Timestamp(row.try_get("renew_after")?),
            },
            revocation: revocation(&row)?,
        }))
    }

    /// The newest good certificate that took this one's place: a later one of the same identity and
    /// profile, for the same device. A user with two Chromebooks has two certificates, neither of which
    /// supersedes the other; where Google named no device, nothing of a user's supersedes anything.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn successor(
        &self,
        certificate: &Renewable,
        now: Timestamp,
    ) -> Result<Option<(IssuerId, SerialNumber)>, StoreError> {
        // Sorted by time, and only then by number: a planner that sees an order by the number alone may
        // walk the table from its end.
        let found = if certificate.is_a_devices() {
            query(
                "SELECT issuer_id, serial FROM certificates
                 WHERE identity = $1 AND profile = $2 AND id > $3 AND not_after >= $4
                   AND kind = 'client' AND state = 'issued'
                   AND NOT EXISTS (SELECT 1 FROM revocations WHERE certificate_id = certificates.id)
                 ORDER BY intended_at DESC, id DESC LIMIT 1",
            )
        } else {
            query(
                "SELECT issuer_id, serial FROM certificates
                 WHERE virtual_device_id = $5 AND identity = $1 AND profile = $2 AND id > $3
                   AND not_after >= $4 AND kind = 'client' AND state = 'issued'
                   AND NOT EXISTS (SELECT 1 FROM revocations WHERE certificate_id = certificates.id)
                 ORDER BY intended_at DESC, id DESC LIMIT 1",
            )
        };
        let mut found = found
            .bind(&certificate.identity)
            .bind(&certificate.profile)
            .bind(certificate.row)
            .bind(now.0);
        if !certificate.is_a_devices() {
            let Some(device) = &certificate.virtual_device_id else {
                return Ok(None);
            };
            found = found.bind(device);
        }
        let row = found.fetch_optional(&self.readers).await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let (issuer, serial): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let corrupt = StoreError::Corrupt;
        let issuer = IssuerId::parse(&issuer).ok_or(corrupt("certificates.issuer_id"))?;
        let serial = SerialNumber::parse(&serial).ok_or(corrupt("certificates.serial"))?;
        Ok(Some((issuer, serial)))
    }
}
