//! Certificates: intended before the signature, recorded after it, never both lost.

use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::certificate::{CertificateKind, IssuerId, Validity};
use crate::model::digest::sha256;
use crate::model::event::{AuditEvent, EventKind};
use crate::model::facts::Check;
use crate::model::profile::ProfileHash;
use crate::model::revocation::Revocation;
use crate::model::serial::SerialNumber;
use crate::store::attempts::{checks_json, digest};
use crate::store::engine::{Connection, Query, Row, query};
use crate::store::guard::hold_for_intent;
use crate::store::issuers::issuers_of;
use crate::store::revocations::revocation;
use crate::store::writer::{Applied, Write};
use crate::store::{Store, StoreError, audit, blocks, pauses};

/// What is known of a certificate before it is signed.
#[derive(Clone, Debug)]
pub struct Intent {
    /// What it is for.
    pub kind: CertificateKind,
    /// Who will sign.
    pub issuer: IssuerId,
    /// Its number.
    pub serial: SerialNumber,
    /// The profile's name; the kind's word for a CA's own.
    pub profile: String,
    /// The profile as it was.
    pub profile_hash: ProfileHash,
    /// One text per identity: `user:..`, `device:..`, or a CA's subject.
    pub identity: String,
    /// Everything that Google called the holder.
    pub holder: Holder,
    /// SHA-256 of the certified SubjectPublicKeyInfo.
    pub spki_sha256: [u8; 32],
    /// The exact to-be-signed bytes.
    pub tbs: Vec<u8>,
    /// When it is good.
    pub validity: Validity,
}

/// Every name of a certificate's holder, so that a block or a revocation finds it by any of them.
#[derive(Clone, Debug, Default)]
pub struct Holder {
    /// A user's e-mail.
    pub email: Option<String>,
    /// Directory API device id.
    pub device_permanent_id: Option<String>,
    /// Virtual device id.
    pub virtual_device_id: Option<String>,
    /// ChromeOS enrollment id.
    pub device_enrollment_id: Option<String>,
    /// Attested device id.
    pub attested_device_id: Option<String>,
    /// The managing customer.
    pub customer_id: Option<String>,
}

impl Holder {
    /// The identifiers that a device block is held against.
    pub(crate) fn device_ids(&self) -> [Option<&str>; 4] {
        [
            self.device_permanent_id.as_deref(),
            self.virtual_device_id.as_deref(),
            self.device_enrollment_id.as_deref(),
            self.attested_device_id.as_deref(),
        ]
    }
}

/// What came of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intended {
    /// Committed under this row: now, and only now, the bytes may be signed.
    Committed(i64),
    /// Another worker took the attempt over, or finished it.
    LostOwnership,
    /// The holder is blocked.
    Blocked,
    /// The key belongs to somebody else, or has a certificate that is still good.
    KeyTaken,
    /// The holder has as many certificates of the profile as it may.
    LimitReached,
}

/// Commits a client certificate's intent for an attempt. An intent of the attempt that was never
/// signed is closed in the same commit.
///
/// Among nodes: the attempt's row is locked first, by every command that finishes an attempt, so
/// that only one of them gets further. Blocks cannot change between the look at them and the commit,
/// and nobody else counts the holder's certificates meanwhile.
/// The key's row is locked before its certificates are looked at, so of two attempts with one key
/// the second sees what the first committed. Beneath it all are the unique indexes.
#[derive(Debug)]
pub struct Intend {
    /// The attempt.
    pub attempt: i64,
    /// Whose.
    pub owner: String,
    /// What will be signed.
    pub intent: Intent,
    /// How many certificates of the profile the holder may have at once, this one included.
    pub limit: u32,
    /// Every check of the attempt, all passed.
    pub checks: Vec<Check>,
    /// The facts that policy decided on.
    pub facts: String,
    /// What the record says of it; its time is the time of the intent.
    pub event: AuditEvent,
}

