//! Who gets nothing. Looked at in the intent's own commit, so that a block wins every race.

use crate::model::event::AuditEvent;
use crate::model::identity::{DeviceId, Email};
use crate::store::certificates::Holder;
use crate::store::engine::{Connection, query};
use crate::store::guard::{Guard, hold};
use crate::store::writer::{Applied, Write};
use crate::store::{StoreError, audit};

/// What a block names.
#[derive(Clone, Debug)]
pub enum Blocked {
    /// A user, by e-mail.
    Email(Email),
    /// A device, by any identifier that Google gave.
    Device(DeviceId),
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
        let (kind, value) = match &self.blocked {
            Blocked::Email(email) => ("email", email.as_str()),
            Blocked::Device(device) => ("device", device.as_str()),
        };
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
