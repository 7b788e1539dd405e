//! The schema: changed by `vaca migrate` only, refused by `vaca serve` where it is unknown.

use std::borrow::Cow;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::SqlitePool;
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqlSafeStr as _};

use crate::store::{StoreError, options};

/// Every migration, in order; the same names stand in each engine's folder.
const MIGRATIONS: &[(i64, &str, &str)] = &[(
    1,
    "initial",
    include_str!("../../migrations/sqlite/0001_initial.sql"),
)];

fn migrator() -> Migrator {
    let migration = |&(version, name, sql): &(i64, &'static str, &'static str)| {
        Migration::new(
            version,
            Cow::Borrowed(name),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations(MIGRATIONS.iter().map(migration).collect())
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

/// Creates the database where there is none and brings its schema up to date. Returns the schema's
/// version.
///
/// # Errors
/// [`StoreError`]; a migration that fails leaves the schema as it was.
pub async fn run(path: &Path) -> Result<i64, StoreError> {
    create_private(path).map_err(sqlx::Error::Io)?;
    let mut connection = options(path).connect().await?;
    migrator()
        .run(&mut connection)
        .await
        .map_err(|error| StoreError::Schema(format!("migration failed: {error}")))?;
    connection.close().await?;
    Ok(MIGRATIONS.last().map_or(0, |(version, _, _)| *version))
}

/// Holds the schema of an open database against the one that this program was built with.
///
/// # Errors
/// [`StoreError::Schema`], with what to run.
pub async fn check(readers: &SqlitePool) -> Result<(), StoreError> {
    let rows =
        sqlx::query("SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version")
            .fetch_all(readers)
            .await
            .map_err(|error| match error {
                sqlx::Error::Database(_) => {
                    StoreError::Schema("the database has no schema: run `vaca migrate`".to_owned())
                }
                other => StoreError::Database(other),
            })?;
    let migrator = migrator();
    let mut known = migrator.iter();
    for row in rows {
        // A value of another type is no row of ours either.
        let same = known.next().is_some_and(|migration| {
            row.try_get::<i64, _>(0)
                .is_ok_and(|version| version == migration.version)
                && row
                    .try_get::<Vec<u8>, _>(1)
                    .is_ok_and(|sum| sum == *migration.checksum)
                && row.try_get::<bool, _>(2).is_ok_and(|success| success)
        });
        if !same {
            let text = "the database has a schema that this program does not know: use the program that made it, or a newer one";
            return Err(StoreError::Schema(text.to_owned()));
        }
    }
    match known.next() {
        None => Ok(()),
        Some(_) => Err(StoreError::Schema(
            "the database has an older schema: back it up, then run `vaca migrate`".to_owned(),
        )),
    }
}
