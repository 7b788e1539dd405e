//! The certificate request: read strictly, and proven only where somebody held the key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::asn1::{AnyRef, BitStringRef, Ia5StringRef};
use der::{Decode as _, Encode as _, Sequence};
use spki::AlgorithmIdentifierRef;
use vaca::attestation::{UnverifiedAnswer, VerifiedDevice, judge};
use vaca::csr;
use vaca::csr::key_policy::SupportedKey;
use vaca::csr::spkac::Spkac;
use vaca::model::facts::KeyAlgorithm;

use crate::expected::{CUSTOMER, email, profile};
use crate::sha256;

/// SignedPublicKeyAndChallenge, by its definition.
#[derive(Sequence)]
struct Outer<'a> {
    signed: Inner<'a>,
    algorithm: AlgorithmIdentifierRef<'a>,
    signature: BitStringRef<'a>,
}

/// PublicKeyAndChallenge, by its definition.
#[derive(Sequence)]
struct Inner<'a> {
    spki: AnyRef<'a>,
    challenge: Ia5StringRef<'a>,
}

/// The requests that are good. Nobody who fuzzes holds another key.
const PROVEN: [&[u8]; 4] = [
    include_bytes!("../../../tests/fixtures/csr/rsa-2048.der"),
    include_bytes!("../../../tests/fixtures/csr/rsa-2048-absent-parameters.der"),
    include_bytes!("../../../tests/fixtures/csr/p256.der"),
    include_bytes!("../../../tests/fixtures/csr/p256-null-parameters.der"),
];

/// Checks a certificate request, DER.
///
/// # Panics
/// Where something does not hold.
pub fn spkac(unverified: &[u8]) {
    let by_definition = Outer::from_der(unverified)
        .ok()
        .filter(|outer| !outer.signature.has_unused_bits());
    let parsed = Spkac::parse(unverified);
    assert_eq!(parsed.is_ok(), by_definition.is_some(), "two readings");
    if let (Ok(parsed), Some(outer)) = (parsed, by_definition) {
        assert_eq!(
            parsed.unverified_challenge(),
            outer.signed.challenge.as_str()
        );
        assert_eq!(outer.to_der().as_deref(), Ok(unverified), "two encodings");
        let spki = outer.signed.spki.to_der().expect("what was read");
        read_key(&spki);
    }
    prove(unverified);
}

fn read_key(unverified_spki: &[u8]) {
    let Ok(key) = SupportedKey::read(unverified_spki) else {
        return;
    };
    assert_eq!(key.spki_der(), unverified_spki);
    assert!(unverified_spki.ends_with(key.public_key()));
    has_the_form_that_is_certified(&key);
    if key.refuse_weak().is_ok() && key.algorithm() == KeyAlgorithm::Rsa {
        // SEQUENCE, INTEGER, a zero octet: the modulus begins at octet 9 of RSAPublicKey.
        let modulus = &key.public_key()[9..265];
        for small in 2..752_u32 {
            let rest = |rest: u32, octet: &u8| (rest * 256 + u32::from(*octet)) % small;
            assert_ne!(modulus.iter().fold(0, rest), 0, "divisible by {small}");
        }
    }
}

/// RSA-2048 with the exponent 65537, or a point on P-256: all but the key itself is the same in
/// every key that is certified.
fn has_the_form_that_is_certified(key: &SupportedKey<'_>) {
    let (good, own) = match key.algorithm() {
        KeyAlgorithm::Rsa => (PROVEN[0], 33..289),
        KeyAlgorithm::Ecdsa => (PROVEN[2], 27..91),
    };
    let good = Outer::from_der(good).expect("a request").signed.spki;
    let mut good = good.to_der().expect("what was read");
    assert_eq!(key.spki_der().len(), good.len());
    good[own.clone()].copy_from_slice(&key.spki_der()[own.clone()]);
    assert_eq!(key.spki_der(), good);
    assert!(key.algorithm() == KeyAlgorithm::Ecdsa || good[own.start] >= 0x80);
}

/// Whatever bits are changed, no key is proven but by a request that its holder signed.
fn prove(unverified: &[u8]) {
    let Ok(key) = csr::prove(&device(STANDARD.encode(unverified))) else {
        return;
    };
    let signed = signed(unverified);
    assert!(
        PROVEN.iter().any(|good| self::signed(good) == signed),
        "forged"
    );
    assert!(
        signed
            .windows(key.spki_der().len())
            .any(|part| part == key.spki_der())
    );
    assert_eq!(key.spki_sha256(), &sha256(key.spki_der()));
}

/// The octets under the signature.
fn signed(request: &[u8]) -> Vec<u8> {
    let outer = Outer::from_der(request).expect("a request");
    outer.signed.to_der().expect("what was read")
}

/// A device that Verified Access vouched for, with this request.
fn device(signed_public_key_and_challenge: String) -> VerifiedDevice {
    let answer = UnverifiedAnswer {
        customer_id: CUSTOMER.to_owned(),
        signed_public_key_and_challenge,
        ..UnverifiedAnswer::default()
    };
    judge(answer, &email(), &profile("user", false)).expect("a good answer")
}
