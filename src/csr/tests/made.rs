//! A request maker, independent of the parser: definitions instead of a reader.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use const_oid::db::rfc5912::{ECDSA_WITH_SHA_256, ID_EC_PUBLIC_KEY, SECP_256_R_1};
use der::asn1::{AnyRef, BitStringRef, Ia5StringRef};
use der::{Decode as _, Encode as _, Sequence};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use crate::csr::spkac::Spkac;

#[derive(Sequence)]
struct PublicKeyAndChallenge<'a> {
    spki: AnyRef<'a>,
    challenge: Ia5StringRef<'a>,
}

#[derive(Sequence)]
struct SignedPublicKeyAndChallenge<'a> {
    signed: AnyRef<'a>,
    algorithm: AlgorithmIdentifierRef<'a>,
    signature: BitStringRef<'a>,
}

/// The request whose parts these are, in DER.
fn encode(
    spki_der: &[u8],
    challenge: &str,
    algorithm: AlgorithmIdentifierRef<'_>,
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> Vec<u8> {
    let signed = PublicKeyAndChallenge {
        spki: AnyRef::from_der(spki_der).unwrap(),
        challenge: Ia5StringRef::new(challenge).unwrap(),
    }
    .to_der()
    .unwrap();
    SignedPublicKeyAndChallenge {
        signed: AnyRef::from_der(&signed).unwrap(),
        algorithm,
        signature: BitStringRef::from_bytes(&sign(&signed)).unwrap(),
    }
    .to_der()
    .unwrap()
}

/// Encodes what was read, from its parts.
pub(super) fn encode_again(spkac: &Spkac<'_>) -> Vec<u8> {
    let request = spkac.signed_request();
    encode(
        request.spki_der,
        spkac.unverified_challenge(),
        request.signature_algorithm,
        |signed| {
            assert_eq!(signed, request.signed);
            request.signature.to_vec()
        },
    )
}

/// A request for a fresh P-256 key, as ChromeOS makes them; parameters NULL or absent.
pub(super) fn p256(challenge: &str, null_parameters: bool) -> Vec<u8> {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let spki = SubjectPublicKeyInfoRef {
        algorithm: AlgorithmIdentifierRef {
            oid: ID_EC_PUBLIC_KEY,
            parameters: Some((&SECP_256_R_1).into()),
        },
        subject_public_key: BitStringRef::from_bytes(key.public_key().as_ref()).unwrap(),
    };
    let algorithm = AlgorithmIdentifierRef {
        oid: ECDSA_WITH_SHA_256,
        parameters: null_parameters.then_some(AnyRef::NULL),
    };
    encode(&spki.to_der().unwrap(), challenge, algorithm, |signed| {
        let signature = key.sign(&SystemRandom::new(), signed).unwrap();
        signature.as_ref().to_vec()
    })
}
