//! Who gets nothing. Looked at in the intent's own commit, so that a block wins every race.

use crate::clock::Timestamp;
use crate::model::event::AuditEvent;
use crate::model::identity::{DeviceId, Email, InvalidIdentity};
use crate::model::pause::identity_of;
use crate::store::certificates::Holder;
use crate::store::engine::{Connection, Row, query};
use crate::store::guard::{Guard, hold};
use crate::store::writer::{Applied, Write};
use crate::store::{Store, StoreError, audit};

/// What a block names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// A user, by e-mail.
    Email(Email),
    /// A device, by any identifier that Google gave.
    Device(DeviceId),
}

impl Blocked {
    /// `user:EMAIL` or `device:ID`; an e-mail or a device's id alone will do.
    ///
    /// # Errors
    /// [`InvalidIdentity`].
    pub fn parse(unverified: &str) -> Result<Self, InvalidIdentity> {
        let identity = identity_of(unverified)?;
        match identity.split_once(':') {
            Some(("user", email)) => Email::parse(email).map(Self::Email),
            Some((_, id)) => DeviceId::parse(id).map(Self::Device),
            None => DeviceId::parse(&identity).map(Self::Device),
        }
    }

    /// The stored words.
    #[must_use]
    pub fn stored(&self) -> (&'static str, &str) {
        match self {
            Self::Email(email) => ("email", email.as_str()),
            Self::Device(device) => ("device", device.as_str()),
        }
    }
}

/// Blocks a user or device. Answers whether it was not blocked before.
///
/// Once it is committed, every intent that was committed without seeing it can be seen by the next
/// read, on whatever node, so that a revocation that selects after its block misses none.
#[derive(Debug)]
pub struct AddBlock {
    /// Whom.
    pub blocked: Blocked,
    /// Why, in the operator's words.
    pub reason: String,
    /// What the record says of it; holds no personal value.
    pub event: AuditEvent,
}

impl Write for AddBlock {
    type Output = bool;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<bool>, StoreError> {
        let (kind, value) = self.blocked.stored();
        hold(connection, Guard::ChangeBlocks).await?;
        let added = query(
            "INSERT INTO blocks (kind, value, reason, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING RETURNING id",
        )
        .bind(kind)
        .bind(value)
        .bind(&self.reason)
        .bind(self.event.at.0)
        .fetch_optional(&mut *connection)
        .await?;
        if added.is_none() {
            return Ok(Applied::Keep(false));
        }
        audit::append(connection, &self.event);
        Ok(Applied::Keep(true))
    }
}

/// Lifts a block. Answers whether there was one.
#[derive(Debug)]
pub struct LiftBlock {
    /// Whose.
    pub blocked: Blocked,
    /// What the record says of it; holds no personal value.
    pub event: AuditEvent,
}

impl Write for LiftBlock {
    type Output = bool;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<bool>, StoreError> {
        let (kind, value) = self.blocked.stored();
        hold(connection, Guard::ChangeBlocks).await?;
        let lifted = query("DELETE FROM blocks WHERE kind = $1 AND value = $2 RETURNING id")
            .bind(kind)
            .bind(value)
            .fetch_optional(&mut *connection)
            .await?;
        if lifted.is_none() {
            return Ok(Applied::Keep(false));
        }
        audit::append(connection, &self.event);
        Ok(Applied::Keep(true))
    }
}

/// A block as it stands in the record.
#[derive(Clone, Debug)]
pub struct BlockRow {
    /// Row number; the order in which blocks were made.
    pub row: i64,
    /// `email` or `device`.
    pub kind: String,
    /// Whose.
    pub value: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub created_at: Timestamp,
}

impl Store {
    /// A page of blocks, newest first; `before` is the row that the last page ended with.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn blocks(
        &self,
        before: Option<i64>,
        at_most: u32,
    ) -> Result<Vec<BlockRow>, StoreError> {
        let rows = query("SELECT * FROM blocks WHERE id < $1 ORDER BY id DESC LIMIT $2")
            .bind(before.unwrap_or(i64::MAX))
            .bind(i64::from(at_most))
            .fetch_all(&self.readers)
            .await?;
        let read = |row: &Row| {
            Ok(BlockRow {
                row: row.try_get("id")?,
                kind: row.try_get("kind")?,
                value: row.try_get("value")?,
                reason: row.try_get("reason")?,
                created_at: Timestamp(row.try_get("created_at")?),
            })
        };
        rows.iter().map(read).collect()
    }
}

/// Whether any of the holder's names is blocked.
pub(crate) async fn is_blocked(
    connection: &mut Connection,
    holder: &Holder,
) -> Result<bool, StoreError> {
    let [permanent, virtual_id, enrollment, attested] = holder.device_ids();
    let row = query(
        "SELECT 1 FROM blocks WHERE (kind = 'email' AND value = $1)
             OR (kind = 'device' AND value IN ($2, $3, $4, $5)) LIMIT 1",
    )
    .bind(holder.email.as_deref())
    .bind(permanent)
    .bind(virtual_id)
    .bind(enrollment)
    .bind(attested)
    .fetch_optional(connection)
    .await?;
    Ok(row.is_some())
}
