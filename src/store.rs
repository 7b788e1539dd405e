//! What do we remember? One store, split by noun.
//!
//! Reads go to a pool. Every write is one command value that carries its audit events; a single
//! writer groups the commands of concurrent requests into one commit (`writer`). There is no
//! transaction outside this folder, and nothing in it can reach a signer.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

pub mod attempts;
pub mod audit;
pub mod blocks;
pub mod certificates;
pub mod challenges;
pub mod crls;
mod file;
pub mod leases;
pub mod migrate;
pub mod writer;

use file::DatabaseFile;
use writer::{Write, Writer};

/// Readers beside the one writer.
const READERS: u32 = 4;
/// How long a statement waits for another process that holds the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// The record could not be read or written. What a failed write wanted did not happen, or is not
/// known to have happened: nothing may be signed on it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused, is locked, full, read-only or gone.
    #[error("the database does not answer as it should: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema is not the one that this program knows.
    #[error("{0}")]
    Schema(String),
    /// A row holds what this program never writes.
    #[error("the database holds a row that this program did not write: {0}")]
    Corrupt(&'static str),
    /// The writer has stopped.
    #[error("the service is stopping")]
    Stopped,
    /// The commit that this write shared with others failed.
    #[error("the commit failed: {0}")]
    Commit(String),
}

/// The record.
#[derive(Clone, Debug)]
pub struct Store {
    readers: SqlitePool,
    writer: Writer,
}

/// Where the record is kept; `[database]` in the configuration.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    /// `sqlite:PATH`, relative to the configuration file. The operator chooses the disk.
    pub url: String,
}

impl DatabaseSettings {
    /// The database file of a `sqlite:` URL.
    ///
    /// # Errors
    /// [`StoreError::Schema`] for any other URL.
    pub fn sqlite_path(&self) -> Result<&Path, StoreError> {
        match self.url.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => Ok(Path::new(path)),
            _ => Err(StoreError::Schema("url must be sqlite:PATH".to_owned())),
        }
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // A commit must survive a power cut: the answer leaves after it.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
}

impl Store {
    /// Opens an existing, migrated database; creates and changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Database`] where there is none, [`StoreError::Schema`] where it is another
    /// program's or another version's (the message says what to run).
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = options(path).create_if_missing(false);
        let file = DatabaseFile::at(path).map_err(sqlx::Error::Io)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(BUSY_TIMEOUT)
            .connect_with(options.clone().read_only(true))
            .await?;
        migrate::check(&readers).await?;
        Ok(Self {
            readers,
            writer: Writer::start(options, file),
        })
    }

    /// Runs one write; it is committed when this returns.
    ///
    /// # Errors
    /// [`StoreError`]; the write then did not happen, or is not known to have.
    pub async fn write<W: Write>(&self, command: W) -> Result<W::Output, StoreError> {
        self.writer.write(command).await
    }

    /// Whether the record can be read now.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot.
    pub async fn read_probe(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1 FROM attempts LIMIT 1")
            .execute(&self.readers)
            .await?;
        Ok(())
    }

    /// Whether the last commit went through; the schedule makes one every second.
    #[must_use]
    pub fn takes_writes(&self) -> bool {
        self.writer.takes_writes()
    }

    /// Finishes queued writes and closes the connections.
    pub async fn close(&self) {
        // The writer last: whoever leaves last folds the write-ahead log into the database, and
        // readers, being read-only, would leave it behind.
        self.readers.close().await;
        self.writer.stop().await;
    }
}
