#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use proptest::prelude::*;
use prost::Message;

use super::*;

#[derive(Clone, PartialEq, Message)]
struct SignedData {
    #[prost(bytes = "vec", tag = "1")]
    data: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    signature: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct ChallengeResponse {
    #[prost(message, optional, tag = "1")]
    challenge: Option<SignedData>,
    #[prost(bytes = "vec", tag = "2")]
    nonce: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    encrypted_key_info: Vec<u8>,
}

fn signed(data: Vec<u8>) -> SignedData {
    SignedData {
        data,
        signature: b"signature".to_vec(),
    }
}

fn inner(challenge: &[u8]) -> ChallengeResponse {
    ChallengeResponse {
        challenge: Some(signed(challenge.to_vec())),
        nonce: b"nonce".to_vec(),
        encrypted_key_info: b"key info".to_vec(),
    }
}

fn response(challenge: &[u8]) -> Vec<u8> {
    signed(inner(challenge).encode_to_vec()).encode_to_vec()
}

/// What another protobuf parser, with its last-one-wins, takes for the challenge.
fn as_prost_reads_it(bytes: &[u8]) -> Option<Vec<u8>> {
    let outer = SignedData::decode(bytes).ok()?;
    let inner = ChallengeResponse::decode(outer.data.as_slice()).ok()?;
    Some(inner.challenge?.data)
}

#[test]
fn the_challenge_is_found_and_the_bytes_are_kept() {
    let bytes = response(b"challenge");
    let parsed = UnverifiedResponse::parse(bytes.clone()).unwrap();
    assert_eq!(parsed.bytes(), bytes);
    assert_eq!(parsed.digest().0, sha256(&bytes));
    assert_eq!(parsed.challenge().0, sha256(b"challenge"));
}

#[test]
fn each_field_stands_once_in_each_of_the_three_messages() {
    let outer = signed(inner(b"challenge").encode_to_vec());
    let doubled = [
        [outer.encode_to_vec(), outer.encode_to_vec()].concat(),
        [
            SignedData {
                data: response(b"other"),
                signature: Vec::new(),
            }
            .encode_to_vec(),
            outer.encode_to_vec(),
        ]
        .concat(),
        signed(
            [
                inner(b"challenge").encode_to_vec(),
                ChallengeResponse {
                    challenge: Some(signed(b"other".to_vec())),
                    ..ChallengeResponse::default()
                }
                .encode_to_vec(),
            ]
            .concat(),
        )
        .encode_to_vec(),
    ];
    for bytes in doubled {
        let refused = UnverifiedResponse::parse(bytes).unwrap_err();
        assert!(refused.to_string().contains("stands twice"), "{refused}");
    }
}

#[test]
fn each_field_is_needed() {
    let whole = inner(b"challenge");
    let lacking = [
        ChallengeResponse {
            challenge: None,
            ..whole.clone()
        },
        ChallengeResponse {
            nonce: Vec::new(),
            ..whole.clone()
        },
        ChallengeResponse {
            encrypted_key_info: Vec::new(),
            ..whole.clone()
        },
        inner(b""),
    ];
    for inner in lacking {
        let bytes = signed(inner.encode_to_vec()).encode_to_vec();
        assert!(UnverifiedResponse::parse(bytes).is_err(), "{inner:?}");
    }
    let unsigned = SignedData {
        data: whole.encode_to_vec(),
        signature: Vec::new(),
    };
    assert!(UnverifiedResponse::parse(unsigned.encode_to_vec()).is_err());
    assert!(UnverifiedResponse::parse(Vec::new()).is_err());
}

#[test]
fn every_truncation_is_refused() {
    let bytes = response(b"challenge");
    for length in 0..bytes.len() {
        let truncated = bytes.iter().copied().take(length).collect();
        assert!(UnverifiedResponse::parse(truncated).is_err(), "{length}");
    }
}

#[test]
fn a_long_one_is_not_looked_at() {
    let mut long = inner(b"challenge");
    long.encrypted_key_info = vec![7; RESPONSE_MAX];
    assert_eq!(
        UnverifiedResponse::parse(signed(long.encode_to_vec()).encode_to_vec()),
        Err(MalformedResponse::TooLong)
    );
}

#[test]
fn the_bytes_are_not_in_the_log() {
    let parsed = UnverifiedResponse::parse(response(b"challenge")).unwrap();
    assert_eq!(
        format!("{parsed:?}"),
        format!("UnverifiedResponse({:?})", parsed.digest())
    );
}

/// Pieces that, strung together, often look like a response with one thing wrong.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(response(b"one")),
        Just(signed(b"two".to_vec()).encode_to_vec()),
        Just(inner(b"three").encode_to_vec()),
        proptest::collection::vec(any::<u8>(), 0..12),
    ]
}

