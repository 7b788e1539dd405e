//! The one writer: commands of concurrent requests share a commit.
//!
//! A commit costs a flush to disk; an enrolment needs five. Whatever has queued up while one commit
//! was flushed goes into the next. The commands of a batch run bare, because a statement costs two
//! switches between threads or a way over the network; where one of them fails or wants its changes
//! undone, all are run again, each in a savepoint of its own, so that it takes nobody with it.
//! Callers are answered after the commit, never before.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::store::engine::{
    Connection, Connector, is_conflict, is_connection_loss, is_lock_timeout, is_shortage,
};
use crate::store::file::DatabaseFile;
use crate::store::{StoreError, Writing, audit};

mod confidence;

use confidence::Confidence;

/// Commands in one commit, at most.
const BATCH: usize = 256;
/// How often a batch is run that other nodes' transactions made the server undo.
const TRIES: usize = 3;
/// How long a batch may take until it is given up: a server that vanished must not hold everybody.
const COMMIT_TIME: Duration = Duration::from_secs(10);
/// Commands that may wait; beyond that, callers do.
const QUEUE: usize = 1024;

/// What a command did to the database.
#[derive(Debug)]
pub enum Applied<T> {
    /// Commit its changes, if there are any.
    Keep(T),
    /// Undo its changes and answer this. The dearer way: see above.
    Undo(T),
}

/// One write, with the audit events that belong to it. It is applied again where its commit was
/// undone, so it borrows itself.
pub trait Write: Send + Sync + 'static {
    /// What the caller learns once it is committed.
    type Output: Send + 'static;

    /// Changes the database within a transaction.
    fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> impl Future<Output = Result<Applied<Self::Output>, StoreError>> + Send + 'a;
}

/// A command with its caller, of whatever type.
trait Job: Send {
    /// Whether what it did is to be kept. An error is nobody's fault and hits the whole transaction.
    fn apply<'a>(
        &'a mut self,
        connection: &'a mut Connection,
    ) -> Pin<Box<dyn Future<Output = Result<bool, sqlx::Error>> + Send + 'a>>;
    /// Its events could not be inserted.
    fn refuse(&mut self, error: sqlx::Error);
    fn answer(self: Box<Self>, commit: &Result<(), String>);
    fn name(&self) -> &'static str;
    fn found_shortage(&self) -> bool;
    /// Whether another transaction held what it needed for as long as we wait.
    fn waited_in_vain(&self) -> bool;
}

struct Pending<W: Write> {
    command: W,
    outcome: Option<Result<W::Output, StoreError>>,
    caller: oneshot::Sender<Result<W::Output, StoreError>>,
}

impl<W: Write> Job for Pending<W> {
    fn apply<'a>(
        &'a mut self,
        connection: &'a mut Connection,
    ) -> Pin<Box<dyn Future<Output = Result<bool, sqlx::Error>> + Send + 'a>> {
        Box::pin(async move {
            let (keep, outcome) = match self.command.apply(connection).await {
                Ok(Applied::Keep(output)) => (true, Ok(output)),
                Ok(Applied::Undo(output)) => (false, Ok(output)),
                Err(StoreError::Database(error)) if hits_all(&error) => return Err(error),
                Err(error) => (false, Err(error)),
            };
            self.outcome = Some(outcome);
            Ok(keep)
        })
    }

    fn refuse(&mut self, error: sqlx::Error) {
        self.outcome = Some(Err(error.into()));
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

    fn name(&self) -> &'static str {
        std::any::type_name::<W>()
    }

    fn found_shortage(&self) -> bool {
        matches!(&self.outcome, Some(Err(StoreError::Database(error))) if is_shortage(error))
    }

    fn waited_in_vain(&self) -> bool {
        matches!(&self.outcome, Some(Err(StoreError::Database(error))) if is_lock_timeout(error))
    }
}

