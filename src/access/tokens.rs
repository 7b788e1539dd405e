//! The way in by a token.

use std::sync::Arc;
use std::time::Duration;

use crate::access::token::Token;
use crate::access::{Authenticator, Finding, PendingFinding, Principal, UnverifiedCredentials};
use crate::admission::Resources;
use crate::clock::Timestamp;
use crate::memory::Memory;
use crate::model::actor::Actor;
use crate::model::digest::sha256;
use crate::model::role::Role;
use crate::model::token::Grant;
use crate::store::StoreError;
use crate::store::tokens::{NoteUse, TokenRow, USE_NOTED_EVERY};

/// How long a relying party's token is remembered: such a one asks many times a second.
const REMEMBERED: Duration = Duration::from_secs(1);
/// How many of them.
const MANY: usize = 256;

/// Looks tokens up in the record, at each request anew: a revocation holds on every node at once. Those
/// of relying parties, which open no more than the answer to a question, are remembered for a second.
#[derive(Debug)]
pub struct Tokens {
    resources: Arc<Resources>,
    /// By SHA-256 of the token.
    recent: Memory<[u8; 32], Recent>,
}

/// A token that was good a moment ago.
#[derive(Clone)]
struct Recent {
    principal: Principal,
    expires_at: i64,
}

impl Authenticator for Tokens {
    fn look_at<'a>(
        &'a self,
        credentials: UnverifiedCredentials<'a>,
        now: Timestamp,
    ) -> PendingFinding<'a> {
        Box::pin(async move {
            let Some(unverified_token) = credentials.bearer else {
                return Ok(Finding::NotOfMine);
            };
            let Some(token) = Token::parse(unverified_token) else {
                return Ok(Finding::Refused);
            };
            let digest = sha256(unverified_token.as_bytes());
            if let Some(principal) = self.recent(&digest, now) {
                return Ok(Finding::Known(principal));
            }
            self.verify(&token, digest, now).await
        })
    }
}

impl Tokens {
    /// Of this record.
    #[must_use]
    pub fn new(resources: Arc<Resources>) -> Self {
        Self {
            resources,
            recent: Memory::new(REMEMBERED, MANY),
        }
    }

    fn recent(&self, digest: &[u8; 32], now: Timestamp) -> Option<Principal> {
        let elapsed = self.resources.clock.monotonic();
        let recent = self.recent.recall(digest, elapsed)?;
        (now.0 < recent.expires_at).then_some(recent.principal)
    }

    async fn verify(
        &self,
        token: &Token,
        digest: [u8; 32],
        now: Timestamp,
    ) -> Result<Finding, StoreError> {
        let looked_at = self.resources.clock.monotonic();
        let row = self.resources.store.token(token.id()).await?;
        // An id that nobody has costs what a wrong secret costs, and a worthless token what a good one
        // does: no answer tells by its time which ids there are.
        let nobody = Grant {
            role: Role::Auditor,
            single_use: false,
            expires_at: 0,
            certificate_header: None,
        };
        let grant = row.as_ref().map_or(nobody, |row| row.unverified_grant);
        let tag = row.as_ref().map_or(&[0; 32][..], |row| &row.tag);
        let fits = token.fits(&self.resources.deployment_key, &grant, tag);
        let Some(row) = row.filter(|row| fits && row.is_good(now)) else {
            return Ok(Finding::Refused);
        };
        self.note_use(&row, now).await;
        let principal = Principal {
            actor: Actor::Token(row.id.clone()),
            role: grant.role,
            single_use: grant.single_use.then_some(row.id),
            certificate_header: grant.certificate_header,
        };
        if principal.role == Role::RelyingParty && principal.single_use.is_none() {
            let recent = Recent {
                principal: principal.clone(),
                expires_at: grant.expires_at,
            };
            self.recent.keep(digest, recent, looked_at);
        }
        Ok(Finding::Known(principal))
    }

    /// At most once a minute. That nobody knows of a use keeps nobody out: what is done with the token
    /// has events of its own.
    async fn note_use(&self, row: &TokenRow, now: Timestamp) {
        let noted = row.last_used_at;
        if row.unverified_grant.single_use
            || noted.is_some_and(|at| now.since(at) < USE_NOTED_EVERY)
        {
            return;
        }
        let id = row.id.clone();
        if let Err(error) = self.resources.store.write(NoteUse { id, now }).await {
            tracing::warn!(%error, "the use of a token could not be written down");
        }
    }
}
