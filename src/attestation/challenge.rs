//! A challenge that Verified Access has just generated: its name for us, and the time it holds.

use crate::attestation::response::signed_data;
use crate::attestation::wire::{Fields, Malformed};
use crate::model::challenge::{Challenge, ChallengeDigest};
use crate::model::digest::sha256;

/// Verified Access gave something that is not a challenge with a time in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a challenge: {0}")]
pub struct MalformedChallenge(String);

impl From<Malformed> for MalformedChallenge {
    fn from(cause: Malformed) -> Self {
        Self(cause.to_string())
    }
}

/// SHA-256 of the signed data inside a challenge, and the time in it, in milliseconds since the
/// Unix epoch by Google's clock: `attestation.Challenge { prefix = 1, nonce = 2, timestamp = 3 }`.
///
/// # Errors
/// [`MalformedChallenge`].
pub fn challenge_digest(
    challenge: &Challenge,
) -> Result<(ChallengeDigest, i64), MalformedChallenge> {
    let data = signed_data(&challenge.0)?;
    let timestamp_millis = Fields::parse(data)?.int64(3)?;
    Ok((ChallengeDigest(sha256(data)), timestamp_millis))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;

    #[test]
    fn the_name_is_of_the_data_and_the_time_is_read() {
        // prefix "p", nonce "n", timestamp 1700000000000
        let data = b"\x0a\x01p\x12\x01n\x18\x80\xd0\x95\xff\xbc\x31";
        let mut bytes = vec![0x0a, u8::try_from(data.len()).unwrap()];
        bytes.extend(data);
        bytes.extend(b"\x12\x03sig");
        let (digest, millis) = challenge_digest(&Challenge(bytes)).unwrap();
        assert_eq!(digest.0, sha256(data));
        assert_eq!(millis, 1_700_000_000_000);
    }

    #[test]
    fn a_challenge_without_a_time_is_none() {
        let timeless = Challenge(b"\x0a\x03\x0a\x01p\x12\x03sig".to_vec());
        assert!(challenge_digest(&timeless).is_err());
        assert!(challenge_digest(&Challenge(Vec::new())).is_err());
    }
}
