//! Which certificates lost their place to a later one, for profiles that revoke these. Successors are
//! looked at in the order of their numbers, each once: a profile remembers how far it got.

use crate::clock::Timestamp;
use crate::store::engine::{Connection, query};
use crate::store::writer::{Applied, Write};
use crate::store::{Store, StoreError};

/// Notes how far a profile got. Whoever got further meanwhile is not set back.
#[derive(Debug)]
pub struct NoteSuperseded {
    /// The profile's name.
    pub profile: String,
    /// The last certificate that was looked at.
    pub done: i64,
}

impl Write for NoteSuperseded {
    type Output = ();

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<()>, StoreError> {
        query(
            "INSERT INTO superseding (profile, done) VALUES ($1, $2)
             ON CONFLICT (profile) DO UPDATE SET done = excluded.done
             WHERE superseding.done < excluded.done",
        )
        .bind(&self.profile)
        .bind(self.done)
        .execute(connection)
        .await?;
        Ok(Applied::Keep(()))
    }
}

/// Certificates that are next to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Successors {
    /// Behind this one.
    pub after: i64,
    /// Up to this one, included.
    pub last: i64,
    /// Whether there may be more.
    pub more: bool,
}

impl Store {
    /// The next certificates that were intended by then; `None` where there are none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn successors_due(
        &self,
        profile: &str,
        by: Timestamp,
        at_most: u32,
    ) -> Result<Option<Successors>, StoreError> {
        let row = query("SELECT done FROM superseding WHERE profile = $1")
            .bind(profile)
            .fetch_optional(&self.readers)
            .await?;
        let after = row.map_or(Ok(0), |row| row.try_get::<i64, _>(0))?;
        let rows =
            query("SELECT id, intended_at FROM certificates WHERE id > $1 AND kind = 'client' ORDER BY id LIMIT $2")
                .bind(after)
                .bind(i64::from(at_most))
                .fetch_all(&self.readers)
                .await?;
        let mut last = None;
        let mut due = 0;
        for row in &rows {
            // The first that is too young ends the part: what stands behind it waits with it.
            if row.try_get::<i64, _>(1)? > by.0 {
                break;
            }
            last = Some(row.try_get::<i64, _>(0)?);
            due += 1;
        }
        let more = due == usize::try_from(at_most).unwrap_or(usize::MAX);
        Ok(last.map(|last| Successors { after, last, more }))
    }

    /// Certificates of a profile that are good, and that one of these successors, good too, has taken
    /// the place of: the same holder's, on the same device.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn superseded(
        &self,
        profile: &str,
        successors: Successors,
        now: Timestamp,
    ) -> Result<Vec<i64>, StoreError> {
        // In this order: the successors by their numbers, then each one's holder.
        let rows = query(
            "SELECT DISTINCT old.id FROM certificates new CROSS JOIN certificates old
             WHERE new.id > $1 AND new.id <= $2 AND new.profile = $3 AND new.kind = 'client'
               AND new.state = 'issued' AND new.not_after >= $4
               AND NOT EXISTS (SELECT 1 FROM revocations WHERE certificate_id = new.id)
               AND old.identity = new.identity AND old.id < new.id AND old.profile = $3
               AND old.kind = 'client' AND old.state = 'issued' AND old.not_after >= $4
               AND NOT EXISTS (SELECT 1 FROM revocations WHERE certificate_id = old.id)
               AND (substr(old.identity, 1, 7) = 'device:'
                   OR old.virtual_device_id = new.virtual_device_id)
             ORDER BY old.id",
        )
        .bind(successors.after)
        .bind(successors.last)
        .bind(profile)
        .bind(now.0)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}
