//! CRLs: number and digest are committed before the signature.

use crate::clock::Timestamp;
use crate::model::certificate::IssuerId;
use crate::model::event::AuditEvent;
use crate::store::engine::{Connection, Row, query};
use crate::store::guard::{Guard, hold};
use crate::store::issuers::{issuer_ids, issuers_of};
use crate::store::writer::{Applied, Write};
use crate::store::{Store, StoreError, audit};

/// How many of an issuer's newest lists keep their octets. The others keep number and digest.
const KEPT: i64 = 3;

/// A lease that whoever writes must still hold: its name, and the number under which it was taken.
#[derive(Clone, Copy, Debug)]
pub struct Fence {
    /// What is leased.
    pub name: &'static str,
    /// It grows with each holder.
    pub number: i64,
}

/// Commits that a CRL will be signed. The number must be higher than every earlier one of its
/// issuer. Answers the row, or `None` where the number does not grow or the lease has gone to another
/// node.
#[derive(Debug)]
pub struct IntendCrl {
    /// Who will sign.
    pub issuer: IssuerId,
    /// RFC 5280, section 5.2.3.
    pub number: i64,
    /// From when.
    pub this_update: Timestamp,
    /// Until when the next one comes.
    pub next_update: Timestamp,
    /// The last revocation that it lists, by its number in the record.
    pub covers: i64,
    /// Revoked certificates that ended before this are not in it any more.
    pub kept_since: Timestamp,
    /// How many certificates it lists.
    pub entries: u64,
    /// SHA-256 of the exact to-be-signed bytes.
    pub tbs_sha256: [u8; 32],
    /// The lease under which it is made; `None` where a person makes it.
    pub fence: Option<Fence>,
    /// What the record says of it.
    pub event: AuditEvent,
}

impl Write for IntendCrl {
    type Output = Option<i64>;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<Option<i64>>, StoreError> {
        // Two nodes that both see no higher number could commit theirs in the wrong order.
        hold(connection, Guard::NumberCrl).await?;
        if !holds(connection, self.fence).await? {
            return Ok(Applied::Keep(None));
        }
        let row = query(
            "INSERT INTO crls (issuer_id, number, state, this_update, next_update, covers, kept_since,
                 entries, tbs_sha256)
             SELECT $1, $2, 'intended', $3, $4, $5, $6, $7, $8
             WHERE NOT EXISTS (SELECT 1 FROM crls WHERE issuer_id = $1 AND number >= $2)
             RETURNING id",
        )
        .bind(self.issuer.as_str())
        .bind(self.number)
        .bind(self.this_update.0)
        .bind(self.next_update.0)
        .bind(self.covers)
        .bind(self.kept_since.0)
        .bind(i64::try_from(self.entries).unwrap_or(i64::MAX))
        .bind(self.tbs_sha256.as_slice())
        .fetch_optional(&mut *connection)
        .await?;
        let Some(row) = row else {
            return Ok(Applied::Keep(None));
        };
        audit::append(connection, &self.event);
        Ok(Applied::Keep(Some(row.try_get(0)?)))
    }
}

/// Whether the lease is still this one. Its row is locked until the commit, so that nobody takes it
/// meanwhile.
async fn holds(connection: &mut Connection, fence: Option<Fence>) -> Result<bool, StoreError> {
    let Some(fence) = fence else {
        return Ok(true);
    };
    let held = query("UPDATE leases SET fence = fence WHERE name = $1 AND fence = $2 RETURNING id")
        .bind(fence.name)
        .bind(fence.number)
        .fetch_optional(connection)
        .await?;
    Ok(held.is_some())
}

/// Records a signed CRL, which publishes it: every node serves the newest that is recorded and has begun.
/// Answers whether its intent was open and the lease still held.
#[derive(Debug)]
pub struct RecordCrl {
    /// The intent's row.
    pub row: i64,
    /// Who signed.
    pub issuer: IssuerId,
    /// The CRL.
    pub der: Vec<u8>,
    /// The lease under which it was made; `None` where a person made it.
    pub fence: Option<Fence>,
    /// What the record says of it; its time says which lists have begun.
    pub event: AuditEvent,
}

