//! A record that has grown: a million enrolments, written straight into the tables, because by the
//! front door they would take hours.
//!
//! Each is a copy of the newest real enrolment, rows of every table included, so that sizes are those
//! of the service and the schema is the only thing to keep in step. Digests, keys, serials, names and
//! times are their own. What this record is not good for: its verdicts' tags and its audit chain do
//! not verify.

use std::process::Stdio;

use anyhow::{Context as _, ensure};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use vaca::clock::{Clock as _, SystemClock};

use crate::state::State;

/// Enrolments in one commit.
const CHUNK: u32 = 20_000;

/// Adds `count` enrolments. The service is not running, and has issued one certificate at least.
///
/// # Errors
/// Where the database does not take them.
pub async fn preload(state: &State, count: u32) -> anyhow::Result<()> {
    match state.database.strip_prefix("sqlite:") {
        Some(path) => sqlite(&state.folder.join(path), count).await?,
        None => postgres(&state.database, count).await?,
    }
    // Gigabytes that the system has yet to write would be taken for the service's.
    let flushed = Command::new("sync")
        .status()
        .await
        .context("cannot run sync")?;
    ensure!(flushed.success(), "sync failed");
    Ok(())
}

/// The commands of all chunks, in order.
fn chunks(template: &'static str, count: u32) -> impl Iterator<Item = String> {
    let now = SystemClock::new().now().0;
    (0..count.div_ceil(CHUNK)).map(move |chunk| {
        let first = chunk * CHUNK + 1;
        let last = (first + CHUNK - 1).min(count);
        template
            .replace("{FIRST}", &first.to_string())
            .replace("{LAST}", &last.to_string())
            .replace("{COUNT}", &count.to_string())
            .replace("{NOW}", &now.to_string())
    })
}

async fn sqlite(path: &std::path::Path, count: u32) -> anyhow::Result<()> {
    let mut connection: SqliteConnection = SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .pragma("synchronous", "NORMAL")
        .pragma("cache_size", "-1000000")
        .connect()
        .await?;
    for chunk in chunks(include_str!("preload/sqlite.sql"), count) {
        // Nothing in it but numbers of ours.
        sqlx::raw_sql(AssertSqlSafe(chunk))
            .execute(&mut connection)
            .await?;
    }
    connection.close().await?;
    Ok(())
}

/// By `psql`, which stands beside every PostgreSQL.
async fn postgres(url: &str, count: u32) -> anyhow::Result<()> {
    let mut psql = Command::new("psql")
        .args([
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            "--dbname",
            url,
        ])
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot run psql")?;
    let mut input = psql.stdin.take().context("no input")?;
    for chunk in chunks(include_str!("preload/postgres.sql"), count) {
        input.write_all(chunk.as_bytes()).await?;
    }
    // A server in production has done this by itself by the time it holds so much.
    input.write_all(b"VACUUM ANALYZE;\n").await?;
    drop(input);
    ensure!(psql.wait().await?.success(), "psql failed");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chunks_cover_every_number_once() {
        let chunks: Vec<_> = chunks("{FIRST}-{LAST}/{COUNT}", 45_000).collect();
        assert_eq!(
            chunks,
            ["1-20000/45000", "20001-40000/45000", "40001-45000/45000"]
        );
    }
}
