#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::ca::fixtures::Bench;
use crate::ca::signer::{SignatureAlgorithm, Signer as _};
use crate::random::SeededRandom;

fn secret() -> Passphrase {
    Passphrase::new("correct horse".to_owned()).unwrap()
}

#[test]
fn a_key_comes_back_and_openssl_reads_it() {
    for algorithm in SignatureAlgorithm::ALL {
        let bench = Bench::new();
        let key = SoftwareKey::generate(algorithm).unwrap();
        let path = bench.path("key.pem");
        create(&path, &key, &secret(), &SeededRandom::new(1)).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let read = open(&path, &secret()).unwrap();
        assert_eq!(read.spki_der(), key.spki_der());
        assert_eq!(read.algorithm(), algorithm);
        bench.must("pkey -in key.pem -passin pass:correct\thorse -pubout -outform DER -out spki");
        let spki = std::fs::read(bench.path("spki")).unwrap();
        assert_eq!(spki, key.spki_der());
    }
}

#[test]
fn the_file_says_how_it_is_encrypted() {
    let bench = Bench::new();
    let key = SoftwareKey::generate(SignatureAlgorithm::default()).unwrap();
    create(
        &bench.path("key.pem"),
        &key,
        &secret(),
        &SeededRandom::new(1),
    )
    .unwrap();
    let shown = bench.must("asn1parse -in key.pem");
    for word in [
        "PBES2",
        "PBKDF2",
        "hmacWithSHA256",
        "aes-256-cbc",
        ":0927C0",
    ] {
        assert!(shown.contains(word), "no {word} in {shown}");
    }
}

#[test]
fn a_key_that_openssl_encrypted_is_read() {
    let bench = Bench::new();
    bench.must(
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -aes-256-cbc -pass pass:tiger -out key.pem",
    );
    let tiger = Passphrase::new("tiger\n".to_owned()).unwrap();
    let key = open(&bench.path("key.pem"), &tiger).unwrap();
    assert_eq!(key.algorithm(), SignatureAlgorithm::EcdsaP384Sha384);
}

#[test]
fn a_file_that_exists_is_never_overwritten() {
    let bench = Bench::new();
    bench.put("key.pem", "precious");
    let key = SoftwareKey::generate(SignatureAlgorithm::default()).unwrap();
    let path = bench.path("key.pem");
    let refused = create(&path, &key, &secret(), &SeededRandom::new(1)).unwrap_err();
    assert!(matches!(refused, KeyFileError::Io(_)), "{refused}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_wrong_passphrase_opens_nothing() {
    let bench = Bench::new();
    bench.must(
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes-256-cbc -pass pass:tiger -out key.pem",
    );
    for wrong in ["Tiger", "tiger "] {
        let wrong = Passphrase::new(wrong.to_owned()).unwrap();
        let refused = open(&bench.path("key.pem"), &wrong).unwrap_err();
        assert!(matches!(refused, KeyFileError::Passphrase), "{refused}");
    }
}

#[test]
fn keys_that_cannot_issue_are_refused() {
    let bench = Bench::new();
    for (arguments, unsupported) in [
        (
            "-algorithm RSA -pkeyopt rsa_keygen_bits:2048 -aes-256-cbc",
            "the key is neither",
        ),
        (
            "-algorithm EC -pkeyopt ec_paramgen_curve:P-521 -aes-256-cbc",
            "the key is neither",
        ),
        ("-algorithm ED25519 -aes-256-cbc", "the key is neither"),
        ("-algorithm ED25519 -aes-128-cbc", "not encrypted with"),
        ("-algorithm ED25519 -des3", "unknown encryption"),
    ] {
        bench.must(&format!(
            "genpkey {arguments} -pass pass:tiger -out key.pem"
        ));
        let tiger = Passphrase::new("tiger".to_owned()).unwrap();
        let refused = open(&bench.path("key.pem"), &tiger).unwrap_err();
        assert!(refused.to_string().contains(unsupported), "{refused}");
    }
    bench.must("genpkey -algorithm ED25519 -out key.pem");
    let refused = open(&bench.path("key.pem"), &secret()).unwrap_err();
    assert!(matches!(refused, KeyFileError::Malformed), "{refused}");
}
