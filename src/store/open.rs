//! The readers' connections, and what a server must promise before it is trusted with the record.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use crate::store::engine::{Connector, Readers, is_shortage, query};
use crate::store::{BUSY_TIMEOUT, StoreError};

/// Readers beside the one writer.
const READERS: u32 = 4;

pub(super) async fn readers(connector: &Connector) -> Result<Readers, StoreError> {
    match connector {
        Connector::Sqlite(options) => sqlite(options.as_ref().clone()).await,
        Connector::Postgres(server) => {
            let readers = postgres(server.options.clone()).await?;
            check_durability(&readers).await?;
            Ok(readers)
        }
    }
}

/// A reader keeps no page beyond the next commit of the writer's, so a small cache is all it can use.
async fn sqlite(options: SqliteConnectOptions) -> Result<Readers, StoreError> {
    let pool = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(BUSY_TIMEOUT)
        .connect_with(options.read_only(true).pragma("cache_size", "-2000"))
        .await?;
    Ok(Readers::Sqlite(pool))
}

async fn postgres(options: PgConnectOptions) -> Result<Readers, StoreError> {
    let pool = PgPoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(BUSY_TIMEOUT)
        .connect_with(options)
        .await?;
    Ok(Readers::Postgres(pool))
}

/// Whether a file can be written, as far as one can know without writing. SQLite keeps for all
/// connections of a process what the first one found: a service that started on a disk mounted
/// read-only would not write when the disk is mounted right, either. A server is another matter: a
/// standby is promoted, and then takes the writes of whoever is connected.
pub(super) async fn check_writable(connector: &Connector) -> Result<(), StoreError> {
    if let Connector::Postgres(_) = connector {
        return Ok(());
    }
    match write_nothing(connector).await {
        Err(error) if is_shortage(&error) => Err(StoreError::Settings(format!(
            "it cannot be written: check the owner and the mode of the file and its folder, and how \
             their disk is mounted ({error})"
        ))),
        // Nobody knows yet, such as while a backup holds the lock.
        _ => Ok(()),
    }
}

async fn write_nothing(connector: &Connector) -> Result<(), sqlx::Error> {
    let mut connection = connector.connect().await?;
    // On a file that can only be read, a transaction begins without a word.
    connection.begin().await?;
    let written = connection.run("UPDATE leases SET fence = fence WHERE id = 0");
    written.await?;
    connection.run("ROLLBACK").await?;
    connection.close().await
}

/// An answer leaves after its commit, and a signature is made on the strength of one: a server that
/// confirms what it has not written down may forget a certificate that is out in the world.
async fn check_durability(readers: &Readers) -> Result<(), StoreError> {
    let row = query("SELECT current_setting('synchronous_commit'), current_setting('fsync')")
        .fetch_one(readers)
        .await?;
    if row.try_get::<&str, _>(0)? == "off" {
        let text = "the server has synchronous_commit = off for us and may forget what it has \
                    confirmed: ALTER ROLE .. SET synchronous_commit = on";
        return Err(StoreError::Settings(text.to_owned()));
    }
    if row.try_get::<&str, _>(1)? == "off" {
        tracing::warn!("the server runs with fsync = off: a power cut can lose certificates");
    }
    Ok(())
}
