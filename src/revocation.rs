//! From "this Chromebook is lost" to rows that CRLs, OCSP answers and policy are made from. A revocation is
//! planned, shown, and done in parts; it never builds a CRL. Whoever is blocked is blocked first, so that
//! nothing is issued behind the selection.

use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::event::{AuditEvent, EventKind};
use crate::model::revocation::RevocationReason;
use crate::secrets::DeploymentKey;
use crate::store::blocks::{AddBlock, Blocked, LiftBlock};
use crate::store::revocations::{Allowance, Revoke, Revoked};
use crate::store::{Store, StoreError};

mod plan;
mod selection;
mod settings;

pub use plan::{Plan, Share, plan};
pub use selection::{Filter, InvalidSelection, Selection, Target};
pub use settings::{InvalidRevocation, RevocationPolicy, RevocationSettings};

/// Certificates that one commit revokes: some tens of milliseconds of the writer.
const AT_ONCE: usize = 250;
/// How far back revocations count together, in seconds.
pub const WINDOW: i64 = 24 * 60 * 60;

/// Why nothing, or nothing more, was revoked.
#[derive(Debug, thiserror::Error)]
pub enum NotRevoked {
    /// The record does not answer. What was revoked stays so; the same order goes on.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// More than may be revoked without a second look.
    #[error(
        "{more} more certificates would be revoked and {recent} were within a day, of {live} that are good: more than {at_most}, or a CA's own, need a confirmation of exactly these"
    )]
    Unconfirmed {
        /// That are good and would be hit.
        more: u64,
        /// That people or their programs revoked within a day.
        recent: i64,
        /// That have not ended.
        live: i64,
        /// That may be revoked within a day without confirmation.
        at_most: i64,
    },
    /// What was confirmed is not what would be hit.
    #[error(
        "the confirmation is for other certificates than these: look again at what would be hit"
    )]
    OtherSet,
}

/// What a revocation is done with.
#[derive(Clone, Copy, Debug)]
pub struct Office<'a> {
    /// The record.
    pub store: &'a Store,
    /// For the digests by which events name people and devices.
    pub key: &'a DeploymentKey,
    /// How much may be revoked without a second look, and what blocks.
    pub policy: &'a RevocationPolicy,
    /// Now.
    pub now: Timestamp,
}

/// What is ordered, and by whom.
#[derive(Clone, Debug)]
pub struct Order {
    /// Which certificates.
    pub selection: Selection,
    /// Why.
    pub reason: RevocationReason,
    /// Who.
    pub actor: Actor,
    /// Whether the devices and users get new certificates; `None` as the configuration says for the reason.
    pub block: Option<bool>,
    /// The digest of the plan that was looked at.
    pub confirmed: Option<String>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Certificates that were revoked now.
    pub revoked: u64,
    /// Certificates that were revoked already.
    pub already: u64,
    /// Who is blocked now and was not before.
    pub blocked: u64,
}

impl Office<'_> {
    /// Checks how much the order's plan hits, blocks, and revokes in parts; `progress` hears how many are done.
    /// What was interrupted is resumed by the same order: its digest is that of all that it selects, revoked
    /// or not.
    ///
    /// # Errors
    /// [`NotRevoked`].
    pub async fn revoke(
        &self,
        order: &Order,
        plan: Plan,
        mut progress: impl FnMut(u64, u64) + Send,
    ) -> Result<Done, NotRevoked> {
        let share = self.permitted(&plan, order).await?;
        let mut blocked = 0;
        for whom in &plan.blocks {
            let reason = format!("revoked: {}", order.reason);
            blocked += u64::from(self.block(whom.clone(), reason, &order.actor).await?);
        }
        // Again: what was intended before the block is there now, and nothing comes after it.
        let plan = if plan.blocks.is_empty() {
            plan
        } else {
            let again = self::plan(self, order).await?;
            self.permitted(&again, order).await?;
            again
        };
        let confirmed = order.confirmed.is_some();
        let mut revoked = 0;
        for rows in plan.rows.chunks(AT_ONCE) {
            let part = Revoke {
                rows: rows.to_vec(),
                reason: order.reason,
                actor: order.actor.clone(),
                at: self.now,
                allowance: (!confirmed).then(|| self.allowance(share)),
            };
            match self.store.write(part).await? {
                Revoked::Committed(count) => revoked += count as u64,
                Revoked::TooMany => return Err(self.too_many(&plan, share)),
            }
            progress(revoked, plan.rows.len() as u64);
        }
        Ok(Done {
            revoked,
            already: plan.already + (plan.rows.len() as u64).saturating_sub(revoked),
            blocked,
        })
    }

    /// Blocks a device or user. Answers whether it was not blocked before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn block(
        &self,
        blocked: Blocked,
        reason: String,
        actor: &Actor,
    ) -> Result<bool, StoreError> {
        let event = self.block_event(EventKind::BlockAdded, &blocked, actor);
        let add = AddBlock {
            blocked,
            reason,
            event,
        };
        self.store.write(add).await
    }

    /// Lifts a block. Answers whether there was one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lift(&self, blocked: Blocked, actor: &Actor) -> Result<bool, StoreError> {
        let event = self.block_event(EventKind::BlockLifted, &blocked, actor);
        self.store.write(LiftBlock { blocked, event }).await
    }

    fn block_event(&self, kind: EventKind, blocked: &Blocked, actor: &Actor) -> AuditEvent {
        let (of, value) = blocked.stored();
        let subject = format!("{of}:{}", self.key.personal(value));
        AuditEvent::new(self.now, kind, actor.clone(), subject)
    }

    /// Whether so much may be revoked, and what share of all it is.
    async fn permitted(&self, plan: &Plan, order: &Order) -> Result<Share, NotRevoked> {
        let share = self.share().await?;
        match &order.confirmed {
            Some(digest) if *digest == plan.digest => Ok(share),
            Some(_) => Err(NotRevoked::OtherSet),
            None if plan.authorities == 0 && share.admits(plan.rows.len() as u64) => Ok(share),
            None => Err(self.too_many(plan, share)),
        }
    }

    /// How much may be revoked now without a second look.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn share(&self) -> Result<Share, StoreError> {
        let live = self.store.unexpired_certificates(self.now).await?;
        let recent = self.store.revocations_since(self.now.minus(WINDOW)).await?;
        let at_most = self.policy.at_most(live);
        Ok(Share {
            live,
            recent,
            at_most,
        })
    }

    fn allowance(&self, share: Share) -> Allowance {
        Allowance {
            at_most: share.at_most,
            since: self.now.minus(WINDOW),
        }
    }

    fn too_many(&self, plan: &Plan, share: Share) -> NotRevoked {
        NotRevoked::Unconfirmed {
            more: plan.rows.len() as u64,
            recent: share.recent,
            live: share.live,
            at_most: share.at_most,
        }
    }
}
