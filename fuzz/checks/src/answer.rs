//! What Verified Access answers to a response over gRPC, from octets: vaca reads nothing that prost
//! reads differently, nothing of which there are two, and refuses nothing that is plain.

use prost::Message;
use vaca::attestation::UnverifiedAnswer;

use crate::messages::VerifyChallengeResponseResult;
use crate::verdict;

/// The answer once more, where a field that stands twice is seen.
#[derive(Clone, PartialEq, Message)]
struct All {
    #[prost(string, repeated, tag = "1")]
    device_permanent_id: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    virtual_device_id: Vec<String>,
    #[prost(string, repeated, tag = "3")]
    customer_id: Vec<String>,
    #[prost(string, repeated, tag = "4")]
    signed_public_key_and_challenge: Vec<String>,
    #[prost(int32, repeated, packed = "false", tag = "7")]
    key_trust_level: Vec<i32>,
    #[prost(string, repeated, tag = "8")]
    profile_customer_id: Vec<String>,
    #[prost(string, repeated, tag = "9")]
    virtual_profile_id: Vec<String>,
    #[prost(int32, repeated, packed = "false", tag = "10")]
    profile_key_trust_level: Vec<i32>,
    #[prost(string, repeated, tag = "11")]
    attested_device_id: Vec<String>,
    #[prost(string, repeated, tag = "12")]
    device_enrollment_id: Vec<String>,
    #[prost(string, repeated, tag = "13")]
    profile_permanent_id: Vec<String>,
}

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
    assert!(ours.is_none() || stand_once(unverified), "two values");
    assert_eq!(UnverifiedAnswer::from_grpc(&theirs.encode_to_vec()), answer);
    verdict::check(&theirs);
}

fn stand_once(answer: &[u8]) -> bool {
    let all = All::decode(answer).expect("prost has read it");
    let texts = [
        all.device_permanent_id,
        all.virtual_device_id,
        all.customer_id,
        all.signed_public_key_and_challenge,
        all.profile_customer_id,
        all.virtual_profile_id,
        all.attested_device_id,
        all.device_enrollment_id,
        all.profile_permanent_id,
    ];
    let levels = [all.key_trust_level, all.profile_key_trust_level];
    texts.iter().all(|texts| texts.len() <= 1) && levels.iter().all(|levels| levels.len() <= 1)
}
