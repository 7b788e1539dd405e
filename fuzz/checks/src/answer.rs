//! What Verified Access answers to a response over gRPC, from octets: vaca reads nothing that prost
//! reads differently, and refuses nothing that is plain.

use crate::messages::VerifyChallengeResponseResult;
use crate::verdict;
use prost::Message as _;
use vaca::attestation::UnverifiedAnswer;

/// Checks an answer to a response, protobuf.
///
/// # Panics
/// Where something does not hold.
pub fn answer(unverified: &[u8]) {
    let ours = UnverifiedAnswer::from_grpc(unverified);
    let Ok(theirs) = VerifyChallengeResponseResult::decode(unverified) else {
        assert!(ours.is_none(), "accepted, yet prost cannot read it");
        return;
    };
    let answer = Some(verdict::answer(&theirs));
    assert!(ours.is_none() || ours == answer, "two readings");
    assert_eq!(UnverifiedAnswer::from_grpc(&theirs.encode_to_vec()), answer);
    verdict::check(&theirs);
}
