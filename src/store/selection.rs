//! Which certificates a revocation may hit: those that are good or may yet be signed, with what a person
//! chooses them by. Without their octets, of which there may be gigabytes.

use crate::clock::Timestamp;
use crate::model::certificate::IssuerId;
use crate::model::serial::SerialNumber;
use crate::store::certificates::Holder;
use crate::store::engine::{Row, query};
use crate::store::issuers::{issuer_ids, issuers_of};
use crate::store::{Store, StoreError};

/// One of them.
#[derive(Clone, Debug)]
pub struct Selected {
    /// Its row.
    pub row: i64,
    /// `client`, `issuing`, `ocsp` or `unrecorded`; never a root's own.
    pub kind: String,
    /// Who signed.
    pub issuer: IssuerId,
    /// Its number.
    pub serial: SerialNumber,
    /// The profile's name.
    pub profile: String,
    /// One text per identity.
    pub identity: String,
    /// Everything that Google called the holder.
    pub holder: Holder,
    /// When it was intended.
    pub issued_at: Timestamp,
    /// Its last second.
    pub not_after: Timestamp,
    /// Whether it is revoked.
    pub is_revoked: bool,
}

/// What narrows a walk through all certificates.
#[derive(Clone, Copy, Debug)]
pub struct Within<'a> {
    /// Of this profile.
    pub profile: Option<&'a str>,
    /// Of this issuer.
    pub issuer: Option<&'a str>,
    /// Intended then or later.
    pub from: Timestamp,
    /// Intended then or earlier.
    pub until: Timestamp,
}

impl Within<'_> {
    /// All.
    pub const ANYTHING: Self = Self {
        profile: None,
        issuer: None,
        from: Timestamp(i64::MIN),
        until: Timestamp(i64::MAX),
    };
}

/// Where a walk through all certificates stands.
pub type Place = (Timestamp, i64);

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT c.id, c.kind, c.issuer_id, c.serial, c.profile, c.identity, c.email,
                 c.device_permanent_id, c.virtual_device_id, c.device_enrollment_id,
                 c.attested_device_id, c.customer_id, c.intended_at, c.not_after, r.id AS revocation
             FROM certificates c LEFT JOIN revocations r ON r.certificate_id = c.id ",
            $rest
        )
    };
}

impl Store {
    /// The certificate of this issuer and number, expired or not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn select_serial(
        &self,
        issuer: &IssuerId,
        serial: SerialNumber,
    ) -> Result<Option<Selected>, StoreError> {
        let row = query(select!(
            "WHERE c.issuer_id = $1 AND c.serial = $2 AND c.kind <> 'root'"
        ))
        .bind(issuer.as_str())
        .bind(serial.to_string())
        .fetch_optional(&self.readers)
        .await?;
        row.as_ref().map(read).transpose()
    }

    /// An identity's certificates.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn select_identity(
        &self,
        identity: &str,
        now: Timestamp,
    ) -> Result<Vec<Selected>, StoreError> {
        let rows = query(select!(
            "WHERE c.identity = $1 AND c.not_after >= $2 AND c.state <> 'abandoned'
               AND c.kind = 'client' ORDER BY c.id"
        ))
        .bind(identity)
        .bind(now.0)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(read).collect()
    }

    /// The certificates, users' and the device's own, of a device by its virtual id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn select_virtual_device(
        &self,
        id: &str,
        now: Timestamp,
    ) -> Result<Vec<Selected>, StoreError> {
        let rows = query(select!(
            "WHERE c.virtual_device_id = $1 AND c.not_after >= $2 AND c.state <> 'abandoned'
               AND c.kind = 'client' ORDER BY c.id"
        ))
        .bind(id)
        .bind(now.0)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(read).collect()
    }

    /// A part of all certificates, in the order of their ends; `after` is where the part before ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn select_part(
        &self,
        within: &Within<'_>,
        now: Timestamp,
        after: Option<Place>,
        at_most: u32,
    ) -> Result<Vec<Selected>, StoreError> {
        let (end, row) = after.unwrap_or((now, 0));
        let rows = query(select!(
            "WHERE (c.not_after, c.id) > ($1, $2) AND c.state <> 'abandoned'
               AND c.kind = 'client' AND ($3 IS NULL OR c.profile = $3)
               AND ($4 IS NULL OR c.issuer_id = $4) AND c.intended_at >= $5 AND c.intended_at <= $6
             ORDER BY c.not_after, c.id LIMIT $7"
        ))
        .bind(end.0)
        .bind(row)
        .bind(within.profile)
        .bind(within.issuer)
        .bind(within.from.0)
        .bind(within.until.0)
        .bind(i64::from(at_most))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(read).collect()
    }

    /// How many certificates have not ended, signed or not, revoked or not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unexpired_certificates(&self, now: Timestamp) -> Result<i64, StoreError> {
        let row = query("SELECT count(*) FROM certificates WHERE not_after >= $1")
            .bind(now.0)
            .fetch_one(&self.readers)
            .await?;
        Ok(row.try_get(0)?)
    }

    /// Every issuer that the record knows, in the order of their ids.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn issuer_ids(&self) -> Result<Vec<IssuerId>, StoreError> {
        let ids = issuers_of!(
            "certificates",
            "SELECT id FROM issuers WHERE id IS NOT NULL"
        );
        let rows = query(ids).fetch_all(&self.readers).await?;
        issuer_ids(&rows, "certificates.issuer_id")
    }
}

fn read(row: &Row) -> Result<Selected, StoreError> {
    let corrupt = StoreError::Corrupt;
    let (issuer, serial): (String, String) = (row.try_get("issuer_id")?, row.try_get("serial")?);
    Ok(Selected {
        row: row.try_get("id")?,
        kind: row.try_get("kind")?,
        issuer: IssuerId::parse(&issuer).ok_or(corrupt("certificates.issuer_id"))?,
        serial: SerialNumber::parse(&serial).ok_or(corrupt("certificates.serial"))?,
        profile: row.try_get("profile")?,
        identity: row.try_get("identity")?,
        holder: Holder {
            email: row.try_get("email")?,
            device_permanent_id: row.try_get("device_permanent_id")?,
            virtual_device_id: row.try_get("virtual_device_id")?,
            device_enrollment_id: row.try_get("device_enrollment_id")?,
            attested_device_id: row.try_get("attested_device_id")?,
            customer_id: row.try_get("customer_id")?,
        },
        issued_at: Timestamp(row.try_get("intended_at")?),
        not_after: Timestamp(row.try_get("not_after")?),
        is_revoked: row.try_get::<Option<i64>, _>("revocation")?.is_some(),
    })
}