impl Write for Intend {
    type Output = Intended;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<Intended>, StoreError> {
        let now = self.event.at;
        let owned = query(
            "UPDATE attempts SET state = 'intended', checks = $1, facts = $2
             WHERE id = $3 AND owner = $4 AND owner_until > $5
               AND state IN ('verified', 'intended') RETURNING id",
        )
        .bind(checks_json(&self.checks))
        .bind(&self.facts)
        .bind(self.attempt)
        .bind(&self.owner)
        .bind(now.0)
        .fetch_optional(&mut *connection)
        .await?;
        if owned.is_none() {
            return Ok(Applied::Keep(Intended::LostOwnership));
        }
        // Whoever blocks the holder now either waits for this commit, and then finds the intent to
        // revoke, or is waited for here, and is then seen by the next statement.
        hold_for_intent(connection, &self.intent.identity).await?;
        if blocks::is_blocked(connection, &self.intent.holder).await? {
            return Ok(Applied::Undo(Intended::Blocked));
        }
        abandon(connection, self.attempt, &self.event).await?;
        let Intent {
            identity, profile, ..
        } = &self.intent;
        let counted = live(identity, profile, self.attempt, now);
        let counted: i64 = counted.fetch_one(&mut *connection).await?.try_get(0)?;
        if counted >= i64::from(self.limit) {
            return Ok(Applied::Undo(Intended::LimitReached));
        }
        let Some(key) = claim_key(connection, &self.intent, now).await? else {
            return Ok(Applied::Undo(Intended::KeyTaken));
        };
        let client = Some((self.attempt, key));
        let row = insert(connection, client, &self.intent, now).await?;
        audit::append(connection, &self.event);
        Ok(Applied::Keep(Intended::Committed(row)))
    }
}

/// Commits the intent of a CA's own certificate.
#[derive(Debug)]
pub struct IntendAuthority {
    /// What will be signed.
    pub intent: Intent,
    /// What the record says of it.
    pub event: AuditEvent,
}

impl Write for IntendAuthority {
    type Output = i64;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<i64>, StoreError> {
        let row = insert(connection, None, &self.intent, self.event.at).await?;
        audit::append(connection, &self.event);
        Ok(Applied::Keep(row))
    }
}

/// Commits the intent of a certificate for a signer of this process's, and closes those that were begun
/// before `forgotten_before` and never recorded: their keys went with their processes.
#[derive(Debug)]
pub struct IntendSigner {
    /// What will be signed.
    pub intent: Intent,
    /// No process is still at an intent that is older.
    pub forgotten_before: Timestamp,
    /// What the record says of it.
    pub event: AuditEvent,
}

impl Write for IntendSigner {
    type Output = i64;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<i64>, StoreError> {
        // Found by the identity, for the sake of its index.
        let closed = query(
            "UPDATE certificates SET state = 'abandoned', closed_at = $1
             WHERE identity = $2 AND kind = 'ocsp' AND state = 'intended' AND intended_at < $3
             RETURNING issuer_id, serial",
        )
        .bind(self.event.at.0)
        .bind(&self.intent.identity)
        .bind(self.forgotten_before.0)
        .fetch_all(&mut *connection)
        .await?;
        abandoned(connection, &closed, self.event.at, &self.event.actor)?;
        let row = insert(connection, None, &self.intent, self.event.at).await?;
        audit::append(connection, &self.event);
        Ok(Applied::Keep(row))
    }
}

/// Takes a certificate into the record that turned up elsewhere and verifies under our key. Answers its
/// row, or `None` where another one of its number is there.
#[derive(Debug)]
pub struct TakeUnrecorded {
    /// What it says.
    pub intent: Intent,
    /// The certificate.
    pub der: Vec<u8>,
    /// What the record says of it.
    pub event: AuditEvent,
}

impl Write for TakeUnrecorded {
    type Output = Option<i64>;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<Option<i64>>, StoreError> {
        let known = query("SELECT id FROM certificates WHERE issuer_id = $1 AND serial = $2")
            .bind(self.intent.issuer.as_str())
            .bind(self.intent.serial.to_string())
            .fetch_optional(&mut *connection)
            .await?;
        if known.is_some() {
            return Ok(Applied::Keep(None));
        }
        let row = insert(connection, None, &self.intent, self.event.at).await?;
        query(
            "UPDATE certificates SET state = 'issued', der = $1, closed_at = $2, fingerprint = $3
             WHERE id = $4",
        )
        .bind(&self.der)
        .bind(self.event.at.0)
        .bind(short_fingerprint(&sha256(&self.der)))
        .bind(row)
        .execute(connection)
        .await?;
        audit::append(connection, &self.event);
        Ok(Applied::Keep(Some(row)))
    }
}

