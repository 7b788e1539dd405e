//! What is not kept for ever: old attempts lose their personal data, and later go. A certificate
//! outlives its attempt, an unfinished attempt is never touched.

use std::sync::LazyLock;

use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::event::{AuditEvent, EventKind};
use crate::store::engine::{Connection, ForRows, Row, query};
use crate::store::writer::{Applied, Write};
use crate::store::{Store, StoreError, audit};

/// The subject of the events: no attempt by itself, for they hold no names.
const SUBJECT: &str = "attempts";

/// Both engines call the columns of a list of values `column1` and so on. A row that another node
/// shortened meanwhile stays as that one left it.
static SHORTEN: LazyLock<ForRows> = LazyLock::new(|| {
    let before = "UPDATE attempts SET unverified_email = short.column2, peer = short.column3,
        facts = short.column4, checks = short.column5, shortened_at = short.column6,
        verdict = NULL, verdict_tag = NULL FROM (";
    ForRows::new(
        before,
        6,
        ") AS short WHERE attempts.id = short.column1 AND attempts.shortened_at IS NULL
            AND attempts.finished_at IS NOT NULL",
    )
});

/// The columns of an attempt that hold personal data, as they stand in the record.
#[derive(Clone, Debug)]
pub struct PersonalData {
    /// Row number.
    pub row: i64,
    /// The claimed e-mail; empty for a machine.
    pub unverified_email: String,
    /// From where it came.
    pub peer: String,
    /// The verdict's JSON, while it is there. Its tag does not matter here.
    pub unverified_verdict: Option<String>,
    /// The facts' JSON, where there are any.
    pub facts: Option<String>,
    /// The checks' JSON.
    pub checks: String,
}

/// What is looked for: an attempt counts from when its response was bound.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// Bound before this second: the attempt goes.
    pub delete_before: Timestamp,
    /// Bound before this second: its personal data goes. `None` where it stays with the attempt.
    pub shorten_before: Option<Timestamp>,
    /// Finished then or earlier: nobody is answered from it any more.
    pub finished_by: Timestamp,
    /// Attempts of each kind at once.
    pub at_most: u32,
}

impl Store {
    /// Attempts whose personal data is due, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn personal_data_due(&self, due: Due) -> Result<Vec<PersonalData>, StoreError> {
        let Some(shorten_before) = due.shorten_before else {
            return Ok(Vec::new());
        };
        let rows = query(
            "SELECT id, unverified_email, peer, verdict, facts, checks FROM attempts
             WHERE bound_at >= $1 AND bound_at < $2 AND finished_at <= $3 AND shortened_at IS NULL
             ORDER BY bound_at LIMIT $4",
        )
        .bind(due.delete_before.0)
        .bind(shorten_before.0)
        .bind(due.finished_by.0)
        .bind(i64::from(due.at_most))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &Row) -> Result<PersonalData, StoreError> {
    Ok(PersonalData {
        row: row.try_get("id")?,
        unverified_email: row.try_get("unverified_email")?,
        peer: row.try_get("peer")?,
        unverified_verdict: row.try_get("verdict")?,
        facts: row.try_get("facts")?,
        checks: row.try_get("checks")?,
    })
}

/// How many attempts one sweep changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Lost their personal data.
    pub shortened: u64,
    /// Are gone.
    pub deleted: u64,
}

/// Deletes what is due, and puts what was shortened in the place of what was personal. Both and the
/// one event that counts them are in one commit.
#[derive(Debug)]
pub struct ApplyRetention {
    /// What was due when the personal data was read.
    pub due: Due,
    /// The columns of those attempts, without personal data.
    pub shortened: Vec<PersonalData>,
    /// When.
    pub at: Timestamp,
}

impl Write for ApplyRetention {
    type Output = Swept;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<Swept>, StoreError> {
        let swept = Swept {
            deleted: self.delete(connection).await?,
            shortened: self.shorten(connection).await?,
        };
        if swept != Swept::default() {
            let event = AuditEvent::new(
                self.at,
                EventKind::RetentionApplied,
                Actor::Schedule,
                SUBJECT,
            )
            .with("deleted", swept.deleted)
            .with("shortened", swept.shortened);
            audit::append(connection, &event);
        }
        Ok(Applied::Keep(swept))
    }
}

impl ApplyRetention {
    async fn delete(&self, connection: &mut Connection) -> Result<u64, sqlx::Error> {
        query(
            "DELETE FROM attempts WHERE id IN
                 (SELECT id FROM attempts WHERE bound_at < $1 AND finished_at <= $2
                  ORDER BY bound_at LIMIT $3)",
        )
        .bind(self.due.delete_before.0)
        .bind(self.due.finished_by.0)
        .bind(i64::from(self.due.at_most))
        .execute(connection)
        .await
    }

    async fn shorten(&self, connection: &mut Connection) -> Result<u64, sqlx::Error> {
        let mut shortened = 0;
        for (statement, attempts) in SHORTEN.split(&self.shortened) {
            let mut update = query(statement);
            for attempt in attempts {
                update = update
                    .bind(attempt.row)
                    .bind(&attempt.unverified_email)
                    .bind(&attempt.peer)
                    .bind(attempt.facts.as_deref())
                    .bind(&attempt.checks)
                    .bind(self.at.0);
            }
            shortened += update.execute(connection).await?;
        }
        Ok(shortened)
    }
}
