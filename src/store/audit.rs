//! The audit log in the database: events are committed with the state that they tell of, unordered;
//! the sequencer then gives each a number and chains it to the one before.

use std::sync::LazyLock;

use aws_lc_rs::digest::{Context, SHA256};

use crate::model::event::AuditEvent;
use crate::store::deliveries::{self, Subscriptions, Told};
use crate::store::engine::{Connection, ForRows, Row, query};
use crate::store::guard::{Guard, hold};
use crate::store::writer::{Applied, Write};
use crate::store::{Store, StoreError};

/// Events in one batch of the sequencer.
const BATCH: i64 = 1000;

static INSERT: LazyLock<ForRows> = LazyLock::new(|| {
    let before = "INSERT INTO events (at, kind, actor, subject, detail)";
    ForRows::new(before, 5, "")
});

/// The same, and answers what was inserted.
static INSERT_AND_TELL: LazyLock<ForRows> = LazyLock::new(|| {
    let before = "INSERT INTO events (at, kind, actor, subject, detail)";
    ForRows::new(before, 5, "RETURNING id, at, kind, subject")
});

/// Both engines call the columns of a list of values `column1` and so on.
static NUMBER: LazyLock<ForRows> = LazyLock::new(|| {
    let before = "UPDATE events SET sequence = numbered.column2, chain = numbered.column3 FROM (";
    ForRows::new(
        before,
        3,
        ") AS numbered WHERE events.id = numbered.column1",
    )
});

/// Adds an event to the commit of the command that caused it.
pub(crate) fn append(connection: &mut Connection, event: &AuditEvent) {
    connection.events.push(event.clone());
}

/// Inserts the events that were added since the last time, in their order, and queues what services of
/// the organisation's own are to be told of them. Where nobody wants to be told, that costs nothing.
pub(crate) async fn insert(
    connection: &mut Connection,
    subscriptions: &Subscriptions,
) -> Result<(), sqlx::Error> {
    let events = std::mem::take(&mut connection.events);
    let wanted = events.iter().any(|event| subscriptions.want(event.kind));
    let statements = if wanted { &INSERT_AND_TELL } else { &INSERT };
    let mut told = Vec::new();
    for (statement, events) in statements.split(&events) {
        let mut insert = query(statement);
        for event in events {
            let detail = serde_json::Value::Object(event.detail.clone()).to_string();
            insert = insert
                .bind(event.at.0)
                .bind(event.kind.as_str())
                .bind(event.actor.stored())
                .bind(&event.subject)
                .bind(detail);
        }
        if wanted {
            // Found again by what they say: in which order rows are answered is promised by nobody.
            for row in insert.fetch_all(&mut *connection).await? {
                told.push(Told {
                    event: row.try_get("id")?,
                    at: row.try_get("at")?,
                    kind: row.try_get("kind")?,
                    subject: row.try_get("subject")?,
                });
            }
        } else {
            insert.execute(connection).await?;
        }
    }
    deliveries::queue(connection, subscriptions, &told).await
}

/// Something that happened and changed no state: a person looked.
#[derive(Debug)]
pub struct Note(pub AuditEvent);

impl Write for Note {
    type Output = ();

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<()>, StoreError> {
        append(connection, &self.0);
        Ok(Applied::Keep(()))
    }
}

/// An event as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEvent {
    /// Its place, from 1, without gaps; `None` until the sequencer has seen it.
    pub sequence: Option<i64>,
    /// Seconds since the epoch.
    pub at: i64,
    /// What happened.
    pub kind: String,
    /// By whom.
    pub actor: String,
    /// What it is about.
    pub subject: String,
    /// Further facts, JSON.
    pub detail: String,
    /// SHA-256 that covers this event and all before it.
    pub chain: Option<Vec<u8>>,
}

impl LoggedEvent {
    /// The digest that follows `previous` for this event at `sequence`: each field is preceded by
    /// its length, so that no two events have the same bytes.
    #[must_use]
    pub fn link(&self, previous: &[u8], sequence: i64) -> Vec<u8> {
        let mut context = Context::new(&SHA256);
        context.update(b"vaca-event-v1");
        context.update(previous);
        context.update(&sequence.to_be_bytes());
        context.update(&self.at.to_be_bytes());
        for field in [&self.kind, &self.actor, &self.subject, &self.detail] {
            let length = u64::try_from(field.len()).unwrap_or(u64::MAX);
            context.update(&length.to_be_bytes());
            context.update(field.as_bytes());
        }
        context.finish().as_ref().to_vec()
    }
}

/// Orders events that have no number yet, oldest row first. Answers how many it ordered. The lease
/// only saves work: a node that is late in noticing that it lost it waits for the guard, and then
/// goes on behind what the other one committed.
#[derive(Debug)]
pub struct Sequence;

impl Write for Sequence {
    type Output = usize;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<usize>, StoreError> {
        hold(connection, Guard::Sequence).await?;
        let last = query(
            "SELECT sequence, chain FROM events WHERE sequence IS NOT NULL
             ORDER BY sequence DESC LIMIT 1",
        )
        .fetch_optional(&mut *connection)
        .await?;
        let (mut sequence, mut chain) = match last {
            Some(row) => (row.try_get::<i64, _>(0)?, row.try_get::<Vec<u8>, _>(1)?),
            None => (0, Vec::new()),
        };
        let rows = query("SELECT * FROM events WHERE sequence IS NULL ORDER BY id LIMIT $1")
            .bind(BATCH)
            .fetch_all(&mut *connection)
            .await?;
        let mut numbered = Vec::with_capacity(rows.len());
        for row in &rows {
            sequence += 1;
            chain = read(row)?.link(&chain, sequence);
            numbered.push((row.try_get::<i64, _>("id")?, sequence, chain.clone()));
        }
        for (statement, numbered) in NUMBER.split(&numbered) {
            let mut update = query(statement);
            for (id, sequence, chain) in numbered {
                update = update.bind(*id).bind(*sequence).bind(chain);
            }
            update.execute(connection).await?;
        }
        Ok(Applied::Keep(rows.len()))
    }
}

impl Store {
    /// Ordered events after `sequence`, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn events_after(
        &self,
        sequence: i64,
        at_most: u32,
    ) -> Result<Vec<LoggedEvent>, StoreError> {
        let rows = query("SELECT * FROM events WHERE sequence > $1 ORDER BY sequence LIMIT $2")
            .bind(sequence)
            .bind(i64::from(at_most))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(read).collect()
    }

    /// How many events have no number yet, `at_most` at most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unsequenced_events(&self, at_most: u32) -> Result<i64, StoreError> {
        let sql = "SELECT count(*) FROM
            (SELECT id FROM events WHERE sequence IS NULL ORDER BY id LIMIT $1) AS unsequenced";
        let row = query(sql)
            .bind(i64::from(at_most))
            .fetch_one(&self.readers)
            .await?;
        Ok(row.try_get(0)?)
    }

    /// Every event about `subject`, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn events_about(&self, subject: &str) -> Result<Vec<LoggedEvent>, StoreError> {
        let rows = query("SELECT * FROM events WHERE subject = $1 ORDER BY id")
            .bind(subject)
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(read).collect()
    }
}

/// An event of a row that has its columns.
pub(super) fn read(row: &Row) -> Result<LoggedEvent, StoreError> {
    Ok(LoggedEvent {
        sequence: row.try_get("sequence")?,
        at: row.try_get("at")?,
        kind: row.try_get("kind")?,
        actor: row.try_get("actor")?,
        subject: row.try_get("subject")?,
        detail: row.try_get("detail")?,
        chain: row.try_get("chain")?,
    })
}