fn wrap(pieces: &[Vec<u8>]) -> Vec<u8> {
    signed(pieces.concat()).encode_to_vec()
}

proptest! {
    #[test]
    fn never_panics_and_agrees_with_prost(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(parsed) = UnverifiedResponse::parse(bytes.clone()) {
            prop_assert_eq!(parsed.challenge().0, sha256(&as_prost_reads_it(&bytes).unwrap()));
        }
    }

    #[test]
    fn what_is_accepted_reads_the_same_to_prost(
        inside in proptest::collection::vec(piece(), 0..3),
        before in piece(),
        after in piece(),
        flip in any::<(prop::sample::Index, u8)>(),
    ) {
        let mut bytes = [before, wrap(&inside), after].concat();
        for candidate in [bytes.clone(), wrap(&[inner(b"x").encode_to_vec(), inside.concat()])] {
            if let Ok(parsed) = UnverifiedResponse::parse(candidate.clone()) {
                let prost = as_prost_reads_it(&candidate);
                prop_assert_eq!(Some(parsed.challenge().0), prost.map(|data| sha256(&data)));
            }
        }
        let at = flip.0.index(bytes.len());
        bytes[at] ^= flip.1;
        if let Ok(parsed) = UnverifiedResponse::parse(bytes.clone()) {
            let prost = as_prost_reads_it(&bytes);
            prop_assert_eq!(Some(parsed.challenge().0), prost.map(|data| sha256(&data)));
        }
    }

    #[test]
    fn one_changed_octet_never_gives_a_challenge_that_prost_reads_otherwise(
        challenge in proptest::collection::vec(any::<u8>(), 1..80),
        at in any::<prop::sample::Index>(),
        bits in 1_u8..,
    ) {
        let mut bytes = response(&challenge);
        let genuine = UnverifiedResponse::parse(bytes.clone()).unwrap();
        prop_assert_eq!(genuine.challenge().0, sha256(&challenge));
        let at = at.index(bytes.len());
        bytes[at] ^= bits;
        if let Ok(parsed) = UnverifiedResponse::parse(bytes.clone()) {
            prop_assert_ne!(parsed.digest(), genuine.digest());
            let prost = as_prost_reads_it(&bytes);
            prop_assert_eq!(Some(parsed.challenge().0), prost.map(|data| sha256(&data)));
        }
    }
}

/// A response that a Chromebook once made (`VACA_CAPTURES`; not part of this repository).
#[test]
fn a_genuine_response_is_read() {
    let folder = std::env::var("VACA_CAPTURES").unwrap_or_else(|_| "../shared/data".to_owned());
    let file = std::path::Path::new(&folder).join("chromeos-user-challenge-response.bin");
    let Ok(bytes) = std::fs::read(&file) else {
        println!("skipped: no captures in {folder} (VACA_CAPTURES)");
        return;
    };
    let parsed = UnverifiedResponse::parse(bytes.clone()).unwrap();
    assert_eq!(
        Some(parsed.challenge().0),
        as_prost_reads_it(&bytes).map(|data| sha256(&data))
    );
    let doubled = [bytes.clone(), bytes].concat();
    assert!(UnverifiedResponse::parse(doubled).is_err());
}
