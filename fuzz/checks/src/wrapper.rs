//! The challenge response: what vaca accepts, prost reads, and both find the same challenge.

use prost::Message as _;
use vaca::attestation::{RESPONSE_MAX, UnverifiedResponse};

use crate::messages::{ChallengeResponse, SignedData, answered_challenge, shortest, signed_data};
use crate::sha256;

/// Checks a challenge response.
///
/// # Panics
/// Where something does not hold.
pub fn wrapper(unverified: &[u8]) {
    if let Ok(response) = UnverifiedResponse::parse(unverified.to_vec()) {
        let challenge = answered_challenge(unverified).expect("accepted, yet prost cannot read it");
        assert_eq!(response.challenge().0, sha256(&challenge));
        assert_eq!(response.digest().0, sha256(unverified));
        assert_eq!(response.bytes(), unverified);
    }
    accepts_the_shortest_form(unverified);
}

/// Strict, but not so strict that a plain response is refused.
fn accepts_the_shortest_form(unverified: &[u8]) {
    let Some(challenge) = answered_challenge(unverified) else {
        return;
    };
    let Some(plain) = rewritten(unverified).filter(|plain| plain.len() <= RESPONSE_MAX) else {
        return;
    };
    let response = UnverifiedResponse::parse(plain).expect("a plain response is refused");
    assert_eq!(response.challenge().0, sha256(&challenge));
}

/// The same response with nothing in it that vaca does not read.
fn rewritten(response: &[u8]) -> Option<Vec<u8>> {
    let mut inner = ChallengeResponse::decode(signed_data(response)?.as_slice()).ok()?;
    for challenge in &mut inner.challenge {
        *challenge = shortest::<SignedData>(challenge)?;
    }
    let mut outer = SignedData::decode(response).ok()?;
    outer.data = vec![inner.encode_to_vec()];
    Some(outer.encode_to_vec())
}
