//! What do we remember? One store, split by noun.
//!
//! Reads go to a pool. Every write is one command value that carries its audit events; a single
//! writer groups the commands of concurrent requests into one commit (`writer`). There is no
//! transaction outside this folder, and nothing in it can reach a signer. One SQL text serves
//! SQLite and PostgreSQL (`engine`); several nodes may share one PostgreSQL database (`guard`).

use std::sync::Arc;
use std::time::Duration;

use crate::telemetry::Commits;

pub mod attempts;
pub mod audit;
pub mod blocks;
pub mod certificates;
pub mod challenges;
pub mod crls;
pub mod database;
pub mod deliveries;
pub mod engine;
pub mod fate;
mod file;
mod guard;
mod issuers;
pub mod leases;
pub mod migrate;
mod open;
pub mod pauses;
pub mod renewals;
pub mod retention;
pub mod revocations;
pub mod selection;
pub mod status;
pub mod superseding;
pub mod tokens;
pub mod writer;

use database::Database;
use deliveries::Subscriptions;
use engine::{Connector, Readers, query};
use fate::{AsTheDatabaseSays, CommitFate};
use file::DatabaseFile;
use writer::{Write, Writer};

/// How long a statement waits for another process that holds the database, and a read for a
/// connection.
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
    /// The database, or how it is reached, is set up in a way that this program cannot work with.
    #[error("{0}")]
    Settings(String),
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

/// What goes with the writes of a process.
#[derive(Debug)]
pub struct Writing {
    /// What becomes of its commits.
    pub commits: Arc<dyn CommitFate>,
    /// Counts them.
    pub measured: Commits,
    /// Which events are queued for whom.
    pub subscriptions: Subscriptions,
}

/// The record.
#[derive(Clone, Debug)]
pub struct Store {
    readers: Readers,
    writer: Writer,
}

impl Store {
    /// Opens an existing, migrated database; creates and changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Database`] where there is none, [`StoreError::Schema`] where it is another
    /// program's or another version's (the message says what to run), [`StoreError::Settings`]
    /// where the server would lose what it has confirmed.
    pub async fn open(database: &Database) -> Result<Self, StoreError> {
        Self::open_and_tell(database, Subscriptions::default()).await
    }

    /// The same for whoever may write what others want to be told of.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_and_tell(
        database: &Database,
        subscriptions: Subscriptions,
    ) -> Result<Self, StoreError> {
        let connector = database.connector()?;
        let writing = Writing {
            commits: Arc::new(AsTheDatabaseSays),
            measured: Commits::default(),
            subscriptions,
        };
        Self::on(database, connector, writing).await
    }

    /// The same for a service, which has to write.
    ///
    /// # Errors
    /// As [`Store::open`], and [`StoreError::Settings`] where a file can only be read.
    pub async fn open_to_write(database: &Database, writing: Writing) -> Result<Self, StoreError> {
        let connector = database.connector()?;
        open::check_writable(&connector).await?;
        Self::on(database, connector, writing).await
    }

    async fn on(
        database: &Database,
        connector: Connector,
        writing: Writing,
    ) -> Result<Self, StoreError> {
        let file = match database {
            Database::Sqlite(path) => Some(DatabaseFile::at(path).map_err(sqlx::Error::Io)?),
            Database::Postgres(_) => None,
        };
        let readers = open::readers(&connector).await?;
        migrate::check(&readers).await?;
        Ok(Self {
            readers,
            writer: Writer::start(connector, file, writing),
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
        query("SELECT 1 FROM attempts LIMIT 1")
            .fetch_optional(&self.readers)
            .await?;
        Ok(())
    }

    /// Whether commits go through; the schedule makes some every second.
    #[must_use]
    pub fn takes_writes(&self) -> bool {
        self.writer.takes_writes()
    }

    /// How many writes wait for the next commit.
    #[must_use]
    pub fn queued_writes(&self) -> usize {
        self.writer.queued()
    }

    /// How many of the readers' connections are at work, of how many that there may be.
    #[must_use]
    pub fn readers_in_use(&self) -> (usize, usize) {
        self.readers.in_use()
    }

    /// Finishes queued writes and closes the connections.
    pub async fn close(&self) {
        // The writer last: whoever leaves last folds the write-ahead log into the database, and
        // readers, being read-only, would leave it behind.
        self.readers.close().await;
        self.writer.stop().await;
    }
}
