//! Two engines under one SQL text: each statement is written once, with `$1` placeholders, and is
//! run here on SQLite or on PostgreSQL. Columns are TEXT, BLOB or BYTEA, and 64-bit integers, and a
//! statement binds nothing else, so the two answer alike (`docs/adr/`: one SQL text, two engines).

use std::borrow::Cow;

use sqlx::postgres::PgPool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePool};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

mod query;
mod row;
mod rows;
mod session;

pub(crate) use query::{Query, query};
pub(crate) use row::Row;
pub(crate) use rows::ForRows;
pub(crate) use session::Server;
pub use session::Session;

use crate::model::event::AuditEvent;

/// What opens a transaction of the writer on SQLite: the lock is taken at once, so that a batch
/// never fails in its middle because a reader became a writer.
const BEGIN_SQLITE: &str = "BEGIN IMMEDIATE";

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
    Postgres(Session),
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
        match &mut self.link {
            Link::Sqlite(connection) => connection.execute(BEGIN_SQLITE).await.map(drop),
            Link::Postgres(session) => session.begin().await,
        }
    }

    /// Runs statements that take no values and answer nothing.
    pub(crate) async fn run(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        // A text without values goes over the wire in one message, unprepared.
        match &mut self.link {
            Link::Sqlite(connection) => connection.execute(sql).await.map(drop),
            Link::Postgres(session) => session.connection.execute(sql).await.map(drop),
        }
    }

    /// Says goodbye; the server need not find out by itself.
    pub(crate) async fn close(self) -> Result<(), sqlx::Error> {
        match self.link {
            Link::Sqlite(connection) => connection.close().await,
            Link::Postgres(session) => session.connection.close().await,
        }
    }
}

/// How the writer connects, and connects again.
#[derive(Clone, Debug)]
pub(crate) enum Connector {
    Sqlite(Box<SqliteConnectOptions>),
    Postgres(Box<Server>),
}

impl Connector {
    /// Connects for one transaction, after which nothing of ours is left in a pooler's session.
    pub(crate) async fn connect_once(&self) -> Result<Connection, sqlx::Error> {
        if let Self::Postgres(server) = self {
            server.without_names();
        }
        self.connect().await
    }

    pub(crate) async fn connect(&self) -> Result<Connection, sqlx::Error> {
        let link = match self {
            Self::Sqlite(options) => Link::Sqlite(options.connect().await?),
            Self::Postgres(server) => Link::Postgres(server.connect().await?),
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
    /// How many connections are at work, of how many that there may be.
    pub(crate) fn in_use(&self) -> (usize, usize) {
        fn of<DB: sqlx::Database>(pool: &sqlx::Pool<DB>) -> (u32, usize, u32) {
            let max = pool.options().get_max_connections();
            (pool.size(), pool.num_idle(), max)
        }
        let (open, idle, max) = match self {
            Self::Sqlite(pool) => of(pool),
            Self::Postgres(pool) => of(pool),
        };
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        (count(open).saturating_sub(idle), count(max))
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// Whether the server undid this transaction because another one stood in its way (SQLSTATE class 40,
/// PostgreSQL appendix A), or because of what it remembers of our statements: another node's names, or
/// the columns of before a migration (0A000). Run again on a new connection, it may pass.
pub(crate) fn is_conflict(error: &sqlx::Error) -> bool {
    matches!(code(error).as_deref(), Some("40001" | "40P01" | "0A000"))
        || session::names_are_strange(error)
}

/// Whether the database has no room, no right to write, or no sound disk, so that no statement is to
/// blame. SQLSTATE, PostgreSQL appendix A: classes 53, 58 and XX; SQLite's primary result codes
/// NOMEM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN and NOTADB.
pub(crate) fn is_shortage(error: &sqlx::Error) -> bool {
    let Some(code) = code(error) else {
        return false;
    };
    // A SQLSTATE has five characters, SQLite's numbers have fewer.
    if code.len() == 5 {
        return code == "25006"
            || ["53", "58", "XX"]
                .iter()
                .any(|class| code.starts_with(class));
    }
    let primary = code.parse::<u32>().map(|code| code & 0xff);
    matches!(primary, Ok(7 | 8 | 10 | 11 | 13 | 14 | 26))
}

/// Whether the statement waited for somebody's lock for as long as a transaction of ours does
/// (PostgreSQL appendix A, 55P03). SQLite locks everything before the first statement.
pub(crate) fn is_lock_timeout(error: &sqlx::Error) -> bool {
    matches!(code(error).as_deref(), Some("55P03"))
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
