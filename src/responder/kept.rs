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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;
    use crate::ca::ocsp::Request;

    /// The id of a certificate with this number, as a request has it.
    fn id(number: u16) -> CertificateId {
        let tlv = |tag: u8, content: &[u8]| {
            let length = u8::try_from(content.len()).unwrap();
            [&[tag, length], content].concat()
        };
        let sha1 = tlv(0x30, &tlv(0x06, &[0x2b, 0x0e, 0x03, 0x02, 0x1a]));
        let hash = tlv(0x04, &[1; 20]);
        let serial = tlv(0x02, &[&[1], &number.to_be_bytes()[..]].concat());
        let id = tlv(0x30, &[sha1, hash.clone(), hash, serial].concat());
        let request = tlv(0x30, &tlv(0x30, &tlv(0x30, &tlv(0x30, &id))));
        Request::parse(&request).unwrap().certificates.remove(0)
    }

    fn response(this_update: Timestamp) -> Arc<Response> {
        Arc::new(Response {
            der: vec![0x30, 0x00],
            this_update,
            next_update: this_update.plus(900),
        })
    }

    const NOW: Timestamp = Timestamp(1_800_000_000);
    const START: Duration = Duration::from_secs(100);

    #[test]
    fn an_answer_is_given_again_while_both_clocks_call_it_young() {
        let answers = KeptAnswers::default();
        answers.keep(&id(1), "good", &response(NOW), START);
        let found = |monotonic, now| answers.find(&id(1), monotonic, now).is_some();
        let almost = START + KEPT - Duration::from_millis(1);
        assert!(found(START, NOW) && found(almost, NOW.plus(4)));
        assert!(!found(START + KEPT, NOW.plus(5)));
        assert!(!found(START, NOW.minus(1)), "it is of the future");
        assert!(!found(START, NOW.plus(900)), "it has ended");
        assert!(answers.find(&id(2), START, NOW).is_none());
    }

    #[test]
    fn there_are_never_more_than_there_may_be() {
        let answers = KeptAnswers::default();
        let room = u16::try_from(KEPT_MAX).unwrap();
        for number in 0..room + 10 {
            answers.keep(&id(number), "good", &response(NOW), START);
        }
        let found = |number, at| answers.find(&id(number), at, NOW).is_some();
        assert!(found(room - 1, START) && !found(room, START));
        // What is kept already is replaced; what is old makes room.
        answers.keep(&id(0), "revoked", &response(NOW), START);
        let (status, _) = answers.find(&id(0), START, NOW).unwrap();
        assert_eq!(status, "revoked");
        answers.keep(&id(room), "good", &response(NOW), START + KEPT);
        assert!(found(room, START + KEPT));
        let kept = answers.0.lock().unwrap().len();
        assert_eq!(kept, 1);
    }
}
