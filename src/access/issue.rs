//! The story of a token's birth, at the command line and through the admin API alike.

use zeroize::Zeroizing;

use crate::access::token::Token;
use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::certificate_header::CertificateHeader;
use crate::model::event::{AuditEvent, EventKind};
use crate::model::role::Role;
use crate::model::span;
use crate::model::token::{
    BOOTSTRAP_LIFETIME, Grant, TOKEN_LIFETIME, TOKEN_LIFETIME_MAX, TOKEN_LIFETIME_MIN, TokenId,
    is_name,
};
use crate::random::{Random, RandomUnavailable};
use crate::secrets::DeploymentKey;
use crate::store::tokens::{CreateToken, NewToken, RevokeToken, Stored};
use crate::store::{Store, StoreError};

/// How often another id is drawn where one is taken.
const DRAWS: usize = 3;

/// The name of a token that makes the first one.
const BOOTSTRAP: &str = "bootstrap";

/// A token that somebody wants; its parts were checked.
#[derive(Clone, Debug)]
pub struct TokenOrder {
    name: String,
    role: Role,
    lifetime: i64,
    single_use: bool,
    certificate_header: Option<CertificateHeader>,
}

/// Why an order is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOrder {
    /// The name.
    #[error("a name is 1 to 64 letters, digits, dots, dashes and underscores")]
    Name,
    /// The lifetime.
    #[error("a token is good for a minute to 400 days, such as 30d")]
    Lifetime,
    /// The header.
    #[error("a certificate header goes with the role relying_party")]
    Header,
}

impl TokenOrder {
    /// A token of this role. `unverified_lifetime` is a number and a unit, such as `30d`; left out, it
    /// is 90 days.
    ///
    /// # Errors
    /// [`InvalidOrder`].
    pub fn new(
        unverified_name: &str,
        role: Role,
        unverified_lifetime: Option<&str>,
    ) -> Result<Self, InvalidOrder> {
        if !is_name(unverified_name) {
            return Err(InvalidOrder::Name);
        }
        let lifetime = match unverified_lifetime {
            None => TOKEN_LIFETIME,
            Some(text) => span::seconds(text)
                .ok()
                .filter(|seconds| (TOKEN_LIFETIME_MIN..=TOKEN_LIFETIME_MAX).contains(seconds))
                .ok_or(InvalidOrder::Lifetime)?,
        };
        Ok(Self {
            name: unverified_name.to_owned(),
            role,
            lifetime,
            single_use: false,
            certificate_header: None,
        })
    }

    /// The same for a proxy, which says in this field what certificate a client showed.
    ///
    /// # Errors
    /// [`InvalidOrder::Header`].
    pub fn for_proxy(mut self, header: CertificateHeader) -> Result<Self, InvalidOrder> {
        // Whoever looks into the record is no proxy.
        if self.role != Role::RelyingParty {
            return Err(InvalidOrder::Header);
        }
        self.certificate_header = Some(header);
        Ok(self)
    }

    /// The token that makes the first administrator's, and nothing else.
    #[must_use]
    pub fn bootstrap() -> Self {
        Self {
            name: BOOTSTRAP.to_owned(),
            role: Role::Administrator,
            lifetime: BOOTSTRAP_LIFETIME,
            single_use: true,
            certificate_header: None,
        }
    }
}

/// A token that can be used. Its text is nowhere else.
#[derive(Debug)]
pub struct IssuedToken {
    /// Its public half.
    pub id: TokenId,
    /// What people call it.
    pub name: String,
    /// What it allows.
    pub grant: Grant,
    text: Zeroizing<String>,
}

impl IssuedToken {
    /// The whole token.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum NotIssued {
    /// The token that was to be spent on it is worthless.
    #[error("the token for one use is worthless")]
    NothingToSpend,
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomUnavailable),
    /// The record.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who makes a token, and what for that takes.
#[derive(Clone, Copy, Debug)]
pub struct TokenOffice<'a> {
    /// Where tokens are remembered.
    pub store: &'a Store,
    /// Under what.
    pub key: &'a DeploymentKey,
    /// Where secrets come from.
    pub random: &'a dyn Random,
    /// When.
    pub now: Timestamp,
}

impl TokenOffice<'_> {
    /// Makes a token. `spends` is the token for one use with which it is asked for.
    ///
    /// # Errors
    /// [`NotIssued`].
    pub async fn issue(
        &self,
        order: &TokenOrder,
        actor: &Actor,
        spends: Option<&TokenId>,
    ) -> Result<IssuedToken, NotIssued> {
        let grant = Grant {
            role: order.role,
            single_use: order.single_use,
            expires_at: self.now.plus(order.lifetime).0,
            certificate_header: order.certificate_header,
        };
        for _ in 0..DRAWS {
            let token = Token::draw(self.random)?;
            let create = CreateToken {
                token: NewToken {
                    id: token.id().clone(),
                    name: order.name.clone(),
                    grant,
                    tag: token.tag(self.key, &grant),
                },
                spends: spends.cloned(),
                event: created(self.now, actor, token.id(), &grant),
            };
            match self.store.write(create).await? {
                Stored::IdTaken => {}
                Stored::NothingToSpend => return Err(NotIssued::NothingToSpend),
                Stored::Committed => {
                    return Ok(IssuedToken {
                        id: token.id().clone(),
                        name: order.name.clone(),
                        grant,
                        text: token.text(),
                    });
                }
            }
        }
        // Three ids of a million million that are all taken: the source repeats itself.
        Err(RandomUnavailable.into())
    }
}

/// The name stays out of it: it may be a person's.
fn created(now: Timestamp, actor: &Actor, id: &TokenId, grant: &Grant) -> AuditEvent {
    event(now, EventKind::TokenCreated, actor, id)
        .with("role", grant.role.as_str())
        .with("single_use", grant.single_use)
        .with("expires_at", grant.expires_at)
}

fn event(now: Timestamp, kind: EventKind, actor: &Actor, id: &TokenId) -> AuditEvent {
    AuditEvent::new(now, kind, actor.clone(), format!("token/{id}"))
}

/// Makes a token worthless. Answers whether it was not so declared before; `None` where there is none.
///
/// # Errors
/// [`StoreError`].
pub async fn revoke(
    store: &Store,
    id: TokenId,
    actor: &Actor,
    now: Timestamp,
) -> Result<Option<bool>, StoreError> {
    let event = event(now, EventKind::TokenRevoked, actor, &id);
    store.write(RevokeToken { id, event }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_has_a_name_and_an_end() {
        let order = |name, lifetime| TokenOrder::new(name, Role::Auditor, lifetime);
        let lifetime = |text| order("grafana", text).map(|order| order.lifetime);
        assert_eq!(lifetime(None), Ok(90 * 86_400));
        assert_eq!(lifetime(Some("400d")), Ok(400 * 86_400));
        assert_eq!(lifetime(Some("60s")), Ok(60));
        for wrong in ["401d", "59s", "0d", "", "forever", "-1d"] {
            assert_eq!(
                lifetime(Some(wrong)),
                Err(InvalidOrder::Lifetime),
                "{wrong}"
            );
        }
        assert_eq!(order("a b", None).err(), Some(InvalidOrder::Name));
    }
}
