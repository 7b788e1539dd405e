//! Answers that were just signed, for the next who asks the same: a relying party in trouble asks again and
//! again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::ca::ocsp::{CertificateId, Response};
use crate::clock::Timestamp;

/// How long an answer is given again: so much later a revocation is seen, at the most.
const KEPT: Duration = Duration::from_secs(5);
/// How many are kept; with two certificates in each, some three MiB.
const KEPT_MAX: usize = 1024;

#[derive(Debug)]
struct Kept {
    since: Duration,
    status: &'static str,
    response: Arc<Response>,
}

/// Answers without a nonce about one certificate each, by the octets that they were asked for with.
#[derive(Debug, Default)]
pub(super) struct KeptAnswers(Mutex<HashMap<Vec<u8>, Kept>>);

impl KeptAnswers {
    /// The answer, with the status that it tells. Both clocks must agree that it is young.
    pub(super) fn find(
        &self,
        id: &CertificateId,
        monotonic: Duration,
        now: Timestamp,
    ) -> Option<(&'static str, Arc<Response>)> {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = answers.get(id.der())?;
        let age = now.since(kept.response.this_update);
        let young = kept.is_young(monotonic) && age >= 0 && now < kept.response.next_update;
        young.then(|| (kept.status, Arc::clone(&kept.response)))
    }

    /// Keeps an answer to what was asked at `asked_at`. Where there is no room, it is not kept.
    pub(super) fn keep(
        &self,
        id: &CertificateId,
        status: &'static str,
        response: &Arc<Response>,
        asked_at: Duration,
    ) {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= KEPT_MAX {
            answers.retain(|_, kept| kept.is_young(asked_at));
        }
        if answers.len() < KEPT_MAX || answers.contains_key(id.der()) {
            let kept = Kept {
                since: asked_at,
                status,
                response: Arc::clone(response),
            };
            answers.insert(id.der().to_vec(), kept);
        }
    }
}

impl Kept {
    fn is_young(&self, monotonic: Duration) -> bool {
        monotonic.saturating_sub(self.since) < KEPT
    }
}
