//! Where the record is kept: a file, or a PostgreSQL server.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use crate::store::engine::Connector;
use crate::store::{BUSY_TIMEOUT, StoreError};

mod postgres;

use postgres::Address;

/// Where the record is kept; `[database]` in the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    /// `sqlite:PATH`, relative to the configuration file, or
    /// `postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full`. The operator chooses it: a file for
    /// one node, a server for several.
    pub url: String,
    /// A file that holds the password of the PostgreSQL user. The environment variable
    /// `VACA_DATABASE_PASSWORD` can hold it instead.
    pub password_file: Option<PathBuf>,
}

/// Why `[database]` does not say where the record is; each message says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadDatabase(String);

fn bad(message: impl Into<String>) -> BadDatabase {
    BadDatabase(message.into())
}

/// Where the record is kept, checked as far as one can without touching it.
#[derive(Clone, Debug)]
pub enum Database {
    /// A file.
    Sqlite(PathBuf),
    /// A server.
    Postgres(Box<Address>),
}

impl DatabaseSettings {
    /// Reads the settings; paths are relative to `folder`. `environment_password` is what
    /// `VACA_DATABASE_PASSWORD` holds.
    ///
    /// # Errors
    /// [`BadDatabase`].
    pub fn locate(
        &self,
        folder: &Path,
        environment_password: Option<String>,
    ) -> Result<Database, BadDatabase> {
        if let Some(path) = self.url.strip_prefix("sqlite:") {
            if path.is_empty() {
                return Err(bad("url is sqlite: without a path"));
            }
            if self.password_file.is_some() {
                return Err(bad(
                    "password_file is for PostgreSQL: a file has no password",
                ));
            }
            return Ok(Database::Sqlite(folder.join(path)));
        }
        if !["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| self.url.starts_with(scheme))
        {
            return Err(bad(
                "url must be sqlite:PATH or postgres://USER@HOST:PORT/DATABASE",
            ));
        }
        let password_file = self.password_file.as_ref().map(|path| folder.join(path));
        let address = Address::parse(&self.url, folder, password_file, environment_password)?;
        Ok(Database::Postgres(Box::new(address)))
    }
}

impl Database {
    /// How the writer connects to a database that exists.
    pub(crate) fn connector(&self) -> Result<Connector, StoreError> {
        Ok(match self {
            Self::Sqlite(path) => Connector::Sqlite(Box::new(sqlite(path))),
            Self::Postgres(address) => Connector::Postgres(Box::new(address.options()?.into())),
        })
    }
}

/// Where it is, for people; holds no secret.
impl fmt::Display for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(formatter),
            Self::Postgres(address) => address.fmt(formatter),
        }
    }
}

/// Memory for the writer's pages, in KiB (negative: SQLite's sign for that unit). With the default of
/// 2 MiB what a large record needs again and again is read again and again.
const CACHE: &str = "-32768";
/// Pages in the write-ahead log before they are moved into the database: 32 MiB. Each commit logs the
/// pages that it changes whole; the more commits are moved at once, the fewer pages are moved.
const CHECKPOINT_PAGES: &str = "8000";
/// The log is cut back to this many octets after a burst that readers kept from being moved.
const LOG_LIMIT: &str = "67108864";

/// How a file is opened for writing; it must exist.
pub(crate) fn sqlite(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        // A commit must survive a power cut: the answer leaves after it.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .pragma("cache_size", CACHE)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("journal_size_limit", LOG_LIMIT)
        .busy_timeout(BUSY_TIMEOUT)
}

#[cfg(test)]
mod tests;
