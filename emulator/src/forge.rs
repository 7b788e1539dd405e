//! Deliberately wrong challenges and responses, for those who must refuse them.
//!
//! What needs a genuine key around wrong content is made by
//! [`crate::VirtualChromebook::challenge_key_altered`] instead.

use prost::Message as _;

use crate::attestation::{
    CHALLENGE_PREFIX, Challenge, ChallengeResponse, EncryptedData, SignedData,
};
use crate::entropy;
use crate::keys::{CryptoError, KeyAlgorithm, SigningKey};
use crate::renumber::push_varint;

/// Why a forgery was not made: the input was no response to begin with, or keys failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no challenge response to forge from")]
pub struct ForgeError;

impl From<prost::DecodeError> for ForgeError {
    fn from(_: prost::DecodeError) -> Self {
        Self
    }
}

impl From<CryptoError> for ForgeError {
    fn from(_: CryptoError) -> Self {
        Self
    }
}

/// The wrapper with a second `data` field behind the first: protobuf's last one wins, other
/// readers may see the first.
#[must_use]
pub fn with_second_data(response: &[u8], data: &[u8]) -> Vec<u8> {
    with_field(response, 1, data)
}

/// The wrapper with a second `signature` field.
#[must_use]
pub fn with_second_signature(response: &[u8], signature: &[u8]) -> Vec<u8> {
    with_field(response, 2, signature)
}

/// The wrapper with a field that nobody knows, number 15.
#[must_use]
pub fn with_unknown_field(response: &[u8]) -> Vec<u8> {
    with_field(response, 15, b"unknown")
}

/// The signed part with a second challenge behind the first. Its signature does not verify.
pub fn with_second_challenge(response: &[u8], challenge: &[u8]) -> Result<Vec<u8>, ForgeError> {
    change_data(response, |data| Ok(with_field(data, 1, challenge)))
}

/// The echoed challenge with a second `data` field inside. The device's signature does not verify.
pub fn with_second_data_in_challenge(
    response: &[u8],
    challenge_data: &[u8],
) -> Result<Vec<u8>, ForgeError> {
    change_data(response, |data| {
        // Protobuf merges repeated messages: a second challenge message with only this field inside
        // is the same as a second field inside the first, and shorter to write.
        Ok(with_field(data, 1, &with_field(&[], 1, challenge_data)))
    })
}

/// A response whose last signature bit is flipped.
pub fn with_tampered_signature(response: &[u8]) -> Result<Vec<u8>, ForgeError> {
    let mut signed = SignedData::decode(response)?;
    flip_last(signed.signature.as_mut())?;
    Ok(signed.encode_to_vec())
}

/// A response whose encrypted part has one bit flipped: neither MAC nor signature verify.
pub fn with_tampered_key_info(response: &[u8]) -> Result<Vec<u8>, ForgeError> {
    change_data(response, |data| {
        let mut inner = ChallengeResponse::decode(data)?;
        let sealed = inner.encrypted_key_info.as_mut().ok_or(ForgeError)?;
        flip_last(sealed.encrypted_data.as_mut())?;
        Ok(inner.encode_to_vec())
    })
}

/// A response that claims to answer another challenge. Its signature does not verify.
pub fn with_foreign_challenge(response: &[u8], challenge: &[u8]) -> Result<Vec<u8>, ForgeError> {
    change_data(response, |data| {
        let mut inner = ChallengeResponse::decode(data)?;
        inner.challenge = Some(SignedData::decode(challenge)?);
        Ok(inner.encode_to_vec())
    })
}

/// A response without the challenge that it answers.
pub fn without_challenge(response: &[u8]) -> Result<Vec<u8>, ForgeError> {
    change_data(response, |data| {
        let mut inner = ChallengeResponse::decode(data)?;
        inner.challenge = None;
        Ok(inner.encode_to_vec())
    })
}

/// A response without its signature, as Chrome browser without a key sends.
pub fn without_signature(response: &[u8]) -> Result<Vec<u8>, ForgeError> {
    let mut signed = SignedData::decode(response)?;
    signed.signature = None;
    Ok(signed.encode_to_vec())
}

/// The first `length` bytes.
#[must_use]
pub fn truncated(response: &[u8], length: usize) -> Vec<u8> {
    response.iter().take(length).copied().collect()
}

/// A well-formed response to a genuine challenge by somebody without any attested key: random bytes
/// where key info and signature would be. Cheap enough to make thousands.
pub fn fabricated(challenge: &[u8]) -> Result<Vec<u8>, ForgeError> {
    let response = ChallengeResponse {
        challenge: Some(SignedData::decode(challenge)?),
        nonce: Some(entropy::bytes::<20>()?.to_vec()),
        encrypted_key_info: Some(EncryptedData {
            wrapped_key: Some(entropy::bytes::<256>()?.to_vec()),
            iv: Some(entropy::bytes::<16>()?.to_vec()),
            mac: Some(entropy::bytes::<64>()?.to_vec()),
            encrypted_data: Some(entropy::bytes::<1024>()?.to_vec()),
            wrapping_key_id: Some(entropy::bytes::<5>()?.to_vec()),
        }),
    };
    let signed = SignedData {
        data: Some(response.encode_to_vec()),
        signature: Some(entropy::bytes::<256>()?.to_vec()),
    };
    Ok(signed.encode_to_vec())
}

/// A challenge in the right shape, signed by a key that is nobody's.
pub fn challenge_of_a_stranger(timestamp_ms: i64) -> Result<Vec<u8>, ForgeError> {
    let challenge = Challenge {
        prefix: Some(CHALLENGE_PREFIX.to_owned()),
        nonce: Some(entropy::bytes::<32>()?.to_vec()),
        timestamp: Some(timestamp_ms),
    };
    let data = challenge.encode_to_vec();
    let signature = SigningKey::generate(KeyAlgorithm::Ecdsa)?.sign(&data)?;
    let signed = SignedData {
        data: Some(data),
        signature: Some(signature),
    };
    Ok(signed.encode_to_vec())
}

/// The message with one more length-delimited field at its end.
fn with_field(message: &[u8], number: u32, value: &[u8]) -> Vec<u8> {
    let mut forged = message.to_vec();
    push_varint(&mut forged, u64::from(number) << 3 | 2);
    push_varint(&mut forged, value.len() as u64);
    forged.extend_from_slice(value);
    forged
}

fn change_data(
    response: &[u8],
    change: impl FnOnce(&[u8]) -> Result<Vec<u8>, ForgeError>,
) -> Result<Vec<u8>, ForgeError> {
    let mut signed = SignedData::decode(response)?;
    signed.data = Some(change(signed.data())?);
    Ok(signed.encode_to_vec())
}

fn flip_last(bytes: Option<&mut Vec<u8>>) -> Result<(), ForgeError> {
    let last = bytes.and_then(|bytes| bytes.last_mut()).ok_or(ForgeError)?;
    *last ^= 1;
    Ok(())
}
