//! Revocations: which certificates, why, by whom. A row is never changed nor removed.

use std::sync::LazyLock;

use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::certificate::IssuerId;
use crate::model::event::{AuditEvent, EventKind};
use crate::model::revocation::{Revocation, RevocationReason};
use crate::model::serial::SerialNumber;
use crate::store::engine::{Connection, ForRows, Row, query};
use crate::store::guard::{Guard, hold};
use crate::store::writer::{Applied, Write};
use crate::store::{Store, StoreError, audit};

/// Both engines call the columns of a list of values `column1` and so on. `WHERE true` keeps SQLite from
/// reading `ON` as a part of the join.
static INSERT: LazyLock<ForRows> = LazyLock::new(|| {
    let before =
        "INSERT INTO revocations (certificate_id, issuer_id, serial, reason, revoked_at, not_after,
            actor)
        SELECT c.id, c.issuer_id, c.serial, named.column2, named.column3, c.not_after, named.column4
        FROM (";
    let after = ") AS named JOIN certificates c ON c.id = named.column1
        WHERE true ON CONFLICT (certificate_id) DO NOTHING RETURNING issuer_id, serial";
    ForRows::new(before, 4, after)
});

/// How many revocations there may be since a moment, all together. The count and the rows are committed
/// under one guard, so that no two who revoke at once both find room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Of revocations that people or their programs ordered.
    pub at_most: i64,
    /// From when they count.
    pub since: Timestamp,
}

/// What came of a part of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// So many were not revoked before, and are now.
    Committed(usize),
    /// It would be more than the allowance. Nothing was revoked.
    TooMany,
}

/// Revokes certificates, by row. Those that are revoked stay as they are: reason and time are the first
/// ones.
#[derive(Debug)]
pub struct Revoke {
    /// Which.
    pub rows: Vec<i64>,
    /// Why.
    pub reason: RevocationReason,
    /// By whom.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
    /// How many there may be; `None` where somebody has confirmed these.
    pub allowance: Option<Allowance>,
}

impl Write for Revoke {
    type Output = Revoked;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<Revoked>, StoreError> {
        // In the order of their numbers, or a CRL could list number 7 and have missed number 6.
        hold(connection, Guard::Revoke).await?;
        let actor = self.actor.stored();
        let mut revoked = Vec::new();
        for (statement, rows) in INSERT.split(&self.rows) {
            let mut insert = query(statement);
            for row in rows {
                insert = insert
                    .bind(*row)
                    .bind(self.reason.as_str())
                    .bind(self.at.0)
                    .bind(&*actor);
            }
            revoked.extend(insert.fetch_all(&mut *connection).await?);
        }
        if let Some(allowance) = self.allowance {
            let counted = query(
                "SELECT count(*) FROM revocations WHERE revoked_at >= $1 AND actor <> 'schedule'",
            )
            .bind(allowance.since.0)
            .fetch_one(&mut *connection)
            .await?;
            if !revoked.is_empty() && counted.try_get::<i64, _>(0)? > allowance.at_most {
                return Ok(Applied::Undo(Revoked::TooMany));
            }
        }
        for row in &revoked {
            let (issuer, serial): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let kind = EventKind::CertificateRevoked;
            let subject = format!("{issuer}/{serial}");
            let event = AuditEvent::new(self.at, kind, self.actor.clone(), subject)
                .with("reason", self.reason.as_str());
            audit::append(connection, &event);
        }
        Ok(Applied::Keep(Revoked::Committed(revoked.len())))
    }
}

/// One line of a CRL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevokedCertificate {
    /// Its number.
    pub serial: SerialNumber,
    /// Why and when.
    pub revocation: Revocation,
    /// Its last second.
    pub not_after: Timestamp,
    /// The revocation's own number.
    pub row: i64,
}

/// How a certificate stands, as far as an OCSP responder wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether it was signed and recorded.
    pub issued: bool,
    /// Its last second.
    pub not_after: Timestamp,
    /// Whether it was revoked, signed or not.
    pub revocation: Option<Revocation>,
}

