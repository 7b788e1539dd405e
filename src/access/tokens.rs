//! The way in by a token.

use std::sync::Arc;

use crate::access::token::Token;
use crate::access::{Authenticator, Finding, PendingFinding, Principal, UnverifiedCredentials};
use crate::admission::Resources;
use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::role::Role;
use crate::model::token::Grant;
use crate::store::StoreError;
use crate::store::tokens::{NoteUse, TokenRow, USE_NOTED_EVERY};

/// Looks tokens up in the record, at each request anew: a revocation holds on every node at once.
#[derive(Debug)]
pub struct Tokens(pub Arc<Resources>);

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
            self.verify(&token, now).await
        })
    }
}

impl Tokens {
    async fn verify(&self, token: &Token, now: Timestamp) -> Result<Finding, StoreError> {
        let row = self.0.store.token(token.id()).await?;
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
        let fits = token.fits(&self.0.deployment_key, &grant, tag);
        let Some(row) = row.filter(|row| fits && row.is_good(now)) else {
            return Ok(Finding::Refused);
        };
        self.note_use(&row, now).await;
        Ok(Finding::Known(Principal {
            actor: Actor::Token(row.id.clone()),
            role: grant.role,
            single_use: grant.single_use.then_some(row.id),
            certificate_header: grant.certificate_header,
        }))
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
        if let Err(error) = self.0.store.write(NoteUse { id, now }).await {
            tracing::warn!(%error, "the use of a token could not be written down");
        }
    }
}
