#![allow(clippy::unwrap_used, reason = "a test may fail")]

use super::*;
use crate::ca::fixtures::{Bench, NOW, TestAuthorities, authorities, serial};
use crate::ca::signer::software::SoftwareKey;

async fn list(authorities: &TestAuthorities, revoked: &[RevokedSerial]) -> IssuedCrl {
    prepare(
        &authorities.root,
        &authorities.root_key,
        CrlNumber(1),
        NOW,
        NOW.plus(ROOT_CRL_LIFETIME),
        revoked,
    )
    .unwrap()
    .sign(&authorities.root_key)
    .await
    .unwrap()
}

fn bench(authorities: &TestAuthorities, list: &IssuedCrl) -> Bench {
    let bench = Bench::new();
    bench.put("root.pem", authorities.root.pem());
    bench.put("issuing.pem", authorities.issuing.pem());
    bench.put("root.crl", list.der());
    bench.must("crl -inform DER -in root.crl -out crl.pem");
    bench
}

fn verification() -> String {
    format!(
        "verify -x509_strict -crl_check -no-CApath -no-CAstore -attime {} -CAfile root.pem -CRLfile crl.pem issuing.pem",
        NOW.0
    )
}

#[tokio::test]
async fn openssl_verifies_an_empty_list_of_every_kind_of_root() {
    for algorithm in SignatureAlgorithm::ALL {
        let authorities = authorities(algorithm).await;
        let bench = bench(&authorities, &list(&authorities, &[]).await);
        let shown = bench.must("crl -inform DER -in root.crl -CAfile root.pem -noout -text");
        for line in ["verify OK", "X509v3 CRL Number", "No Revoked Certificates"] {
            assert!(shown.contains(line), "no {line} in {shown}");
        }
        bench.must(&verification());
    }
}

#[tokio::test]
async fn openssl_finds_a_revoked_issuing_certificate() {
    let authorities = authorities(SignatureAlgorithm::default()).await;
    let revoked = RevokedSerial {
        serial: serial(2),
        revoked_at: NOW,
    };
    let bench = bench(&authorities, &list(&authorities, &[revoked]).await);
    let (accepted, shown) = bench.openssl(&verification());
    assert!(!accepted);
    assert!(shown.contains("certificate revoked"), "{shown}");
}

#[tokio::test]
async fn another_key_signs_nothing() {
    let authorities = authorities(SignatureAlgorithm::default()).await;
    let other = SoftwareKey::generate(SignatureAlgorithm::default()).unwrap();
    let until = NOW.plus(ROOT_CRL_LIFETIME);
    let root = &authorities.root;
    let refused = prepare(root, &other, CrlNumber(1), NOW, until, &[]).unwrap_err();
    assert!(matches!(refused, CrlError::OtherKey));
    let key = &authorities.root_key;
    let prepared = prepare(root, key, CrlNumber(1), NOW, until, &[]).unwrap();
    let refused = prepared.sign(&other).await.unwrap_err();
    assert!(matches!(refused, CrlError::OtherKey));
    let refused = prepare(root, key, CrlNumber(1), NOW, NOW, &[]).unwrap_err();
    assert!(matches!(refused, CrlError::Validity));
}
