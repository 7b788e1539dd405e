//! The schema: changed by `vaca migrate` only, refused by `vaca serve` where it is unknown.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};

use crate::model::serial::hex;
use crate::store::StoreError;
use crate::store::database::Database;
use crate::store::engine::{Readers, Row, is_missing_table, query};
use crate::store::guard::{Guard, hold};

/// One step of the schema, in an engine's words.
struct Migration {
    version: i64,
    name: &'static str,
    text: &'static str,
}

/// Every migration, in order; the same names stand in each engine's folder.
macro_rules! migrations {
    ($folder:literal: $($version:literal $name:literal),+) => {
        &[$(Migration {
            version: $version,
            name: $name,
            text: include_str!(concat!("../../migrations/", $folder, "/", $name, ".sql")),
        }),+]
    };
}

const SQLITE: &[Migration] = migrations!("sqlite": 1 "0001_initial", 2 "0002_certificates_attempt");
const POSTGRES: &[Migration] =
    migrations!("postgres": 1 "0001_initial", 2 "0002_certificates_attempt");

/// What was done to this database; older than every migration, so it has no version of its own.
const HISTORY: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version BIGINT NOT NULL PRIMARY KEY,
    name    TEXT   NOT NULL,
    sha256  TEXT   NOT NULL
)";

impl Migration {
    fn sha256(&self) -> String {
        hex(digest(&SHA256, self.text.as_bytes()).as_ref())
    }

    /// A value of another type is no row of ours either.
    fn is(&self, row: &Row) -> bool {
        row.try_get::<i64, _>("version")
            .is_ok_and(|version| version == self.version)
            && row
                .try_get::<&str, _>("sha256")
                .is_ok_and(|sha256| sha256 == self.sha256())
    }
}

/// Makes the empty file before SQLite does, readable by its owner alone, because the record names
/// people. SQLite gives its log files the same mode.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    match options.write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Creates the file where there is none (a server's database must exist) and brings the schema up to
/// date. Returns the schema's version.
///
/// # Errors
/// [`StoreError`]; a migration that fails leaves the schema as it was.
pub async fn run(database: &Database) -> Result<i64, StoreError> {
    let migrations = match database {
        Database::Sqlite(path) => {
            create_private(path).map_err(sqlx::Error::Io)?;
            SQLITE
        }
        Database::Postgres(_) => POSTGRES,
    };
    let mut connection = database.connector()?.connect_once().await?;
    // One transaction for all of it: the schema of either engine changes within one.
    connection.begin().await?;
    hold(&mut connection, Guard::Migrate).await?;
    connection.run(HISTORY).await?;
    let done = query("SELECT version, sha256 FROM schema_migrations ORDER BY version")
        .fetch_all(&mut connection)
        .await?;
    for migration in missing(migrations, &done)? {
        connection.run(migration.text).await.map_err(|error| {
            StoreError::Schema(format!("migration {} failed: {error}", migration.name))
        })?;
        query("INSERT INTO schema_migrations (version, name, sha256) VALUES ($1, $2, $3)")
            .bind(migration.version)
            .bind(migration.name)
            .bind(migration.sha256())
            .execute(&mut connection)
            .await?;
    }
    connection.run("COMMIT").await?;
    connection.close().await?;
    Ok(migrations.last().map_or(0, |migration| migration.version))
}

/// Holds the schema of an open database against the one that this program was built with.
///
/// # Errors
/// [`StoreError::Schema`], with what to run.
pub(crate) async fn check(readers: &Readers) -> Result<(), StoreError> {
    let done = query("SELECT version, sha256 FROM schema_migrations ORDER BY version")
        .fetch_all(readers)
        .await
        .map_err(|error| match error {
            error if is_missing_table(&error) => {
                StoreError::Schema("the database has no schema: run `vaca migrate`".to_owned())
            }
            other => StoreError::Database(other),
        })?;
    let migrations = match readers {
        Readers::Sqlite(_) => SQLITE,
        Readers::Postgres(_) => POSTGRES,
    };
    match missing(migrations, &done)? {
        [] => Ok(()),
        _ => Err(StoreError::Schema(
            "the database has an older schema: back it up, then run `vaca migrate`".to_owned(),
        )),
    }
}

/// What was not done yet.
fn missing(
    migrations: &'static [Migration],
    done: &[Row],
) -> Result<&'static [Migration], StoreError> {
    let mut known = migrations.iter();
    for row in done {
        if !known.next().is_some_and(|migration| migration.is(row)) {
            let text = "the database has a schema that this program does not know: use the program that made it, or a newer one";
            return Err(StoreError::Schema(text.to_owned()));
        }
    }
    Ok(known.as_slice())
}
