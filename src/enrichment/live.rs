//! The lists that are in force: looked at again and again, replaced as a whole, kept where a newer file
//! is not sound (ADR 0023).

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::clock::Timestamp;
use crate::enrichment::lists::{
    EnrichmentSettings, InvalidList, List, ListFile, ListReport, Lists, Stamp,
};

/// Looks in a row at which a file may have changed each time before that is told: a minute.
const PATIENCE: u32 = 60;

/// What the file system showed at a look; `None` where there was no file.
type Seen = Option<Stamp>;

/// One file, as it was seen before.
#[derive(Debug)]
struct Watched {
    file: ListFile,
    /// What was read, or found unreadable.
    settled: Seen,
    /// What the last look saw where that was something else.
    moving: Option<Seen>,
    /// Looks since it stood still.
    looks: u32,
}

/// What a look finds of a file.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// Nothing to do.
    Same,
    /// It is another one, and stood still since the last look.
    Changed,
    /// It has not stood still for long.
    Restless,
}

impl Watched {
    fn new(list: &List) -> Self {
        Self {
            file: list.file.clone(),
            settled: Some(list.stamp()),
            moving: None,
            looks: 0,
        }
    }

    /// A change counts once it was seen twice: whoever writes in place is given time to finish.
    fn look(&mut self, now: Seen) -> Look {
        if now == self.settled {
            (self.moving, self.looks) = (None, 0);
            return Look::Same;
        }
        if self.moving == Some(now) {
            self.settled = now;
            (self.moving, self.looks) = (None, 0);
            return Look::Changed;
        }
        self.moving = Some(now);
        self.looks += 1;
        if self.looks == PATIENCE {
            // Whatever stands still after this is read, should it be what was read before.
            self.settled = None;
            return Look::Restless;
        }
        Look::Same
    }
}

/// The lists that are in force.
#[derive(Debug)]
pub struct LiveLists {
    current: RwLock<Arc<Lists>>,
    /// Held by the one look that runs, never by a request.
    watched: Mutex<Vec<Watched>>,
}

impl LiveLists {
    /// Reads every list that is configured. Blocks.
    ///
    /// # Errors
    /// [`InvalidList`], for the first thing that is wrong: whoever starts the service is there to mend
    /// it.
    pub fn load(settings: &EnrichmentSettings) -> Result<Self, InvalidList> {
        let lists = Lists::load(settings)?;
        let watched = lists.held.iter().map(|held| Watched::new(&held.list));
        Ok(Self {
            watched: Mutex::new(watched.collect()),
            current: RwLock::new(Arc::new(lists)),
        })
    }

    /// The lists now. Whoever holds the value sees one state of them, whatever happens meanwhile.
    #[must_use]
    pub fn current(&self) -> Arc<Lists> {
        let current = self.current.read();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether there is nothing to look at.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.current().held.is_empty()
    }

    /// The state of every list at `now`.
    #[must_use]
    pub fn reports(&self, now: Timestamp) -> Vec<ListReport> {
        self.current().reports(now)
    }

    /// Looks at the files and reads those that changed. Blocks, for seconds where lists are large: never
    /// on a thread that answers requests. Called about once a second.
    pub fn look(&self) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        for (index, watched) in watched.iter_mut().enumerate() {
            match watched.look(seen(&watched.file.path)) {
                Look::Same => {}
                Look::Restless => {
                    let problem = format!(
                        "{}: is written to all the time: write to another file, then rename that to this name",
                        watched.file.path.display()
                    );
                    self.keep(index, &watched.file, problem);
                }
                Look::Changed => match List::read(&watched.file) {
                    Ok(list) => {
                        watched.settled = Some(list.stamp());
                        self.replace(index, list);
                    }
                    Err(error) => self.keep(index, &watched.file, error.to_string()),
                },
            }
        }
    }

    fn replace(&self, index: usize, list: List) {
        let (name, rows, digest) = (list.file.to_string(), list.rows(), list.short_digest());
        self.change(index, |held| {
            held.list = Arc::new(list);
            held.problem = None;
        });
        tracing::info!(list = name, rows, digest, "a list was reloaded");
    }

    fn keep(&self, index: usize, file: &ListFile, problem: String) {
        tracing::error!(list = %file, problem, "the list that was read before stays in force");
        self.change(index, |held| held.problem = Some(problem.into()));
    }

    /// Makes another value and puts it in the place of the current one, which lives on for as long as
    /// somebody holds it.
    fn change(&self, index: usize, change: impl FnOnce(&mut crate::enrichment::lists::Held)) {
        let mut lists = Lists::clone(&self.current());
        if let Some(held) = lists.held.get_mut(index) {
            change(held);
        }
        let lists = Arc::new(lists);
        let before = {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *current, lists)
        };
        // Outside of the lock: a list is freed here.
        drop(before);
    }
}

/// Whatever keeps a file from being seen, it is not there.
fn seen(path: &Path) -> Seen {
    Stamp::at(path).ok()
}

#[cfg(test)]
mod tests;
