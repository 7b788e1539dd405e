//! The queue of what services of the organisation's own are to be told.
//!
//! A row is committed with its event, so that nothing that happened goes untold and nothing that did not
//! happen is told. It goes when the delivery was answered; whoever is killed between the two delivers
//! again, and never not at all.

use std::sync::LazyLock;

use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::delivery::{DEAD_LETTER_MEMORY, DeliveryId, DeliveryKind, PATIENCE};
use crate::model::event::{AuditEvent, EventKind};
use crate::store::audit::{self, LoggedEvent};
use crate::store::engine::{Connection, ForRows, Row, query};
use crate::store::writer::{Applied, Write};
use crate::store::{Store, StoreError};

/// Rows that are counted, at most: what is above is an alarm, whatever the number.
const COUNTED: i64 = 10_000;

static INSERT: LazyLock<ForRows> = LazyLock::new(|| {
    let before = "INSERT INTO deliveries (event_id, sink, subject, queued_at, due_at)";
    ForRows::new(before, 5, "")
});

/// Who wants to be told of what, as the configuration says.
#[derive(Clone, Debug, Default)]
pub struct Subscriptions(Vec<(String, Vec<DeliveryKind>)>);

impl Subscriptions {
    /// Each service by its configured name, with what it wants.
    #[must_use]
    pub fn new(sinks: Vec<(String, Vec<DeliveryKind>)>) -> Self {
        Self(sinks)
    }

    /// Whether anybody wants to be told of such an event.
    pub(crate) fn want(&self, kind: EventKind) -> bool {
        let told = DeliveryKind::of(kind);
        told.is_some_and(|told| self.sinks(told).next().is_some())
    }

    fn sinks(&self, told: DeliveryKind) -> impl Iterator<Item = &str> {
        let wanting = self
            .0
            .iter()
            .filter(move |(_, kinds)| kinds.contains(&told));
        wanting.map(|(sink, _)| sink.as_str())
    }
}

/// An event that was inserted, to be told of.
#[derive(Debug)]
pub(crate) struct Told {
    /// Its row.
    pub(crate) event: i64,
    /// When it happened.
    pub(crate) at: i64,
    /// The stored word of its kind.
    pub(crate) kind: String,
    /// What it is about.
    pub(crate) subject: String,
}

/// Queues a delivery of each event for each service that wants it, in the order of the events.
pub(crate) async fn queue(
    connection: &mut Connection,
    subscriptions: &Subscriptions,
    events: &[Told],
) -> Result<(), sqlx::Error> {
    let mut rows: Vec<(&Told, &str)> = Vec::new();
    for event in events {
        if let Some(told) = DeliveryKind::of_stored(&event.kind) {
            rows.extend(subscriptions.sinks(told).map(|sink| (event, sink)));
        }
    }
    rows.sort_by_key(|(event, _)| event.event);
    for (statement, rows) in INSERT.split(&rows) {
        let mut insert = query(statement);
        for (event, sink) in rows {
            insert = insert
                .bind(event.event)
                .bind(*sink)
                .bind(&event.subject)
                .bind(event.at)
                .bind(event.at);
        }
        insert.execute(connection).await?;
    }
    Ok(())
}

/// A delivery was answered: nothing of it is kept.
#[derive(Debug)]
pub struct Delivered(pub DeliveryId);

impl Write for Delivered {
    type Output = ();

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<()>, StoreError> {
        query("DELETE FROM deliveries WHERE event_id = $1 AND sink = $2")
            .bind(self.0.event)
            .bind(&self.0.sink)
            .execute(connection)
            .await?;
        Ok(Applied::Keep(()))
    }
}

/// What becomes of a delivery that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is tried again then.
    TryAt(Timestamp),
    /// It is given up now.
    GiveUp(Timestamp),
}

/// A delivery failed once more.
#[derive(Debug)]
pub struct Undelivered {
    /// Which.
    pub id: DeliveryId,
    /// Why, for people.
    pub problem: String,
    /// What becomes of it.
    pub next: Next,
}

impl Write for Undelivered {
    type Output = ();

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<()>, StoreError> {
        let (state, due, dead) = match self.next {
            Next::TryAt(at) => ("waiting", at.0, None),
            Next::GiveUp(at) => ("dead", at.0, Some(at.0)),
        };
        query(
            "UPDATE deliveries SET failures = failures + 1, problem = $1, state = $2, due_at = $3,
                 dead_at = $4
             WHERE event_id = $5 AND sink = $6 AND state = 'waiting'",
        )
        .bind(&self.problem)
        .bind(state)
        .bind(due)
        .bind(dead)
        .bind(self.id.event)
        .bind(&self.id.sink)
        .execute(connection)
        .await?;
        Ok(Applied::Keep(()))
    }
}