impl Store {
    /// How a certificate stands; `None` where there is none of this number, and never was to be.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn standing(
        &self,
        issuer: &IssuerId,
        serial: SerialNumber,
    ) -> Result<Option<Standing>, StoreError> {
        let row = query(
            "SELECT c.state, c.not_after, r.reason, r.revoked_at FROM certificates c
             LEFT JOIN revocations r ON r.certificate_id = c.id
             WHERE c.issuer_id = $1 AND c.serial = $2",
        )
        .bind(issuer.as_str())
        .bind(serial.to_string())
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let state: String = row.try_get("state")?;
        Ok(Some(Standing {
            issued: state == "issued",
            not_after: Timestamp(row.try_get("not_after")?),
            revocation: revocation(&row)?,
        }))
    }

    /// A part of an issuer's revocations up to the number `covers` whose certificates end at `kept_since` or
    /// later, in the order of their ends; `after` is the last one of the part before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoked_certificates(
        &self,
        issuer: &IssuerId,
        covers: i64,
        kept_since: Timestamp,
        after: Option<&RevokedCertificate>,
        at_most: u32,
    ) -> Result<Vec<RevokedCertificate>, StoreError> {
        let (end, row) = match after {
            Some(last) => (last.not_after.0, last.row),
            None => (kept_since.0, 0),
        };
        let rows = query(
            "SELECT id, serial, reason, revoked_at, not_after FROM revocations
             WHERE issuer_id = $1 AND (not_after, id) > ($2, $3) AND id <= $4
             ORDER BY not_after, id LIMIT $5",
        )
        .bind(issuer.as_str())
        .bind(end)
        .bind(row)
        .bind(covers)
        .bind(i64::from(at_most))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(listed).collect()
    }

    /// The number of an issuer's last revocation; 0 where there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn last_revocation(&self, issuer: &IssuerId) -> Result<i64, StoreError> {
        let row = query("SELECT id FROM revocations WHERE issuer_id = $1 ORDER BY id DESC LIMIT 1")
            .bind(issuer.as_str())
            .fetch_optional(&self.readers)
            .await?;
        row.map_or(Ok(0), |row| Ok(row.try_get(0)?))
    }

    /// When an issuer's first revocation behind the number `covers` was made.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn first_revocation_after(
        &self,
        issuer: &IssuerId,
        covers: i64,
    ) -> Result<Option<Timestamp>, StoreError> {
        let row = query(
            "SELECT revoked_at FROM revocations WHERE issuer_id = $1 AND id > $2
             ORDER BY id LIMIT 1",
        )
        .bind(issuer.as_str())
        .bind(covers)
        .fetch_optional(&self.readers)
        .await?;
        row.map(|row| Ok(Timestamp(row.try_get(0)?))).transpose()
    }

    /// How many revocations people or their programs ordered since this moment.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revocations_since(&self, since: Timestamp) -> Result<i64, StoreError> {
        let row = query(
            "SELECT count(*) FROM revocations WHERE revoked_at >= $1 AND actor <> 'schedule'",
        )
        .bind(since.0)
        .fetch_one(&self.readers)
        .await?;
        Ok(row.try_get(0)?)
    }
}

fn listed(row: &Row) -> Result<RevokedCertificate, StoreError> {
    let corrupt = StoreError::Corrupt;
    let serial: String = row.try_get("serial")?;
    Ok(RevokedCertificate {
        serial: SerialNumber::parse(&serial).ok_or(corrupt("revocations.serial"))?,
        revocation: revocation(row)?.ok_or(corrupt("revocations.reason"))?,
        not_after: Timestamp(row.try_get("not_after")?),
        row: row.try_get("id")?,
    })
}

/// What stands in the columns `reason` and `revoked_at`, where a revocation was joined.
pub(crate) fn revocation(row: &Row) -> Result<Option<Revocation>, StoreError> {
    let Some(reason) = row.try_get::<Option<String>, _>("reason")? else {
        return Ok(None);
    };
    let reason =
        RevocationReason::parse(&reason).map_err(|_| StoreError::Corrupt("revocations.reason"))?;
    let at: Option<i64> = row.try_get("revoked_at")?;
    let at = at.ok_or(StoreError::Corrupt("revocations.revoked_at"))?;
    Ok(Some(Revocation {
        reason,
        at: Timestamp(at),
    }))
}
