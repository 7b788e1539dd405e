#![allow(clippy::unwrap_used, reason = "a test may fail")]

use super::*;
use crate::ca::fixtures::{Bench, NOW, authorities, authorities_for, request, serial};
use crate::ca::signer::SignatureAlgorithm;
use crate::ca::signer::software::SoftwareKey;

fn key() -> SoftwareKey {
    SoftwareKey::generate(SignatureAlgorithm::default()).unwrap()
}

#[tokio::test]
async fn openssl_sees_two_tiers_that_can_do_one_thing() {
    for algorithm in SignatureAlgorithm::ALL {
        let authorities = authorities(algorithm).await;
        let bench = Bench::new();
        bench.put("root.pem", authorities.root.pem());
        bench.put("issuing.pem", authorities.issuing.pem());
        bench.must(&format!(
            "verify -x509_strict -no-CApath -no-CAstore -attime {} -CAfile root.pem issuing.pem",
            NOW.minus(BACKDATED).0
        ));
        let shown = bench.must("x509 -in issuing.pem -noout -text");
        for line in [
            "Issuer: O = Example, OU = \"vaca test issuer, not for production\", CN = Example Root CA",
            "Subject: O = Example, OU = \"vaca test issuer, not for production\", CN = Example Issuing CA",
            "Basic Constraints: critical\n                CA:TRUE, pathlen:0",
            "Key Usage: critical\n                Certificate Sign, CRL Sign",
            "Extended Key Usage: \n                TLS Web Client Authentication, OCSP Signing",
        ] {
            assert!(shown.contains(line), "no {line} in {shown}");
        }
    }
}

#[tokio::test]
async fn only_a_test_issuer_says_that_it_is_one() {
    let algorithm = SignatureAlgorithm::default();
    let google = authorities_for(algorithm, Endpoint::Google, ISSUING_LIFETIME).await;
    assert_eq!(google.root.endpoint(), Endpoint::Google);
    assert_eq!(google.issuing.endpoint(), Endpoint::Google);
    let test = authorities(algorithm).await;
    assert_eq!(test.root.endpoint(), Endpoint::Test);
    assert_eq!(test.issuing.endpoint(), Endpoint::Test);
}

#[tokio::test]
async fn an_issuing_ca_is_of_its_roots_kind_and_life() {
    let authorities = authorities(SignatureAlgorithm::default()).await;
    let (root, root_key, key) = (&authorities.root, &authorities.root_key, key());
    let prepare = |endpoint, now, lifetime| {
        let owner = Owner::new("Example", endpoint).unwrap();
        let request = request(key.spki_der(), serial(3), lifetime);
        prepare_issuing(&owner, root, root_key, request, now)
    };
    let refused = prepare(Endpoint::Google, NOW, ISSUING_LIFETIME).unwrap_err();
    assert!(matches!(refused, CeremonyError::Rule(_)), "{refused}");

    let long = prepare(Endpoint::Test, NOW, 2 * ROOT_LIFETIME).unwrap();
    assert_eq!(long.validity().not_after, root.not_after());
    let late = root.not_after().minus(60);
    let refused = prepare(Endpoint::Test, late, ISSUING_LIFETIME).unwrap_err();
    assert_eq!(refused.code(), ProblemCode::IssuerExpiring);

    let prepared = prepare(Endpoint::Test, NOW, ISSUING_LIFETIME).unwrap();
    let refused = prepared.sign(&key).await.unwrap_err();
    assert!(matches!(refused, CeremonyError::OtherKey), "{refused}");
}

#[tokio::test]
async fn a_root_that_outlives_2049_is_dated_as_the_rfc_wants() {
    let (owner, key) = (Owner::new("Example", Endpoint::Test).unwrap(), key());
    let root = prepare_root(&owner, &key, serial(4), NOW, 2 * ROOT_LIFETIME).unwrap();
    let root = root.sign(&key).await.unwrap();
    let bench = Bench::new();
    bench.put("root.pem", root.pem());
    let shown = bench.must("asn1parse -in root.pem");
    assert!(shown.contains("UTCTIME           :261121"), "{shown}");
    assert!(shown.contains("GENERALIZEDTIME   :2066"), "{shown}");
}

#[test]
fn an_organisation_is_never_truncated() {
    let endpoint = Endpoint::Google;
    assert!(Owner::new(&"a".repeat(53), endpoint).is_ok());
    assert!(Owner::new("Žižkov & Söhne, s.r.o.", endpoint).is_ok());
    for unverified in ["", " ", " Example", "Exa\nmple", &"a".repeat(54)] {
        let refused = Owner::new(unverified, endpoint).unwrap_err();
        assert!(matches!(refused, CeremonyError::Organisation));
    }
}
