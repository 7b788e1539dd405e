//! How often verified identities ask, and which of them wait because they were denied in a row.
//!
//! Both are counted in the commit of what is counted, per identity and over all nodes: whoever counts
//! holds the identity's row until the commit, and on PostgreSQL a second node waits for it there.

use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::attempt::AttemptId;
use crate::model::event::{AuditEvent, EventKind};
use crate::model::pause::{Hold, MEMORY, MINUTE, Pause, wait};
use crate::model::problem_code::ProblemCode;
use crate::store::engine::{Connection, Row, query};
use crate::store::writer::{Applied, Write};
use crate::store::{Store, StoreError, audit};

/// A verified identity that a denial counts against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// One text per identity: `user:..` or `device:..`.
    pub identity: String,
    /// Its keyed digest, by which events name it.
    pub digest: String,
}

/// Counts an attempt that Verified Access vouched for. Answers what holds the identity up.
pub(crate) async fn count_attempt(
    connection: &mut Connection,
    identity: &str,
    limit: u32,
    now: Timestamp,
) -> Result<Option<Hold>, StoreError> {
    // A minute that begins later than a minute from now was counted by a clock that was wrong.
    let row = query(
        "INSERT INTO attempt_rates (identity, since, attempts) VALUES ($1, $2, 1)
         ON CONFLICT (identity) DO UPDATE SET
             attempts = CASE WHEN attempt_rates.since > $3 AND attempt_rates.since < $4
                             THEN attempt_rates.attempts + 1 ELSE 1 END,
             since = CASE WHEN attempt_rates.since > $3 AND attempt_rates.since < $4
                          THEN attempt_rates.since ELSE excluded.since END
         RETURNING attempts, since, (SELECT until FROM pauses
             WHERE pauses.identity = $1 AND paused_at IS NOT NULL AND until > $2)",
    )
    .bind(identity)
    .bind(now.0)
    .bind(now.minus(MINUTE).0)
    .bind(now.plus(MINUTE).0)
    .fetch_one(&mut *connection)
    .await?;
    if row.try_get::<Option<i64>, _>(2)?.is_some() {
        let pause = paused(connection, identity).await?;
        return Ok(pause.as_ref().map(Hold::paused));
    }
    let (attempts, since): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let hold = || Hold::too_many_attempts(limit, attempts, Timestamp(since));
    Ok((attempts > i64::from(limit)).then(hold))
}

/// Counts the denial that `denied` tells of, unless the identity waits already. Answers until when it
/// waits.
pub(crate) async fn count_denial(
    connection: &mut Connection,
    counted: &Counted,
    code: ProblemCode,
    denied: &AuditEvent,
) -> Result<Option<Timestamp>, StoreError> {
    let now = denied.at;
    let row = query(
        "INSERT INTO pauses (identity, identity_digest, denials, until, code, attempt)
         VALUES ($1, $2, 1, $3, $4, $5)
         ON CONFLICT (identity) DO UPDATE SET
             denials = CASE WHEN pauses.until > $6 THEN pauses.denials + 1 ELSE 1 END,
             paused_at = CASE WHEN pauses.until > $6 THEN pauses.paused_at END,
             until = excluded.until, code = excluded.code, attempt = excluded.attempt
         WHERE pauses.paused_at IS NULL OR pauses.until <= excluded.until
         RETURNING denials",
    )
    .bind(&counted.identity)
    .bind(&counted.digest)
    .bind(now.0)
    .bind(code.as_str())
    .bind(&denied.subject)
    .bind(now.minus(MEMORY).0)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else {
        // Attempts that were under way together are denied together: they are one failure, not many.
        let pause = paused(connection, &counted.identity).await?;
        return Ok(pause.map(|pause| pause.until));
    };
    let denials: i64 = row.try_get(0)?;
    let Some(seconds) = wait(denials) else {
        return Ok(None);
    };
    let until = now.plus(seconds);
    query("UPDATE pauses SET paused_at = COALESCE(paused_at, $1), until = $2 WHERE identity = $3")
        .bind(now.0)
        .bind(until.0)
        .bind(&counted.identity)
        .execute(connection)
        .await?;
    let event = AuditEvent::new(
        now,
        EventKind::IdentityPaused,
        denied.actor.clone(),
        denied.subject.as_str(),
    )
    .with("identity", counted.digest.as_str())
    .with("denials", denials)
    .with("until", until.0);
    audit::append(connection, &event);
    Ok(Some(until))
}

