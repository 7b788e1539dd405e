//! A challenge: handed out once, accepted for one response.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How long Verified Access accepts a response to a challenge, in seconds (the developer's guide:
/// one minute). Ours is the same minute, by our clock.
pub const CHALLENGE_LIFETIME: i64 = 60;

/// How long an unanswered challenge is remembered, in seconds: longer than its life, so that a
/// late answer is told "expired" rather than "unknown".
pub const CHALLENGE_MEMORY: i64 = 600;

/// A serialized `attestation.SignedData`, as Verified Access made it; opaque to the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge(pub Vec<u8>);

/// SHA-256 of the signed data inside a challenge: what a response is matched by. The signature
/// beside that data is left out, because a signature can be re-encoded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChallengeDigest(pub [u8; 32]);

impl fmt::Debug for ChallengeDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::model::serial::write_hex(formatter, &self.0)
    }
}
