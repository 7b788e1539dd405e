//! Is the record whole? Walks the log and holds every link against the event that it covers.

use crate::store::{Store, StoreError};

/// Events read at a time.
const PAGE: u32 = 1000;

/// What is wrong with the log.
#[derive(Debug, thiserror::Error)]
pub enum BrokenLog {
    /// The record could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An event is missing, was moved or was changed at this place.
    #[error("the log breaks at event {0}: something before or at it was removed or changed")]
    At(i64),
}

/// Verifies the chain from its first event. Answers how many events it holds.
///
/// A writer of the database who rewrites every later link goes unseen here, and so does one who
/// removes events from the end, unless the caller knows how many there were: the chain shows
/// accidents and half-done tampering, not a determined owner of the database.
///
/// # Errors
/// [`BrokenLog`].
pub async fn verify(store: &Store) -> Result<i64, BrokenLog> {
    let mut sequence = 0;
    let mut chain = Vec::new();
    loop {
        let page = store.events_after(sequence, PAGE).await?;
        if page.is_empty() {
            return Ok(sequence);
        }
        for event in page {
            sequence += 1;
            chain = event.link(&chain, sequence);
            if event.sequence != Some(sequence) || event.chain.as_deref() != Some(&*chain) {
                return Err(BrokenLog::At(sequence));
            }
        }
    }
}