/// The identity's pause, over or not.
async fn paused(connection: &mut Connection, identity: &str) -> Result<Option<Pause>, StoreError> {
    let row = query("SELECT * FROM pauses WHERE identity = $1 AND paused_at IS NOT NULL")
        .bind(identity)
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read_pause).transpose()
}

/// Forgets the denials of an identity, which has got a certificate; `issued` tells of it.
pub(crate) async fn clear(
    connection: &mut Connection,
    identity: &str,
    issued: &AuditEvent,
) -> Result<(), StoreError> {
    let row = query("DELETE FROM pauses WHERE identity = $1 RETURNING *")
        .bind(identity)
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(row) = row
        && row.try_get::<Option<i64>, _>("paused_at")?.is_some()
    {
        let event = released(&row, issued.at, issued.actor.clone())?;
        let event = event.with("certificate", issued.subject.as_str());
        audit::append(connection, &event);
    }
    Ok(())
}

/// The event is about the attempt that led to the pause: there is one pause behind each.
fn released(row: &Row, at: Timestamp, actor: Actor) -> Result<AuditEvent, StoreError> {
    let (attempt, digest): (String, String) =
        (row.try_get("attempt")?, row.try_get("identity_digest")?);
    let event = AuditEvent::new(at, EventKind::IdentityReleased, actor, attempt);
    Ok(event.with("identity", digest))
}

/// Ends an identity's pause and forgets its denials. Answers what it was; `None` where it had none.
#[derive(Debug)]
pub struct ReleasePaused {
    /// `user:..` or `device:..`.
    pub identity: String,
    /// By whom.
    pub actor: Actor,
    /// When.
    pub now: Timestamp,
}

impl Write for ReleasePaused {
    type Output = Option<PausedIdentity>;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<Self::Output>, StoreError> {
        let row =
            query("DELETE FROM pauses WHERE identity = $1 AND paused_at IS NOT NULL RETURNING *")
                .bind(&self.identity)
                .fetch_optional(&mut *connection)
                .await?;
        let Some(row) = row else {
            return Ok(Applied::Keep(None));
        };
        let event = released(&row, self.now, self.actor.clone())?;
        audit::append(connection, &event);
        Ok(Applied::Keep(Some(read(&row)?)))
    }
}

/// Forgets minutes that are over, and denials as old as [`MEMORY`]. Answers how many rows.
#[derive(Debug)]
pub struct ForgetPauses {
    /// The time of the sweep.
    pub now: Timestamp,
}

impl Write for ForgetPauses {
    type Output = u64;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<u64>, StoreError> {
        let minutes = query("DELETE FROM attempt_rates WHERE since <= $1")
            .bind(self.now.minus(MINUTE).0)
            .execute(connection)
            .await?;
        let pauses = query("DELETE FROM pauses WHERE until <= $1")
            .bind(self.now.minus(MEMORY).0)
            .execute(connection)
            .await?;
        Ok(Applied::Keep(minutes + pauses))
    }
}

/// A paused identity as it stands in the record.
#[derive(Clone, Debug)]
pub struct PausedIdentity {
    /// Row number; the order in which identities were first denied.
    pub row: i64,
    /// `user:..` or `device:..`.
    pub identity: String,
    /// Since when, until when, and why.
    pub pause: Pause,
}

impl Store {
    /// A page of identities that were told to wait and are not forgotten, newest first; `before` is
    /// the row that the last page ended with.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn paused_identities(
        &self,
        before: Option<i64>,
        at_most: u32,
    ) -> Result<Vec<PausedIdentity>, StoreError> {
        let rows = query(
            "SELECT * FROM pauses WHERE id < $1 AND paused_at IS NOT NULL ORDER BY id DESC LIMIT $2",
        )
        .bind(before.unwrap_or(i64::MAX))
        .bind(i64::from(at_most))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &Row) -> Result<PausedIdentity, StoreError> {
    Ok(PausedIdentity {
        row: row.try_get("id")?,
        identity: row.try_get("identity")?,
        pause: read_pause(row)?,
    })
}

fn read_pause(row: &Row) -> Result<Pause, StoreError> {
    let corrupt = StoreError::Corrupt;
    Ok(Pause {
        since: Timestamp(row.try_get("paused_at")?),
        until: Timestamp(row.try_get("until")?),
        denials: row.try_get("denials")?,
        code: ProblemCode::parse(row.try_get("code")?).ok_or(corrupt("pauses.code"))?,
        attempt: AttemptId::parse(row.try_get("attempt")?).ok_or(corrupt("pauses.attempt"))?,
    })
}