/// The way to the writing task.
#[derive(Clone, Debug)]
pub struct Writer {
    queue: mpsc::Sender<Box<dyn Job>>,
    running: Arc<Mutex<Option<Running>>>,
    confidence: Arc<Confidence>,
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Writer {
    /// Starts the writing task; it connects when the first command arrives. `file` is where SQLite
    /// writes.
    #[must_use]
    pub(super) fn start(
        connector: Connector,
        file: Option<DatabaseFile>,
        writing: Writing,
    ) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (stop, stopped) = oneshot::channel();
        let confidence = Arc::new(Confidence::default());
        let target = Target {
            connector,
            file,
            writing,
            confidence: Arc::clone(&confidence),
        };
        let task = tokio::spawn(run(target, jobs, stopped));
        Self {
            queue,
            running: Arc::new(Mutex::new(Some(Running { stop, task }))),
            confidence,
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

    /// Whether the last commit went through, or, after the database had no room, the last few did;
    /// and there is somebody to make the next.
    #[must_use]
    pub fn takes_writes(&self) -> bool {
        self.confidence.is_full() && !self.queue.is_closed()
    }

    /// How many commands wait for the next commit.
    #[must_use]
    pub fn queued(&self) -> usize {
        let free = self.queue.capacity();
        self.queue.max_capacity().saturating_sub(free)
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
struct Target {
    connector: Connector,
    file: Option<DatabaseFile>,
    writing: Writing,
    confidence: Arc<Confidence>,
}

impl Target {
    /// Whether a commit would still be found by others.
    fn check(&self) -> Result<(), sqlx::Error> {
        let checked = self.file.as_ref().map_or(Ok(()), DatabaseFile::check);
        checked.map_err(sqlx::Error::Io)
    }
}

async fn run(
    target: Target,
    mut jobs: mpsc::Receiver<Box<dyn Job>>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut connection: Option<Connection> = None;
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            biased;
            received = jobs.recv_many(&mut batch, BATCH) => if received == 0 { break },
            _ = &mut stopped, if !jobs.is_closed() => { jobs.close(); continue },
        }
        let commit = commit(&target, &mut connection, &mut batch).await;
        target.writing.measured.ended(batch.len(), commit.is_ok());
        if batch.iter().any(|job| job.found_shortage()) {
            target.confidence.lose_for_long();
        } else if commit.is_ok() {
            target.confidence.gain();
        }
        if let Err(cause) = &commit {
            target.confidence.lose();
            tracing::error!(
                cause,
                commands = batch.len(),
                "commit failed, nothing of it is believed"
            );
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

/// Commits the batch. What was certainly undone, because another node stood in its way or because
/// the connection turned out to be dead, is run again; what may have been committed is not.
async fn commit(
    target: &Target,
    connection: &mut Option<Connection>,
    batch: &mut [Box<dyn Job>],
) -> Result<(), String> {
    let mut tries = 0;
    loop {
        tries += 1;
        let fresh = connection.is_none();
        let ended = tokio::time::timeout(COMMIT_TIME, transact(target, connection, batch)).await;
        let Failed { error, undone } = match ended {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(failed)) => failed,
            Err(_) => {
                *connection = None;
                return Err("the database did not answer in time".to_owned());
            }
        };
        // The state of a connection whose commit failed is not worth guessing at; the server undoes
        // what it has left open.
        *connection = None;
        let again = is_conflict(&error) || (undone && !fresh && is_connection_loss(&error));
        if is_shortage(&error) {
            target.confidence.lose_for_long();
        }
        if !again || tries == TRIES {
            return Err(error.to_string());
        }
        tracing::warn!(%error, commands = batch.len(), "a commit is tried again");
        target.writing.measured.tried_again();
    }
}

/// Why there was no commit.
struct Failed {
    error: sqlx::Error,
    /// It failed before the commit was asked for, so nothing of it can have happened.
    undone: bool,
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        let undone = true;
        Self { error, undone }
    }
}

async fn transact(
    target: &Target,
    connection: &mut Option<Connection>,
    batch: &mut [Box<dyn Job>],
) -> Result<(), Failed> {
    target.check()?;
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(target.connector.connect().await?),
    };
    connection.begin().await?;
    if let Together::Undo(first) = together(target, connection, batch).await? {
        connection.run("ROLLBACK").await?;
        if batch.len() == 1 {
            return Ok(());
        }
        connection.begin().await?;
        for (place, job) in batch.iter_mut().enumerate() {
            // Everybody has waited for its lock once, and would wait as long again.
            if !(first == Some(place) && job.waited_in_vain()) {
                apart(target, connection, job.as_mut()).await?;
            }
        }
    }
    // Again: what is committed to a file that has gone is lost, and would be answered.
    target.check()?;
    let fate = target
        .writing
        .commits
        .fate(&mut batch.iter().map(|job| job.name()));
    let committing = async {
        fate.before()?;
        connection.run("COMMIT").await?;
        fate.after()
    };
    committing.await.map_err(|error| Failed {
        error,
        undone: false,
    })
}

/// What is to become of commands that ran bare.
enum Together {
    Keep,
    /// All are undone, because of the one at this place, or of an event.
    Undo(Option<usize>),
}

/// Runs every command, and inserts the events of all.
async fn together(
    target: &Target,
    connection: &mut Connection,
    batch: &mut [Box<dyn Job>],
) -> Result<Together, sqlx::Error> {
    for (place, job) in batch.iter_mut().enumerate() {
        if !job.apply(connection).await? {
            return Ok(Together::Undo(Some(place)));
        }
    }
    let inserted = audit::insert(connection, &target.writing.subscriptions).await;
    let Err(error) = inserted else {
        return Ok(Together::Keep);
    };
    if hits_all(&error) {
        return Err(error);
    }
    // Whose event it was turns out when each is by itself; who is alone learns it here.
    if let [alone] = batch {
        alone.refuse(error);
    }
    Ok(Together::Undo(None))
}

/// Runs one command with its events, or leaves nothing of it behind.
async fn apart(
    target: &Target,
    connection: &mut Connection,
    job: &mut dyn Job,
) -> Result<(), sqlx::Error> {
    connection.run("SAVEPOINT command").await?;
    let mut keep = job.apply(connection).await?;
    if keep && let Err(error) = audit::insert(connection, &target.writing.subscriptions).await {
        if hits_all(&error) {
            return Err(error);
        }
        job.refuse(error);
        keep = false;
    }
    if !keep {
        connection.events.clear();
        connection.run("ROLLBACK TO command").await?;
    }
    connection.run("RELEASE command").await
}

/// Whether an error is that of the transaction, not of the statement that met it.
fn hits_all(error: &sqlx::Error) -> bool {
    is_conflict(error) || is_connection_loss(error)
}

#[cfg(test)]
mod tests;
