//! Two engines under one SQL text: each statement is written once, with `$1` placeholders, and is
//! run here on SQLite or on PostgreSQL. Columns are TEXT, BLOB or BYTEA, and 64-bit integers, and a
//! statement binds nothing else, so the two answer alike (`docs/adr/`: one SQL text, two engines).

use std::borrow::Cow;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePool};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

mod query;
mod row;
mod rows;

pub(crate) use query::query;
pub(crate) use row::Row;
pub(crate) use rows::ForRows;

use crate::model::event::AuditEvent;

/// What opens a transaction of the writer on SQLite: the lock is taken at once, so that a batch
/// never fails in its middle because a reader became a writer.
const BEGIN_SQLITE: &str = "BEGIN IMMEDIATE";

/// What opens a transaction of the writer on PostgreSQL. Every statement must see what was committed
/// before it began, whatever default the server has; the settings end with the transaction, because
/// behind a pooler the session is not ours. A node that hangs in the middle of a batch loses its
/// locks, and one that waits for them gives up, well within the time of an enrolment.
const BEGIN_POSTGRES: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
    SET LOCAL lock_timeout = '3s';
    SET LOCAL idle_in_transaction_session_timeout = '5s'";

/// A connection of the writer, within its transaction.
#[derive(Debug)]
pub struct Connection {
    /// The way to the engine.
    pub link: Link,
    /// What the commands so far wish to see in the audit log; inserted together before the commit.
    pub(crate) events: Vec<AuditEvent>,
}

/// The way to one of the engines.
#[derive(Debug)]
pub enum Link {
    /// To a file.
    Sqlite(SqliteConnection),
    /// To a server.
    Postgres(PgConnection),
}

impl From<Link> for Connection {
    fn from(link: Link) -> Self {
        let events = Vec::new();
        Self { link, events }
    }
}

impl Connection {
    /// Opens a transaction for writing.
    pub(crate) async fn begin(&mut self) -> Result<(), sqlx::Error> {
        self.events.clear();
        match self.link {
            Link::Sqlite(_) => self.run(BEGIN_SQLITE).await,
            Link::Postgres(_) => self.run(BEGIN_POSTGRES).await,
        }
    }

    /// Runs statements that take no values and answer nothing.
    pub(crate) async fn run(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        // A text without values goes over the wire in one message, unprepared.
        match &mut self.link {
            Link::Sqlite(connection) => connection.execute(sql).await.map(drop),
            Link::Postgres(connection) => connection.execute(sql).await.map(drop),
        }
    }

    /// Says goodbye; the server need not find out by itself.
    pub(crate) async fn close(self) -> Result<(), sqlx::Error> {
        match self.link {
            Link::Sqlite(connection) => connection.close().await,
            Link::Postgres(connection) => connection.close().await,
        }
    }
}

/// How the writer connects, and connects again.
#[derive(Clone, Debug)]
pub(crate) enum Connector {
    Sqlite(Box<SqliteConnectOptions>),
    Postgres(Box<PgConnectOptions>),
}

impl Connector {
    pub(crate) async fn connect(&self) -> Result<Connection, sqlx::Error> {
        let link = match self {
            Self::Sqlite(options) => Link::Sqlite(options.connect().await?),
            Self::Postgres(options) => Link::Postgres(options.connect().await?),
        };
        Ok(link.into())
    }
}

/// The connections that read.
#[derive(Clone, Debug)]
pub(crate) enum Readers {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Readers {
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// Whether the server undid this transaction because another one stood in its way; run again, it
/// may pass. SQLSTATE, PostgreSQL appendix A, class 40.
pub(crate) fn is_conflict(error: &sqlx::Error) -> bool {
    matches!(code(error).as_deref(), Some("40001" | "40P01"))
}

/// Whether the statement names a table that is not there: SQLSTATE 42P01, or SQLite's SQLITE_ERROR,
/// which our statements meet for no other reason.
pub(crate) fn is_missing_table(error: &sqlx::Error) -> bool {
    matches!(code(error).as_deref(), Some("42P01" | "1"))
}

fn code(error: &sqlx::Error) -> Option<Cow<'_, str>> {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
}

/// Whether the connection is gone, not the statement wrong.
pub(crate) fn is_connection_loss(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        // 57P0x: the server was told to end this session; class 08: it lost it.
        _ => code(error).is_some_and(|code| code.starts_with("57P0") || code.starts_with("08")),
    }
}