/// Gives up what has waited for as long as anything does, for a service that is not configured any more
/// too, and forgets what was given up long ago. Answers how many were given up.
#[derive(Debug)]
pub struct ExpireDeliveries {
    /// The time of the sweep.
    pub now: Timestamp,
}

impl Write for ExpireDeliveries {
    type Output = u64;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<u64>, StoreError> {
        let mut given_up = 0;
        for sink in sinks(connection).await? {
            given_up += query(
                "UPDATE deliveries SET state = 'dead', dead_at = $1
                 WHERE sink = $2 AND state = 'waiting' AND queued_at <= $3",
            )
            .bind(self.now.0)
            .bind(&sink)
            .bind(self.now.minus(PATIENCE).0)
            .execute(&mut *connection)
            .await?;
            query("DELETE FROM deliveries WHERE sink = $1 AND state = 'dead' AND dead_at <= $2")
                .bind(&sink)
                .bind(self.now.minus(DEAD_LETTER_MEMORY).0)
                .execute(&mut *connection)
                .await?;
        }
        Ok(Applied::Keep(given_up))
    }
}

/// Every service that something is queued for: few, each found behind the one before it.
async fn sinks(connection: &mut Connection) -> Result<Vec<String>, StoreError> {
    let mut found: Vec<String> = Vec::new();
    loop {
        let last = found.last().map_or("", String::as_str);
        let row = query("SELECT min(sink) FROM deliveries WHERE sink > $1")
            .bind(last)
            .fetch_one(&mut *connection)
            .await?;
        match row.try_get::<Option<String>, _>(0)? {
            Some(sink) => found.push(sink),
            None => return Ok(found),
        }
    }
}

/// What an operator means: one delivery, or all of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// This one.
    One(DeliveryId),
    /// All of this service.
    Of(String),
}

impl Chosen {
    /// As an event names it.
    fn subject(&self) -> String {
        match self {
            Self::One(id) => format!("delivery/{id}"),
            Self::Of(sink) => format!("delivery/{sink}"),
        }
    }

    /// Says in the record what somebody did to so many of them; nothing where it was none.
    fn note(
        &self,
        connection: &mut Connection,
        at: Timestamp,
        kind: EventKind,
        actor: &Actor,
        count: u64,
    ) {
        if count > 0 {
            let event = AuditEvent::new(at, kind, actor.clone(), self.subject());
            audit::append(connection, &event.with("count", count));
        }
    }
}

/// Tries again at once what waits or was given up, with all patience. Answers how many.
#[derive(Debug)]
pub struct RetryDeliveries {
    /// Which.
    pub chosen: Chosen,
    /// By whom.
    pub actor: Actor,
    /// When.
    pub now: Timestamp,
}

impl Write for RetryDeliveries {
    type Output = u64;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<u64>, StoreError> {
        let retried = match &self.chosen {
            Chosen::One(id) => query(
                "UPDATE deliveries SET state = 'waiting', dead_at = NULL, failures = 0,
                     queued_at = $1, due_at = $1
                 WHERE event_id = $2 AND sink = $3",
            )
            .bind(self.now.0)
            .bind(id.event)
            .bind(&id.sink),
            Chosen::Of(sink) => query(
                "UPDATE deliveries SET state = 'waiting', dead_at = NULL, failures = 0,
                     queued_at = $1, due_at = $1
                 WHERE sink = $2 AND state IN ('waiting', 'dead')",
            )
            .bind(self.now.0)
            .bind(sink),
        };
        let count = retried.execute(&mut *connection).await?;
        let kind = EventKind::DeliveriesRetried;
        self.chosen
            .note(connection, self.now, kind, &self.actor, count);
        Ok(Applied::Keep(count))
    }
}

/// Drops one delivery, whatever its state, or all of a service that were given up. Answers how many.
#[derive(Debug)]
pub struct DropDeliveries {
    /// Which.
    pub chosen: Chosen,
    /// By whom.
    pub actor: Actor,
    /// When.
    pub now: Timestamp,
}

impl Write for DropDeliveries {
    type Output = u64;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<u64>, StoreError> {
        let dropped = match &self.chosen {
            Chosen::One(id) => query("DELETE FROM deliveries WHERE event_id = $1 AND sink = $2")
                .bind(id.event)
                .bind(&id.sink),
            Chosen::Of(sink) => {
                query("DELETE FROM deliveries WHERE sink = $1 AND state = 'dead'").bind(sink)
            }
        };
        let count = dropped.execute(&mut *connection).await?;
        let kind = EventKind::DeliveriesDropped;
        self.chosen
            .note(connection, self.now, kind, &self.actor, count);
        Ok(Applied::Keep(count))
    }
}

