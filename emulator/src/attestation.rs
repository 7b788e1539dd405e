//! The messages inside challenge and response.

#[allow(
    missing_docs,
    unreachable_pub,
    rust_2018_idioms,
    clippy::all,
    reason = "generated from proto/attestation.proto"
)]
mod generated {
    tonic::include_proto!("attestation");
}

pub use generated::{
    Challenge, ChallengeResponse, EncryptedData, KeyInfo, SignedData, VerifiedAccessFlow,
};

/// The first field of every challenge that an enterprise key may answer.
pub const CHALLENGE_PREFIX: &str = "EnterpriseKeyChallenge";

/// How long Verified Access accepts the answer to a challenge, in milliseconds.
pub const CHALLENGE_LIFETIME_MS: i64 = 60_000;