impl Write for RecordCrl {
    type Output = bool;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<bool>, StoreError> {
        if !holds(connection, self.fence).await? {
            return Ok(Applied::Keep(false));
        }
        let recorded = query(
            "UPDATE crls SET state = 'issued', der = $1 WHERE id = $2 AND state = 'intended'
             RETURNING id",
        )
        .bind(&self.der)
        .bind(self.row)
        .fetch_optional(&mut *connection)
        .await?;
        if recorded.is_none() {
            return Ok(Applied::Keep(false));
        }
        // Of those that have begun: what was signed ahead is still to come.
        query(
            "UPDATE crls SET state = 'replaced', der = NULL
             WHERE issuer_id = $1 AND state = 'issued' AND number <= (
                 SELECT min(number) - 1 FROM (
                     SELECT number FROM crls
                     WHERE issuer_id = $1 AND state = 'issued' AND this_update <= $2
                     ORDER BY number DESC LIMIT $3) AS newest)",
        )
        .bind(self.issuer.as_str())
        .bind(self.event.at.0)
        .bind(KEPT)
        .execute(&mut *connection)
        .await?;
        audit::append(connection, &self.event);
        Ok(Applied::Keep(true))
    }
}

/// What is known of a recorded CRL, without its octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrlRow {
    /// Row number.
    pub row: i64,
    /// RFC 5280, section 5.2.3.
    pub number: i64,
    /// From when.
    pub this_update: Timestamp,
    /// Until when the next one comes.
    pub next_update: Timestamp,
    /// The last revocation that it lists.
    pub covers: i64,
    /// Revoked certificates that ended before this are not in it any more.
    pub kept_since: Timestamp,
    /// How many certificates it lists.
    pub entries: i64,
}

impl Store {
    /// An issuer's newest CRL among those that are recorded and have begun at `now`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn newest_crl(
        &self,
        issuer: &IssuerId,
        now: Timestamp,
    ) -> Result<Option<CrlRow>, StoreError> {
        let row = query(
            "SELECT id, number, this_update, next_update, covers, kept_since, entries FROM crls
             WHERE issuer_id = $1 AND state = 'issued' AND this_update <= $2
             ORDER BY number DESC LIMIT 1",
        )
        .bind(issuer.as_str())
        .bind(now.0)
        .fetch_optional(&self.readers)
        .await?;
        row.as_ref().map(read).transpose()
    }

    /// The last of an issuer's recorded CRLs, begun or signed ahead.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn last_crl(&self, issuer: &IssuerId) -> Result<Option<CrlRow>, StoreError> {
        self.newest_crl(issuer, Timestamp(i64::MAX)).await
    }

    /// The highest number that an issuer's CRLs have, signed or only intended; 0 where there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn last_crl_number(&self, issuer: &IssuerId) -> Result<i64, StoreError> {
        let row =
            query("SELECT number FROM crls WHERE issuer_id = $1 ORDER BY number DESC LIMIT 1")
                .bind(issuer.as_str())
                .fetch_optional(&self.readers)
                .await?;
        row.map_or(Ok(0), |row| Ok(row.try_get(0)?))
    }

    /// The octets of a recorded CRL; `None` once it is replaced.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn crl_der(&self, row: i64) -> Result<Option<Vec<u8>>, StoreError> {
        let row = query("SELECT der FROM crls WHERE id = $1")
            .bind(row)
            .fetch_optional(&self.readers)
            .await?;
        row.map_or(Ok(None), |row| Ok(row.try_get(0)?))
    }
}

/// A CRL with its issuer.
#[derive(Clone, Debug)]
pub struct IssuersCrl {
    /// Who signed.
    pub issuer: IssuerId,
    /// What is known of it.
    pub row: CrlRow,
}

impl Store {
    /// Every CRL whose octets are kept, by issuer and number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn crls(&self) -> Result<Vec<IssuersCrl>, StoreError> {
        let mut crls = Vec::new();
        for issuer in self.crl_issuers().await? {
            let rows = query(
                "SELECT id, number, this_update, next_update, covers, kept_since, entries FROM crls
                 WHERE issuer_id = $1 AND state = 'issued' ORDER BY number",
            )
            .bind(issuer.as_str())
            .fetch_all(&self.readers)
            .await?;
            for row in &rows {
                crls.push(IssuersCrl {
                    issuer: issuer.clone(),
                    row: read(row)?,
                });
            }
        }
        Ok(crls)
    }

    async fn crl_issuers(&self) -> Result<Vec<IssuerId>, StoreError> {
        let rows = query(issuers_of!(
            "crls",
            "SELECT id FROM issuers WHERE id IS NOT NULL"
        ))
        .fetch_all(&self.readers)
        .await?;
        issuer_ids(&rows, "crls.issuer_id")
    }
}

fn read(row: &Row) -> Result<CrlRow, StoreError> {
    Ok(CrlRow {
        row: row.try_get("id")?,
        number: row.try_get("number")?,
        this_update: Timestamp(row.try_get("this_update")?),
        next_update: Timestamp(row.try_get("next_update")?),
        covers: row.try_get("covers")?,
        kept_since: Timestamp(row.try_get("kept_since")?),
        entries: row.try_get("entries")?,
    })
}
