//! Commands of concurrent callers: they share a commit and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use tempfile::TempDir;

use super::*;
use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::event::{AuditEvent, EventKind};
use crate::store::database;
use crate::store::deliveries::Subscriptions;
use crate::store::engine::Link;
use crate::store::fate::AsTheDatabaseSays;
use crate::telemetry::Commits;

fn options(path: &Path) -> SqliteConnectOptions {
    database::sqlite(path)
}

fn file(connection: &mut Connection) -> &mut SqliteConnection {
    match &mut connection.link {
        Link::Sqlite(connection) => connection,
        Link::Postgres(_) => panic!("a server"),
    }
}

struct Notes {
    folder: TempDir,
    writer: Writer,
}

impl Notes {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.db");
        let mut connection = options(&path)
            .create_if_missing(true)
            .connect()
            .await
            .unwrap();
        sqlx::query("CREATE TABLE notes (text TEXT NOT NULL UNIQUE)")
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        let file = DatabaseFile::at(&path).unwrap();
        let connector = Connector::Sqlite(Box::new(options(&path)));
        let writer = Writer::start(
            connector,
            Some(file),
            Writing {
                commits: Arc::new(AsTheDatabaseSays),
                measured: Commits::default(),
                subscriptions: Subscriptions::default(),
            },
        );
        Self { folder, writer }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("notes.db")
    }

    async fn texts(&self) -> Vec<String> {
        let mut connection = options(&self.path()).connect().await.unwrap();
        let rows = sqlx::query("SELECT text FROM notes ORDER BY rowid")
            .fetch_all(&mut connection)
            .await
            .unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

/// Adds a note, slowly where told so, then does `afterwards`.
struct Note {
    text: &'static str,
    takes: Duration,
    afterwards: Afterwards,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Afterwards {
    Keep,
    Undo,
    /// A statement that the database refuses.
    Fail,
    /// An event that the database refuses: it has no table for it.
    Tell,
    /// A statement that takes the whole transaction with it, as a full disk does.
    FailAll,
}

fn note(text: &'static str, afterwards: Afterwards) -> Note {
    Note {
        text,
        takes: Duration::ZERO,
        afterwards,
    }
}

impl Write for Note {
    type Output = &'static str;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<&'static str>, StoreError> {
        let shared = connection;
        let connection = file(shared);
        tokio::time::sleep(self.takes).await;
        let insert = sqlx::query("INSERT INTO notes (text) VALUES ($1)").bind(self.text);
        insert.execute(&mut *connection).await?;
        let refused = match self.afterwards {
            Afterwards::Keep => return Ok(Applied::Keep(self.text)),
            Afterwards::Tell => {
                let actor = Actor::Schedule;
                let event = AuditEvent::new(Timestamp(0), EventKind::BlockAdded, actor, self.text);
                audit::append(shared, &event);
                return Ok(Applied::Keep(self.text));
            }
            Afterwards::Undo => return Ok(Applied::Undo(self.text)),
            Afterwards::Fail => "INSERT INTO notes (text) VALUES (NULL)",
            Afterwards::FailAll => "INSERT OR ROLLBACK INTO notes (text) VALUES (NULL)",
        };
        sqlx::query(refused).execute(&mut *connection).await?;
        Ok(Applied::Keep(self.text))
    }
}

/// A commit that is on its way: everything that follows queues up into the next one.
async fn under_way(writer: &Writer) -> JoinHandle<Result<&'static str, StoreError>> {
    let writer = writer.clone();
    let slow = Note {
        text: "slow",
        takes: Duration::from_millis(200),
        afterwards: Afterwards::Keep,
    };
    let begun = tokio::spawn(async move { writer.write(slow).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    begun
}

#[tokio::test]
async fn a_command_that_fails_takes_nobody_with_it() {
    let notes = Notes::new().await;
    let writer = &notes.writer;
    let slow = under_way(writer).await;
    let (first, failed, undone, told, repeated, last) = tokio::join!(
        writer.write(note("first", Afterwards::Keep)),
        writer.write(note("failed", Afterwards::Fail)),
        writer.write(note("undone", Afterwards::Undo)),
        writer.write(note("told", Afterwards::Tell)),
        writer.write(note("first", Afterwards::Keep)),
        writer.write(note("last", Afterwards::Keep)),
    );
    assert_eq!(slow.await.unwrap().unwrap(), "slow");
    assert_eq!(first.unwrap(), "first");
    assert!(matches!(failed, Err(StoreError::Database(_))));
    assert_eq!(undone.unwrap(), "undone");
    assert!(matches!(told, Err(StoreError::Database(_))));
    assert!(matches!(repeated, Err(StoreError::Database(_))));
    assert_eq!(last.unwrap(), "last");
    assert!(writer.takes_writes());
    assert_eq!(notes.texts().await, ["slow", "first", "last"]);
}

#[tokio::test]
async fn a_command_by_itself_leaves_nothing_where_it_fails() {
    let notes = Notes::new().await;
    let writer = &notes.writer;
    let undone = writer.write(note("undone", Afterwards::Undo)).await;
    assert_eq!(undone.unwrap(), "undone");
    for afterwards in [Afterwards::Fail, Afterwards::Tell] {
        let failed = writer.write(note("failed", afterwards)).await;
        assert!(matches!(failed, Err(StoreError::Database(_))));
    }
    writer.write(note("kept", Afterwards::Keep)).await.unwrap();
    assert_eq!(notes.texts().await, ["kept"]);
}

#[tokio::test]
async fn a_lost_transaction_is_believed_by_nobody_and_the_next_one_works() {
    let notes = Notes::new().await;
    let writer = &notes.writer;
    let slow = under_way(writer).await;
    let (before, culprit, after) = tokio::join!(
        writer.write(note("before", Afterwards::Keep)),
        writer.write(note("culprit", Afterwards::FailAll)),
        writer.write(note("after", Afterwards::Keep)),
    );
    assert_eq!(slow.await.unwrap().unwrap(), "slow");
    for lost in [before, culprit, after] {
        assert!(matches!(lost, Err(StoreError::Commit(_))), "{lost:?}");
    }
    assert!(!writer.takes_writes());
    assert_eq!(notes.texts().await, ["slow"]);
    writer.write(note("again", Afterwards::Keep)).await.unwrap();
    assert!(writer.takes_writes());
    assert_eq!(notes.texts().await, ["slow", "again"]);
}

/// Commits in a write-ahead log (SQLite file format, section 4.1): frames of the present salt that
/// state the size of the database after them.
fn commits(database: &Path) -> usize {
    let log = std::fs::read(database.with_extension("db-wal")).unwrap();
    let number = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    let frame = 24 + number(8) as usize;
    (32..log.len())
        .step_by(frame)
        .filter(|&at| at + frame <= log.len())
        .filter(|&at| log[at + 8..at + 16] == log[16..24] && number(at + 4) != 0)
        .count()
}

#[tokio::test]
async fn what_queues_up_during_one_commit_shares_the_next() {
    let texts: Vec<&'static str> = (0..50)
        .map(|number| &*Box::leak(format!("note {number}").into_boxed_str()))
        .collect();
    let notes = Notes::new().await;
    notes
        .writer
        .write(note("alone", Afterwards::Keep))
        .await
        .unwrap();
    assert_eq!(commits(&notes.path()), 1);
    let slow = under_way(&notes.writer).await;
    let others = texts
        .iter()
        .map(|text| notes.writer.write(note(text, Afterwards::Keep)));
    let others = futures_util::future::join_all(others).await;
    slow.await.unwrap().unwrap();
    assert!(others.iter().all(Result::is_ok));
    assert_eq!(commits(&notes.path()), 3);
    assert_eq!(notes.texts().await.len(), 52);
}

#[tokio::test]
async fn a_caller_that_hangs_up_leaves_its_write_and_a_stop_finishes_the_queue() {
    let notes = Notes::new().await;
    let gone = under_way(&notes.writer).await;
    gone.abort();
    let queued = tokio::spawn({
        let writer = notes.writer.clone();
        async move { writer.write(note("queued", Afterwards::Keep)).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    notes.writer.stop().await;
    assert_eq!(queued.await.unwrap().unwrap(), "queued");
    let late = notes.writer.write(note("late", Afterwards::Keep)).await;
    assert!(matches!(late, Err(StoreError::Stopped)));
    assert_eq!(notes.texts().await, ["slow", "queued"]);
}
