//! A challenge response of genuine shape and size whose secrets are filler: what a Chromebook would
//! encrypt stands in the clear, because only the trusting Verified Access reads it.

use anyhow::Context as _;
use prost::Message as _;
use vaca_emulator::attestation::{
    CHALLENGE_PREFIX, Challenge, ChallengeResponse, EncryptedData, KeyInfo, SignedData,
    VerifiedAccessFlow,
};

/// Length of the certificate chain in a genuine response, in octets.
const CHAIN: usize = 2_900;
/// Length of an RSA-2048 signature or ciphertext, in octets.
const RSA: usize = 256;

/// What a trusting Verified Access hands out: a challenge of the right shape, signed by nobody.
#[must_use]
pub fn challenge(nonce: [u8; 32], now_millis: i64) -> Vec<u8> {
    let challenge = Challenge {
        prefix: Some(CHALLENGE_PREFIX.to_owned()),
        nonce: Some(nonce.to_vec()),
        timestamp: Some(now_millis),
    };
    signed(challenge.encode_to_vec())
}

/// The answer of a user's Chromebook to `challenge`, with this request.
///
/// # Errors
/// Where `challenge` is none.
pub fn respond(challenge: &[u8], spkac: &[u8], email: &str) -> anyhow::Result<Vec<u8>> {
    let key_info = KeyInfo {
        flow_type: Some(VerifiedAccessFlow::EnterpriseUser.into()),
        domain: Some(email.to_owned()),
        device_id: Some(b"2f5e9a5c-9d7b-4b0e-8a51-6c1d0c2f7e11".to_vec()),
        certificate: Some(vec![b'A'; CHAIN]),
        signed_public_key_and_challenge: Some(spkac.to_vec()),
        ..KeyInfo::default()
    };
    let response = ChallengeResponse {
        challenge: Some(SignedData::decode(challenge)?),
        nonce: Some(vec![1; 20]),
        encrypted_key_info: Some(EncryptedData {
            wrapped_key: Some(vec![2; RSA]),
            iv: Some(vec![3; 16]),
            mac: Some(vec![4; 64]),
            encrypted_data: Some(key_info.encode_to_vec()),
            wrapping_key_id: Some(b"VaEnc".to_vec()),
        }),
    };
    Ok(signed(response.encode_to_vec()))
}

/// What [`respond`] put in.
///
/// # Errors
/// Where it is not the answer of a user's Chromebook made by it.
pub fn open(response: &[u8]) -> anyhow::Result<KeyInfo> {
    let signed = SignedData::decode(response)?;
    let response = ChallengeResponse::decode(signed.data())?;
    let key_info = response.encrypted_key_info.context("no key info")?;
    Ok(KeyInfo::decode(key_info.encrypted_data())?)
}

fn signed(data: Vec<u8>) -> Vec<u8> {
    let signed = SignedData {
        data: Some(data),
        signature: Some(vec![5; RSA]),
    };
    signed.encode_to_vec()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use vaca::attestation::{UnverifiedResponse, challenge_digest};
    use vaca::model::challenge::Challenge as Generated;

    use super::*;

    #[test]
    fn the_service_reads_it_and_its_size_is_that_of_a_genuine_one() {
        let challenge = challenge([7; 32], 1_800_000_000_000);
        let spkac = [6; 620];
        let response = respond(&challenge, &spkac, "alice@example.com").unwrap();
        assert!(
            (4_200..4_800).contains(&response.len()),
            "{}",
            response.len()
        );
        let (digest, millis) = challenge_digest(&Generated(challenge)).unwrap();
        assert_eq!(millis, 1_800_000_000_000);
        let read = UnverifiedResponse::parse(response.clone()).unwrap();
        assert_eq!(read.challenge(), digest);
        let key_info = open(&response).unwrap();
        assert_eq!(key_info.domain(), "alice@example.com");
        assert_eq!(key_info.signed_public_key_and_challenge(), spkac);
    }
}