/// Records a signed certificate. Answers whether its intent was still open: where it was not, the
/// certificate must not be handed out.
#[derive(Debug)]
pub struct Record {
    /// The intent's row.
    pub row: i64,
    /// The attempt that it finishes; `None` for a CA's own.
    pub attempt: Option<i64>,
    /// The certificate.
    pub der: Vec<u8>,
    /// What the record says of it.
    pub event: AuditEvent,
}

impl Write for Record {
    type Output = bool;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<bool>, StoreError> {
        // The attempt's row comes first, as in every command that finishes one: two nodes that lock
        // rows in another order than each other wait for ever. Undone where the intent is closed.
        if let Some(attempt) = self.attempt {
            query(
                "UPDATE attempts SET state = 'issued', finished_at = $1, owner_until = 0
                 WHERE id = $2",
            )
            .bind(self.event.at.0)
            .bind(attempt)
            .execute(connection)
            .await?;
        }
        let recorded = query(
            "UPDATE certificates SET state = 'issued', der = $1, closed_at = $2, fingerprint = $4
             WHERE id = $3 AND state = 'intended'
             RETURNING identity,
                 (SELECT denials FROM pauses WHERE pauses.identity = certificates.identity)",
        )
        .bind(&self.der)
        .bind(self.event.at.0)
        .bind(self.row)
        .bind(short_fingerprint(&sha256(&self.der)))
        .fetch_optional(&mut *connection)
        .await?;
        let Some(recorded) = recorded else {
            return Ok(Applied::Undo(false));
        };
        audit::append(connection, &self.event);
        if recorded.try_get::<Option<i64>, _>(1)?.is_some() {
            let identity: String = recorded.try_get(0)?;
            pauses::clear(connection, &identity, &self.event).await?;
        }
        Ok(Applied::Keep(true))
    }
}

/// What the index of certificates holds of a fingerprint.
pub(crate) fn short_fingerprint(sha256: &[u8; 32]) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = *sha256;
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Counts the certificates of its profile that an identity has, other than this attempt's, and that
/// are good or may yet be signed. What was revoked opens nothing any more.
fn live<'q>(identity: &'q str, profile: &'q str, attempt: i64, now: Timestamp) -> Query<'q> {
    query(
        "SELECT count(*) FROM certificates
         WHERE identity = $1 AND profile = $2 AND state <> 'abandoned' AND not_after >= $3
           AND (attempt_id IS NULL OR attempt_id <> $4)
           AND NOT EXISTS (SELECT 1 FROM revocations WHERE certificate_id = certificates.id)",
    )
    .bind(identity)
    .bind(profile)
    .bind(now.0)
    .bind(attempt)
}

/// The row of a key that is this identity's, has no certificate that is still good, and was never
/// revoked because somebody else may have it: such a key does not come back.
async fn claim_key(
    connection: &mut Connection,
    intent: &Intent,
    now: Timestamp,
) -> Result<Option<i64>, StoreError> {
    let claimed = query(
        "INSERT INTO certified_keys (issuer_id, spki_sha256, identity) VALUES ($1, $2, $3)
         ON CONFLICT (issuer_id, spki_sha256) DO UPDATE SET identity = excluded.identity
             WHERE certified_keys.identity = excluded.identity
         RETURNING id",
    )
    .bind(intent.issuer.as_str())
    .bind(intent.spki_sha256.as_slice())
    .bind(&intent.identity)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(claimed) = claimed else {
        return Ok(None);
    };
    let key: i64 = claimed.try_get(0)?;
    let live = query(
        "SELECT 1 FROM certificates c LEFT JOIN revocations r ON r.certificate_id = c.id
         WHERE c.certified_key_id = $1 AND (r.reason = 'key_compromise'
             OR (c.state <> 'abandoned' AND r.id IS NULL AND c.not_after >= $2))",
    )
    .bind(key)
    .bind(now.0)
    .fetch_optional(connection)
    .await?;
    Ok(live.is_none().then_some(key))
}

