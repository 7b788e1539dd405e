//! Whether a certificate of the record leads to a root of ours. That it stands in the record proves
//! nothing: whoever can write rows there must not make certificates by it.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashlink::LruCache;

use crate::ca::{Authority, reread};
use crate::clock::Timestamp;
use crate::model::certificate::IssuerId;
use crate::model::fingerprint::Fingerprint;

/// How many verified paths are remembered, those that are asked about the most: a signature that was
/// verified once is verified for ever, and costs more than all the rest of an answer.
const REMEMBERED: usize = 100_000;

/// An issuing CA below its root.
#[derive(Debug)]
struct Issuing {
    id: IssuerId,
    issuing: Authority,
    root: Authority,
}

/// The issuing CAs, and whose paths to them were verified.
pub(super) struct Paths {
    issuers: Vec<Issuing>,
    verified: Mutex<LruCache<Fingerprint, ()>>,
}

impl Paths {
    /// Of issuing CAs, each with its root.
    pub(super) fn new<'a>(issuers: impl Iterator<Item = (&'a Authority, &'a Authority)>) -> Self {
        let issuers = issuers.map(|(issuing, root)| Issuing {
            id: issuing.issuer_id(),
            issuing: issuing.clone(),
            root: root.clone(),
        });
        Self {
            issuers: issuers.collect(),
            verified: Mutex::new(LruCache::new(REMEMBERED)),
        }
    }

    /// The certificate of this issuing CA, where it is one of ours.
    pub(super) fn issuing(&self, id: &IssuerId) -> Option<&Authority> {
        self.find(id).map(|issuer| &issuer.issuing)
    }

    fn find(&self, id: &IssuerId) -> Option<&Issuing> {
        self.issuers.iter().find(|issuer| issuer.id == *id)
    }

    /// Whether the certificate of this DER and this SHA-256, which is in force at `now`, leads through
    /// this issuing CA to its root, for client authentication. The dates of the CAs are looked at each
    /// time; its own are the caller's business.
    pub(super) fn leads(
        &self,
        fingerprint: Fingerprint,
        der: &[u8],
        id: &IssuerId,
        now: Timestamp,
    ) -> bool {
        let Some(issuer) = self.find(id) else {
            return false;
        };
        let in_force = |ca: &Authority| ca.not_before() <= now && now <= ca.not_after();
        if !in_force(&issuer.issuing) || !in_force(&issuer.root) {
            return false;
        }
        if self.verified().get(&fingerprint).is_some() {
            return true;
        }
        if let Err(error) = reread::client_path(der, &issuer.issuing, &issuer.root, now) {
            tracing::error!(%fingerprint, %error,
                "a certificate of the record does not lead to its issuer: who wrote it there?");
            return false;
        }
        self.verified().insert(fingerprint, ());
        true
    }

    fn verified(&self) -> MutexGuard<'_, LruCache<Fingerprint, ()>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Paths {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut paths = formatter.debug_struct("Paths");
        paths
            .field("issuers", &self.issuers)
            .finish_non_exhaustive()
    }
}
