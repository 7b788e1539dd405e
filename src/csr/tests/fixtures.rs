//! Each file of `tests/fixtures/csr` and what becomes of it; how each was made stands beside them.

use std::collections::BTreeSet;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};

use crate::csr::spkac::Spkac;
use crate::csr::tests::{fixture, flipped, prove_der};
use crate::model::facts::KeyAlgorithm;
use crate::model::problem_code::ProblemCode;

const PROVEN: &[(&str, KeyAlgorithm)] = &[
    ("rsa-2048", KeyAlgorithm::Rsa),
    ("rsa-2048-absent-parameters", KeyAlgorithm::Rsa),
    ("p256", KeyAlgorithm::Ecdsa),
    ("p256-null-parameters", KeyAlgorithm::Ecdsa),
];

const NOT_DER: &str = "not a SignedPublicKeyAndChallenge in DER";
const NOT_SIGNED: &str = "the signature does not verify";

const INVALID: &[(&str, &str)] = &[
    ("rsa-2048-trailing-octet", NOT_DER),
    ("rsa-2048-utf8-challenge", NOT_DER),
    ("rsa-2048-unused-bits", NOT_DER),
    ("rsa-2048-long-length", NOT_DER),
    ("p256-trailing-octet", NOT_DER),
    ("rsa-2048-failing-signature", NOT_SIGNED),
    ("p256-failing-signature", NOT_SIGNED),
    ("rsa-2048-sha1", "sha1WithRSAEncryption"),
    ("rsa-2048-md5", "md5WithRSAEncryption"),
    ("p256-sha1", "algorithm 1.2.840.10045.4.1"),
    (
        "p256-other-parameters",
        "parameters of the signature algorithm",
    ),
];

const UNSUPPORTED: &[(&str, &str)] = &[
    ("rsa-1024", "RSA, 1024 bits"),
    ("rsa-3072", "RSA, 3072 bits"),
    ("rsa-2048-e3", "RSA, exponent other than 65537"),
    ("rsa-2048-key-without-null", "RSA without NULL parameters"),
    ("rsa-2048-pss-key", "id-RSASSA-PSS"),
    ("p384", "elliptic curve, secp384r1"),
    ("p256-compressed", "P-256, not an uncompressed point"),
    ("p256-hybrid", "P-256, not an uncompressed point"),
    ("p256-explicit-curve", "elliptic curve without a name"),
    ("p256-beside-the-curve", "not a usable public key"),
];

const WEAK: &[(&str, &str)] = &[
    (
        "rsa-2048-roca",
        "RSA, modulus with the ROCA fingerprint (CVE-2017-15361)",
    ),
    ("rsa-2048-close-primes", "RSA, modulus of two close primes"),
    ("rsa-2048-small-factor", "RSA, modulus with a small factor"),
    ("rsa-2048-even", "RSA, modulus with a small factor"),
];

#[test]
fn good_requests_are_proven() {
    for (name, algorithm) in PROVEN {
        let der = fixture(name);
        let key = prove_der(&der).unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"));
        let request = Spkac::parse(&der).unwrap().signed_request();
        assert_eq!(key.algorithm(), *algorithm, "{name}");
        assert_eq!(key.spki_der(), request.spki_der, "{name}");
        let name_in_the_record = digest(&SHA256, request.spki_der);
        assert_eq!(key.spki_sha256(), name_in_the_record.as_ref(), "{name}");
    }
}

#[test]
fn bad_requests_are_refused_for_their_own_reason() {
    for (code, rows) in [
        (ProblemCode::CertificateRequestInvalid, INVALID),
        (ProblemCode::UnsupportedKey, UNSUPPORTED),
        (ProblemCode::WeakKey, WEAK),
    ] {
        for (name, seen) in rows {
            let refusal = prove_der(&fixture(name)).expect_err(name);
            assert_eq!(refusal.code, code, "{name}: {refusal:?}");
            assert_eq!(refusal.check.seen, *seen, "{name}");
            assert!(!refusal.check.passed, "{name}");
            assert!(!refusal.check.expected.is_empty(), "{name}");
            assert!(!refusal.check.remedy.is_empty(), "{name}");
        }
    }
}

#[test]
fn no_bit_of_a_good_request_may_change() {
    for (name, _) in PROVEN {
        for (bit, der) in flipped(&fixture(name)) {
            assert!(prove_der(&der).is_err(), "{name}, bit {bit}");
        }
    }
}

#[test]
fn no_part_of_a_good_request_is_one() {
    for (name, _) in PROVEN {
        let der = fixture(name);
        for length in 1..der.len() {
            let refusal = prove_der(&der[..length]).expect_err(name);
            assert_eq!(refusal.code, ProblemCode::CertificateRequestInvalid);
        }
    }
}

#[test]
fn every_file_has_its_row() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/csr");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "der"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let rows: BTreeSet<String> = [INVALID, UNSUPPORTED, WEAK]
        .concat()
        .iter()
        .map(|(name, _)| *name)
        .chain(PROVEN.iter().map(|(name, _)| *name))
        .map(str::to_owned)
        .collect();
    assert_eq!(files, rows);
}