/// `client` holds the rows of a client certificate's attempt and key; a CA's own has neither.
async fn insert(
    connection: &mut Connection,
    client: Option<(i64, i64)>,
    intent: &Intent,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let row = query(
        "INSERT INTO certificates (attempt_id, certified_key_id, kind, state, issuer_id, serial, profile,
             profile_hash, identity, email, device_permanent_id, virtual_device_id,
             device_enrollment_id, attested_device_id, customer_id, spki_sha256, tbs, not_before,
             not_after, renew_after, intended_at)
         VALUES ($1, $2, $3, 'intended', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
             $17, $18, $19, $20)
         RETURNING id",
    )
    .bind(client.map(|(attempt, _)| attempt))
    .bind(client.map(|(_, key)| key))
    .bind(intent.kind.as_str())
    .bind(intent.issuer.as_str())
    .bind(intent.serial.to_string())
    .bind(&intent.profile)
    .bind(intent.profile_hash.0.as_slice())
    .bind(&intent.identity)
    .bind(intent.holder.email.as_deref())
    .bind(intent.holder.device_permanent_id.as_deref())
    .bind(intent.holder.virtual_device_id.as_deref())
    .bind(intent.holder.device_enrollment_id.as_deref())
    .bind(intent.holder.attested_device_id.as_deref())
    .bind(intent.holder.customer_id.as_deref())
    .bind(intent.spki_sha256.as_slice())
    .bind(&intent.tbs)
    .bind(intent.validity.not_before.0)
    .bind(intent.validity.not_after.0)
    .bind(intent.validity.renew_after.0)
    .bind(now.0)
    .fetch_one(connection)
    .await?;
    Ok(row.try_get(0)?)
}

/// Closes what an attempt intended and never signed. `event` gives time and subject.
pub(crate) async fn abandon(
    connection: &mut Connection,
    attempt: i64,
    event: &AuditEvent,
) -> Result<(), StoreError> {
    let closed = query(
        "UPDATE certificates SET state = 'abandoned', closed_at = $1
         WHERE attempt_id = $2 AND state = 'intended' RETURNING issuer_id, serial",
    )
    .bind(event.at.0)
    .bind(attempt)
    .fetch_all(&mut *connection)
    .await?;
    abandoned(connection, &closed, event.at, &Actor::Requester)
}

/// Tells of intents that were closed: issuer and serial number of each.
fn abandoned(
    connection: &mut Connection,
    closed: &[Row],
    at: Timestamp,
    actor: &Actor,
) -> Result<(), StoreError> {
    for row in closed {
        let (issuer, serial): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let abandoned = AuditEvent::new(
            at,
            EventKind::CertificateAbandoned,
            actor.clone(),
            format!("{issuer}/{serial}"),
        );
        audit::append(connection, &abandoned);
    }
    Ok(())
}

/// A certificate as it stands in the record.
#[derive(Clone, Debug)]
pub struct CertificateRow {
    /// Row number; the order of intents.
    pub row: i64,
    /// The attempt's short id; `None` for a CA's own.
    pub attempt: Option<String>,
    /// `client`, `root`, `issuing` or `ocsp`.
    pub kind: String,
    /// `intended`, `issued` or `abandoned`.
    pub state: String,
    /// Who signed, or would have.
    pub issuer: IssuerId,
    /// Its number.
    pub serial: SerialNumber,
    /// The profile's name.
    pub profile: String,
    /// The profile as it was.
    pub profile_hash: ProfileHash,
    /// One text per identity.
    pub identity: String,
    /// Everything that Google called the holder.
    pub holder: Holder,
    /// SHA-256 of the certified key.
    pub spki_sha256: [u8; 32],
    /// The bytes that were committed before the signature.
    pub tbs: Vec<u8>,
    /// The certificate, once recorded.
    pub der: Option<Vec<u8>>,
    /// When it is good.
    pub validity: Validity,
    /// When it was intended.
    pub intended_at: Timestamp,
    /// When it was recorded or abandoned.
    pub closed_at: Option<Timestamp>,
    /// Whether it was revoked.
    pub revocation: Option<Revocation>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT c.*, a.short_id AS attempt, r.reason, r.revoked_at FROM certificates c
             LEFT JOIN attempts a ON a.id = c.attempt_id
             LEFT JOIN revocations r ON r.certificate_id = c.id ",
            $rest
        )
    };
}

