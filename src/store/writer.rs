//! The one writer: commands of concurrent requests share a commit.
//!
//! A commit costs a flush to disk; an enrolment needs five. Whatever has queued up while one commit
//! was flushed goes into the next, each command in a savepoint of its own, so that one that fails
//! takes nobody with it. Callers are answered after the commit, never before.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::store::StoreError;
use crate::store::file::DatabaseFile;

/// Commands in one commit, at most.
const BATCH: usize = 256;
/// Commands that may wait; beyond that, callers do.
const QUEUE: usize = 1024;

/// What a command did to the database.
#[derive(Debug)]
pub enum Applied<T> {
    /// Commit its changes.
    Keep(T),
    /// Undo its changes and answer this.
    Undo(T),
}

/// One write, with the audit events that belong to it.
pub trait Write: Send + Sync + 'static {
    /// What the caller learns once it is committed.
    type Output: Send + 'static;

    /// Changes the database within a savepoint.
    fn apply<'a>(
        &'a self,
        connection: &'a mut SqliteConnection,
    ) -> impl Future<Output = Result<Applied<Self::Output>, StoreError>> + Send + 'a;
}

/// A command with its caller, of whatever type.
trait Job: Send {
    fn apply<'a>(
        &'a mut self,
        connection: &'a mut SqliteConnection,
    ) -> Pin<Box<dyn Future<Output = Result<(), sqlx::Error>> + Send + 'a>>;
    fn answer(self: Box<Self>, commit: &Result<(), String>);
}

struct Pending<W: Write> {
    command: W,
    outcome: Option<Result<W::Output, StoreError>>,
    caller: oneshot::Sender<Result<W::Output, StoreError>>,
}

impl<W: Write> Job for Pending<W> {
    fn apply<'a>(
        &'a mut self,
        connection: &'a mut SqliteConnection,
    ) -> Pin<Box<dyn Future<Output = Result<(), sqlx::Error>> + Send + 'a>> {
        Box::pin(async move {
            sqlx::query("SAVEPOINT command")
                .execute(&mut *connection)
                .await?;
            let (keep, outcome) = match self.command.apply(&mut *connection).await {
                Ok(Applied::Keep(output)) => (true, Ok(output)),
                Ok(Applied::Undo(output)) => (false, Ok(output)),
                Err(error) => (false, Err(error)),
            };
            self.outcome = Some(outcome);
            if !keep {
                sqlx::query("ROLLBACK TO command")
                    .execute(&mut *connection)
                    .await?;
            }
            sqlx::query("RELEASE command")
                .execute(&mut *connection)
                .await?;
            Ok(())
        })
    }

    fn answer(self: Box<Self>, commit: &Result<(), String>) {
        let answer = match (commit, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(StoreError::Stopped),
            (Err(cause), _) => Err(StoreError::Commit(cause.clone())),
        };
        // A caller that has gone needs no answer; its write stands.
        drop(self.caller.send(answer));
    }
}

/// The way to the writing task.
#[derive(Clone, Debug)]
pub struct Writer {
    queue: mpsc::Sender<Box<dyn Job>>,
    running: Arc<Mutex<Option<Running>>>,
    takes_writes: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Writer {
    /// Starts the writing task; it connects when the first command arrives. `file` is what `options`
    /// name.
    #[must_use]
    pub(super) fn start(options: SqliteConnectOptions, file: DatabaseFile) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (stop, stopped) = oneshot::channel();
        let takes_writes = Arc::new(AtomicBool::new(true));
        let database = Database { options, file };
        let task = tokio::spawn(run(database, jobs, stopped, Arc::clone(&takes_writes)));
        Self {
            queue,
            running: Arc::new(Mutex::new(Some(Running { stop, task }))),
            takes_writes,
        }
    }

    /// Queues `command` and waits for its commit.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn write<W: Write>(&self, command: W) -> Result<W::Output, StoreError> {
        let (caller, answer) = oneshot::channel();
        let job = Box::new(Pending {
            command,
            outcome: None,
            caller,
        });
        self.queue
            .send(job)
            .await
            .map_err(|_| StoreError::Stopped)?;
        answer.await.map_err(|_| StoreError::Stopped)?
    }

    /// Whether the last commit went through, and there is somebody to make the next.
    #[must_use]
    pub fn takes_writes(&self) -> bool {
        self.takes_writes.load(Ordering::Relaxed) && !self.queue.is_closed()
    }

    /// Lets queued commands finish, then ends the task.
    pub async fn stop(&self) {
        if let Some(running) = self.running.lock().await.take() {
            running.stop.send(()).ok();
            running.task.await.ok();
        }
    }
}

/// What the task writes to.
struct Database {
    options: SqliteConnectOptions,
    file: DatabaseFile,
}

async fn run(
    database: Database,
    mut jobs: mpsc::Receiver<Box<dyn Job>>,
    mut stopped: oneshot::Receiver<()>,
    takes_writes: Arc<AtomicBool>,
) {
    let mut connection: Option<SqliteConnection> = None;
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            biased;
            received = jobs.recv_many(&mut batch, BATCH) => if received == 0 { break },
            _ = &mut stopped, if !jobs.is_closed() => { jobs.close(); continue },
        }
        let commit = commit(&database, &mut connection, &mut batch).await;
        takes_writes.store(commit.is_ok(), Ordering::Relaxed);
        if let Err(cause) = &commit {
            tracing::error!(
                cause,
                commands = batch.len(),
                "commit failed, nothing of it is believed"
            );
            // The state of a connection whose commit failed is not worth guessing at.
            connection = None;
        }
        for job in batch.drain(..) {
            job.answer(&commit);
        }
    }
    // Dropped, the connection would close some time later, in a thread that nobody waits for.
    if let Some(connection) = connection {
        connection.close().await.ok();
    }
}

async fn commit(
    database: &Database,
    connection: &mut Option<SqliteConnection>,
    batch: &mut [Box<dyn Job>],
) -> Result<(), String> {
    let attempt = async {
        database.file.check()?;
        if connection.is_none() {
            *connection = Some(database.options.connect().await?);
        }
        let Some(connection) = connection.as_mut() else {
            return Err(sqlx::Error::WorkerCrashed);
        };
        sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut *connection)
            .await?;
        for job in batch {
            job.apply(connection).await?;
        }
        // Again: what is committed to a file that has gone is lost, and would be answered.
        database.file.check()?;
        sqlx::query("COMMIT").execute(&mut *connection).await?;
        Ok(())
    };
    attempt
        .await
        .map_err(|error: sqlx::Error| error.to_string())
}

#[cfg(test)]
mod tests;
