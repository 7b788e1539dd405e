//! Who may look and act besides devices? Credentials become a [`Principal`](crate::access::Principal) here, and nowhere else.
//!
//! Each way in is an [`Authenticator`](crate::access::Authenticator): tokens, certificates of TLS clients. Another one (a single
//! sign-on) is one more of them; routes and roles do not change.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::certificate_header::CertificateHeader;
use crate::model::fingerprint::Fingerprint;
use crate::model::role::Role;
use crate::model::token::TokenId;
use crate::store::StoreError;

pub mod clients;
pub mod issue;
pub mod settings;
pub mod token;
pub mod tokens;

/// Whoever was recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// How events name them.
    pub actor: Actor,
    /// What they may do.
    pub role: Role,
    /// The token that they hold, where it makes one other token and does nothing else.
    pub single_use: Option<TokenId>,
    /// Where a proxy says what certificate a client showed.
    pub certificate_header: Option<CertificateHeader>,
}

impl Principal {
    /// Whether they may do what `role` may. A token for one use is not for this.
    #[must_use]
    pub fn may(&self, role: Role) -> bool {
        self.single_use.is_none() && self.role >= role
    }
}

/// The certificate with which the peer opened its TLS connection; TLS has proved that the peer holds
/// its key, and that one of the listener's own trust anchors vouches for it.
#[derive(Clone, Copy, Debug)]
pub struct PeerCertificate {
    /// SHA-256 of its DER.
    pub fingerprint: Fingerprint,
    /// Its last second. A connection may outlive it.
    pub not_after: Timestamp,
}

/// What came with a request. Nothing in it is believed; a header that a proxy could have set tells of
/// no certificate.
#[derive(Clone, Copy)]
pub struct UnverifiedCredentials<'a> {
    /// What stands behind `Bearer` in the one `Authorization` field.
    pub bearer: Option<&'a str>,
    /// Of this connection.
    pub certificate: Option<PeerCertificate>,
}

/// Without what was sent: it may be a good token.
impl fmt::Debug for UnverifiedCredentials<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("UnverifiedCredentials(..)")
    }
}

/// What a way in makes of credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// None of its kind: ask the next.
    NotOfMine,
    /// Of its kind, and worthless. Nobody else is asked: who shows a bad token is not let in by a good
    /// certificate.
    Refused,
    /// Good.
    Known(Principal),
}

/// A finding on its way.
pub type PendingFinding<'a> =
    Pin<Box<dyn Future<Output = Result<Finding, StoreError>> + Send + 'a>>;

/// One way in.
pub trait Authenticator: Send + Sync + fmt::Debug {
    /// Looks at the credentials at `now`.
    fn look_at<'a>(
        &'a self,
        credentials: UnverifiedCredentials<'a>,
        now: Timestamp,
    ) -> PendingFinding<'a>;
}

/// All ways in, in the order in which they are asked.
#[derive(Clone, Debug, Default)]
pub struct Access(Arc<[Arc<dyn Authenticator>]>);

impl Access {
    /// Asks them in this order.
    #[must_use]
    pub fn new(ways: Vec<Arc<dyn Authenticator>>) -> Self {
        Self(ways.into())
    }

    /// Who it is; `None` is a stranger.
    ///
    /// # Errors
    /// [`StoreError`]: nobody can tell now.
    pub async fn principal(
        &self,
        credentials: UnverifiedCredentials<'_>,
        now: Timestamp,
    ) -> Result<Option<Principal>, StoreError> {
        for way in &*self.0 {
            match way.look_at(credentials, now).await? {
                Finding::NotOfMine => {}
                Finding::Refused => return Ok(None),
                Finding::Known(principal) => return Ok(Some(principal)),
            }
        }
        Ok(None)
    }
}
