//! CRLs: number and digest are committed before the signature.

use crate::clock::Timestamp;
use crate::model::certificate::IssuerId;
use crate::model::event::AuditEvent;
use crate::store::engine::{Connection, query};
use crate::store::guard::{Guard, hold};
use crate::store::writer::{Applied, Write};
use crate::store::{Store, StoreError, audit};

/// Commits that a CRL will be signed. The number must be higher than every earlier one of its
/// issuer. Answers the row, or `None` where the number does not grow.
#[derive(Debug)]
pub struct IntendCrl {
    /// Who will sign.
    pub issuer: IssuerId,
    /// RFC 5280, section 5.2.3.
    pub number: i64,
    /// When it was made.
    pub this_update: Timestamp,
    /// Until when the next one comes.
    pub next_update: Timestamp,
    /// SHA-256 of the exact to-be-signed bytes.
    pub tbs_sha256: [u8; 32],
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
        let row = query(
            "INSERT INTO crls (issuer_id, number, state, this_update, next_update, tbs_sha256)
             SELECT $1, $2, 'intended', $3, $4, $5
             WHERE NOT EXISTS (SELECT 1 FROM crls WHERE issuer_id = $1 AND number >= $2)
             RETURNING id",
        )
        .bind(self.issuer.as_str())
        .bind(self.number)
        .bind(self.this_update.0)
        .bind(self.next_update.0)
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

/// Records a signed CRL. Answers whether its intent was open.
#[derive(Debug)]
pub struct RecordCrl {
    /// The intent's row.
    pub row: i64,
    /// The CRL.
    pub der: Vec<u8>,
    /// What the record says of it.
    pub event: AuditEvent,
}

impl Write for RecordCrl {
    type Output = bool;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<bool>, StoreError> {
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
        audit::append(connection, &self.event);
        Ok(Applied::Keep(true))
    }
}

impl Store {
    /// The number and DER of an issuer's newest recorded CRL.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn latest_crl(
        &self,
        issuer: &IssuerId,
    ) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
        let row = query(
            "SELECT number, der FROM crls WHERE issuer_id = $1 AND state = 'issued'
             ORDER BY number DESC LIMIT 1",
        )
        .bind(issuer.as_str())
        .fetch_optional(&self.readers)
        .await?;
        row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .transpose()
    }
}
