//! Certificates whose place was taken are revoked after a time of grace, where their profile says so.
//!
//! A part is done in this order: revoke, then remember that it was done. Whatever ends the process in
//! between, the part is done again, and what is revoked stays as it is.

use crate::admission::Resources;
use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::profile::CertificateProfile;
use crate::model::revocation::RevocationReason;
use crate::store::StoreError;
use crate::store::revocations::{Revoke, Revoked};
use crate::store::superseding::NoteSuperseded;

/// Successors that one part looks at.
const AT_ONCE: u32 = 250;
/// Certificates that one commit revokes.
const REVOKED_AT_ONCE: usize = 250;

/// Does one part for each profile. Answers whether there may be more.
///
/// # Errors
/// [`StoreError`]; what was not done is due again.
pub(super) async fn sweep(resources: &Resources, now: Timestamp) -> Result<bool, StoreError> {
    let mut more = false;
    for profile in resources.profiles.iter() {
        if let Some(grace) = profile.superseded_after {
            more |= revoke(resources, profile, now.minus(grace), now).await?;
        }
    }
    Ok(more)
}

async fn revoke(
    resources: &Resources,
    profile: &CertificateProfile,
    by: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let store = &resources.store;
    let Some(successors) = store.successors_due(&profile.name, by, AT_ONCE).await? else {
        return Ok(false);
    };
    let superseded = store.superseded(&profile.name, successors, now).await?;
    for rows in superseded.chunks(REVOKED_AT_ONCE) {
        let revoke = Revoke {
            rows: rows.to_vec(),
            reason: RevocationReason::Superseded,
            actor: Actor::Schedule,
            at: now,
            allowance: None,
        };
        if let Revoked::Committed(revoked) = store.write(revoke).await? {
            tracing::info!(revoked, profile = profile.name, "superseded certificates");
        }
    }
    let done = NoteSuperseded {
        profile: profile.name.clone(),
        done: successors.last,
    };
    store.write(done).await?;
    Ok(successors.more)
}
