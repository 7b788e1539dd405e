//! What was revoked stays revoked: a list is held against the one before it gets out.

use prost::bytes::Bytes;

use crate::ca::crl::vanished;
use crate::clock::Timestamp;
use crate::model::certificate::IssuerId;
use crate::publication::PublicationError;
use crate::store::Store;

/// Whatever the earlier list has and the later one lacks must have ended before `kept_since`, the beginning
/// of a list that still had it.
///
/// # Errors
/// [`PublicationError::Vanished`]; [`PublicationError::Compare`] where one cannot be read.
pub async fn compare(
    store: &Store,
    issuer: &IssuerId,
    earlier: Bytes,
    later: &[u8],
    kept_since: Timestamp,
) -> Result<(), PublicationError> {
    let later = later.to_vec();
    // Large lists take seconds, in which requests are answered.
    let compared = tokio::task::spawn_blocking(move || vanished(&earlier, &later)).await;
    let gone = compared.map_err(|_| PublicationError::Interrupted)??;
    let mut early = Vec::new();
    for serial in gone {
        let standing = store.standing(issuer, serial).await?;
        if standing.is_none_or(|standing| standing.not_after >= kept_since) {
            early.push(serial);
        }
    }
    match early.first() {
        None => Ok(()),
        Some(first) => Err(PublicationError::Vanished {
            first: *first,
            count: early.len(),
        }),
    }
}
