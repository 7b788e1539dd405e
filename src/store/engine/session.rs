//! The writer's session with a PostgreSQL server, and whether it is ours alone.
//!
//! A statement with a name in the session is parsed and planned once, and runs in one round trip
//! instead of two. But a pooler that hands out sessions by the transaction puts us into a session
//! where the name is unknown, or means another node's statement. So each transaction begins with a
//! look at the server's process: names are used in the session that they were made in and in no
//! other, and where a second session turns up, or somebody else's names, there are none from then on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Executor as _, Row as _};

use crate::store::engine::code;

/// What opens a transaction. Every statement must see what was committed before it began, whatever
/// default the server has; the settings end with the transaction, because behind a pooler the session
/// is not ours. A node that hangs in the middle of a batch loses its locks, and one that waits for
/// them gives up, well within the time of an enrolment.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
    SET LOCAL lock_timeout = '3s';
    SET LOCAL idle_in_transaction_session_timeout = '5s';
    SELECT pg_backend_pid()";

/// Names in one session, at most; we have fewer statements.
const NAMES: usize = 100;

/// How the writer reaches a server, and what it has learnt about the way.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// How to connect; keeps no names.
    pub(crate) options: PgConnectOptions,
    shared: Arc<AtomicBool>,
}

impl From<PgConnectOptions> for Server {
    fn from(options: PgConnectOptions) -> Self {
        let shared = Arc::default();
        Self { options, shared }
    }
}

impl Server {
    /// Makes names in no session: for a connection that is used once.
    pub(super) fn without_names(&self) {
        self.shared.store(true, Ordering::Relaxed);
    }

    pub(super) async fn connect(&self) -> Result<Session, sqlx::Error> {
        let named = !self.shared.load(Ordering::Relaxed);
        let names = if named { NAMES } else { 0 };
        let options = self.options.clone().statement_cache_capacity(names);
        Ok(Session {
            connection: options.connect().await?,
            named,
            process: None,
            shared: Arc::clone(&self.shared),
        })
    }
}

/// A connection to a server, or to a pooler in front of it.
#[derive(Debug)]
pub struct Session {
    /// The connection.
    pub connection: PgConnection,
    /// Whether statements have names.
    pub(super) named: bool,
    /// The server's process that knows them.
    process: Option<i32>,
    shared: Arc<AtomicBool>,
}

impl Session {
    pub(super) async fn begin(&mut self) -> Result<(), sqlx::Error> {
        let row = self.connection.fetch_one(BEGIN).await?;
        let process = row.try_get(0)?;
        if self.named && *self.process.get_or_insert(process) != process {
            self.give_up_names();
            // The transaction is empty; the next connection has no names.
            let text = "another session of the server than before";
            return Err(sqlx::Error::Protocol(text.to_owned()));
        }
        Ok(())
    }

    /// Looks at an error on its way to the caller.
    pub(super) fn noticed(&self, error: sqlx::Error) -> sqlx::Error {
        if self.named && names_are_strange(&error) {
            self.give_up_names();
        }
        error
    }

    fn give_up_names(&self) {
        if !self.shared.swap(true, Ordering::Relaxed) {
            tracing::info!(
                "sessions of the database change under us, as behind a pooler: statements are no \
                 longer kept prepared"
            );
        }
    }
}

/// Whether somebody else's statement has our name, or ours has lost it: 42P05 and 26000 (PostgreSQL,
/// appendix A).
pub(super) fn names_are_strange(error: &sqlx::Error) -> bool {
    matches!(code(error).as_deref(), Some("42P05" | "26000"))
}