/// A delivery as it stands in the record.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Row number; the order in which they were queued.
    pub row: i64,
    /// Which event, to whom.
    pub id: DeliveryId,
    /// What it tells of.
    pub event: LoggedEvent,
    /// Whether it was given up, and when.
    pub dead_at: Option<Timestamp>,
    /// Since when it is tried.
    pub queued_at: Timestamp,
    /// How often it failed.
    pub failures: i64,
    /// When it is tried next.
    pub due_at: Timestamp,
    /// Why it failed last.
    pub problem: Option<String>,
}

impl Delivery {
    /// What it is called where it is sent, and in lists: the event's row, and 16 digits of what the
    /// event says. The same at each try; another one where a restored record counts its rows again.
    #[must_use]
    pub fn name(&self) -> String {
        let digest = self.event.link(&[], self.id.event);
        let digits = crate::model::serial::hex(digest.get(..8).unwrap_or_default());
        format!("{}-{digits}", self.id.event)
    }
}

/// What waits for one service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Deliveries that wait; capped at 10000.
    pub waiting: i64,
    /// Deliveries that were given up; capped likewise.
    pub dead: i64,
    /// Since when the oldest waits.
    pub oldest: Option<Timestamp>,
}

impl Store {
    /// What is due for this service, oldest first: of each subject the first that waits, so that nobody
    /// is told of a subject out of order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn due_deliveries(
        &self,
        sink: &str,
        now: Timestamp,
        at_most: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let rows = query(
            "SELECT e.*, d.id AS row, d.event_id, d.sink, d.dead_at, d.queued_at, d.failures,
                 d.due_at, d.problem
             FROM deliveries d JOIN events e ON e.id = d.event_id
             WHERE d.sink = $1 AND d.state = 'waiting' AND d.due_at <= $2 AND NOT EXISTS (
                 SELECT 1 FROM deliveries p WHERE p.sink = d.sink AND p.subject = d.subject
                     AND p.state = 'waiting' AND p.event_id < d.event_id)
             ORDER BY d.due_at, d.event_id LIMIT $3",
        )
        .bind(sink)
        .bind(now.0)
        .bind(i64::from(at_most))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(read).collect()
    }

    /// A page of what waits and what was given up, newest first; `before` is the row that the last page
    /// ended with.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn deliveries(
        &self,
        before: Option<i64>,
        at_most: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let rows = query(
            "SELECT e.*, d.id AS row, d.event_id, d.sink, d.dead_at, d.queued_at, d.failures,
                 d.due_at, d.problem
             FROM deliveries d JOIN events e ON e.id = d.event_id
             WHERE d.id < $1 ORDER BY d.id DESC LIMIT $2",
        )
        .bind(before.unwrap_or(i64::MAX))
        .bind(i64::from(at_most))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(read).collect()
    }

    /// What waits for this service.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn backlog(&self, sink: &str) -> Result<Backlog, StoreError> {
        let sql = "SELECT
                 (SELECT count(*) FROM (SELECT id FROM deliveries
                     WHERE sink = $1 AND state = 'waiting' LIMIT $2) AS waiting),
                 (SELECT count(*) FROM (SELECT id FROM deliveries
                     WHERE sink = $1 AND state = 'dead' LIMIT $2) AS dead),
                 (SELECT min(queued_at) FROM deliveries WHERE sink = $1 AND state = 'waiting')";
        let counting = query(sql).bind(sink).bind(COUNTED);
        let row = counting.fetch_one(&self.readers).await?;
        Ok(Backlog {
            waiting: row.try_get(0)?,
            dead: row.try_get(1)?,
            oldest: row.try_get::<Option<i64>, _>(2)?.map(Timestamp),
        })
    }
}

fn read(row: &Row) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        row: row.try_get("row")?,
        id: DeliveryId {
            sink: row.try_get("sink")?,
            event: row.try_get("event_id")?,
        },
        event: audit::read(row)?,
        dead_at: row.try_get::<Option<i64>, _>("dead_at")?.map(Timestamp),
        queued_at: Timestamp(row.try_get("queued_at")?),
        failures: row.try_get("failures")?,
        due_at: Timestamp(row.try_get("due_at")?),
        problem: row.try_get("problem")?,
    })
}