impl Store {
    /// How many certificates of `profile` this identity has that are good or may yet be signed, other
    /// than this attempt's.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn live_certificates(
        &self,
        identity: &str,
        profile: &str,
        attempt: i64,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        let counted = live(identity, profile, attempt, now);
        let row = counted.fetch_one(&self.readers).await?;
        Ok(u32::try_from(row.try_get::<i64, _>(0)?).unwrap_or(u32::MAX))
    }

    /// How many certificates are in the record that nobody here meant to sign, are good, and were not
    /// revoked.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unrecorded_certificates(&self, now: Timestamp) -> Result<i64, StoreError> {
        let row = query(
            "SELECT count(*) FROM certificates
             WHERE identity = 'unrecorded' AND not_after >= $1
               AND NOT EXISTS (SELECT 1 FROM revocations WHERE certificate_id = certificates.id)",
        )
        .bind(now.0)
        .fetch_one(&self.readers)
        .await?;
        Ok(row.try_get(0)?)
    }

    /// The recorded certificate of an attempt.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn certificate_of_attempt(
        &self,
        attempt: i64,
    ) -> Result<Option<CertificateRow>, StoreError> {
        let row = query(select!("WHERE c.attempt_id = $1 AND c.state = 'issued'"))
            .bind(attempt)
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Certificates of this number; an issuer narrows to one at the most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn certificates_by_serial(
        &self,
        serial: SerialNumber,
    ) -> Result<Vec<CertificateRow>, StoreError> {
        // Issuer by issuer: there are few, and an index of its own for numbers would cost every enrolment.
        let rows = query(issuers_of!(
            "certificates",
            "SELECT c.*, a.short_id AS attempt, r.reason, r.revoked_at FROM issuers
             JOIN certificates c ON c.issuer_id = issuers.id AND c.serial = $1
             LEFT JOIN attempts a ON a.id = c.attempt_id
             LEFT JOIN revocations r ON r.certificate_id = c.id ORDER BY c.id"
        ))
        .bind(serial.to_string())
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(read).collect()
    }

    /// A page of certificates, newest first; `before` is the row that the last page ended with.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn certificates(
        &self,
        before: Option<i64>,
        at_most: u32,
    ) -> Result<Vec<CertificateRow>, StoreError> {
        let rows = query(select!("WHERE c.id < $1 ORDER BY c.id DESC LIMIT $2"))
            .bind(before.unwrap_or(i64::MAX))
            .bind(i64::from(at_most))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &Row) -> Result<CertificateRow, StoreError> {
    let corrupt = StoreError::Corrupt;
    let issuer: String = row.try_get("issuer_id")?;
    let serial: String = row.try_get("serial")?;
    Ok(CertificateRow {
        row: row.try_get("id")?,
        attempt: row.try_get("attempt")?,
        kind: row.try_get("kind")?,
        state: row.try_get("state")?,
        issuer: IssuerId::parse(&issuer).ok_or(corrupt("certificates.issuer_id"))?,
        serial: SerialNumber::parse(&serial).ok_or(corrupt("certificates.serial"))?,
        profile: row.try_get("profile")?,
        profile_hash: ProfileHash(digest(row, "profile_hash")?),
        identity: row.try_get("identity")?,
        holder: Holder {
            email: row.try_get("email")?,
            device_permanent_id: row.try_get("device_permanent_id")?,
            virtual_device_id: row.try_get("virtual_device_id")?,
            device_enrollment_id: row.try_get("device_enrollment_id")?,
            attested_device_id: row.try_get("attested_device_id")?,
            customer_id: row.try_get("customer_id")?,
        },
        spki_sha256: digest(row, "spki_sha256")?,
        tbs: row.try_get("tbs")?,
        der: row.try_get("der")?,
        validity: Validity {
            not_before: Timestamp(row.try_get("not_before")?),
            not_after: Timestamp(row.try_get("not_after")?),
            renew_after: Timestamp(row.try_get("renew_after")?),
        },
        intended_at: Timestamp(row.try_get("intended_at")?),
        closed_at: row.try_get::<Option<i64>, _>("closed_at")?.map(Timestamp),
        revocation: revocation(row)?,
    })
}
