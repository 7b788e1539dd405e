#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::sync::{Arc, LazyLock};

use der::{Decode as _, Encode as _};
use proptest::prelude::*;
use x509_cert::certificate::TbsCertificate;

use super::*;
use crate::ca::fixtures::{
    Bench, DAY, NOW, PROFILE, TestAuthorities, alice, authorities, contents, device, issue, serial,
    user,
};
use crate::ca::signer::{SignatureAlgorithm, Signer, Signing};
use crate::random::SeededRandom;

fn bench(authorities: &TestAuthorities, leaf: &IssuedCertificate) -> Bench {
    let bench = Bench::new();
    bench.put("root.pem", authorities.root.pem());
    bench.put("issuing.pem", authorities.issuing.pem());
    bench.put("leaf.pem", leaf.pem());
    bench
}

#[tokio::test]
async fn openssl_accepts_what_every_kind_of_issuer_signs() {
    for algorithm in SignatureAlgorithm::ALL {
        let authorities = authorities(algorithm).await;
        let leaf = issue(&authorities.issuer(), contents(alice())).await;
        let bench = bench(&authorities, &leaf);
        let seen = bench.must(&format!(
            "verify -x509_strict -purpose sslclient -no-CApath -no-CAstore -attime {} -CAfile root.pem -untrusted issuing.pem leaf.pem",
            NOW.0
        ));
        assert!(seen.contains("leaf.pem: OK"), "{seen}");
        let (accepted, _) = bench.openssl(&format!(
            "verify -purpose sslserver -no-CApath -no-CAstore -attime {} -CAfile root.pem -untrusted issuing.pem leaf.pem",
            NOW.0
        ));
        assert!(!accepted, "a client certificate serves as a server's");
    }
}

#[tokio::test]
async fn a_user_and_a_device_are_told_apart() {
    let authorities = authorities(SignatureAlgorithm::default()).await;
    let issuer = authorities.issuer();
    for (identity, subject, alternative) in [
        (
            alice(),
            "subject=OU = vaca user, CN = alice@example.com",
            "email:alice@example.com",
        ),
        (
            device("1a2b-3c4d"),
            "subject=OU = vaca device, CN = 1a2b-3c4d",
            "URI:https://example.com/device/1a2b-3c4d",
        ),
    ] {
        let leaf = issue(&issuer, contents(identity)).await;
        let seen = bench(&authorities, &leaf)
            .must("x509 -in leaf.pem -noout -subject -ext subjectAltName");
        assert!(seen.contains(subject), "{seen}");
        assert!(seen.contains(alternative), "{seen}");
    }
}

#[tokio::test]
async fn what_is_issued_is_what_was_prepared() {
    let authorities = authorities(SignatureAlgorithm::default()).await;
    let issuer = authorities.issuer();
    let random = SeededRandom::new(3);
    let prepared = issuer
        .prepare_contents(contents(alice()), serial(9), NOW, &random)
        .unwrap();
    let (tbs, validity) = (prepared.tbs().to_vec(), prepared.validity());
    assert_eq!(prepared.issuer_id(), issuer.id());
    assert_eq!(validity.not_before, NOW.minus(300));
    assert_eq!(validity.not_after, NOW.plus(30 * DAY));
    let issued = issuer.sign(prepared, PROFILE).await.unwrap();
    assert_eq!(signed::split(issued.der()).unwrap().tbs, tbs);
    assert_eq!(issued.serial(), serial(9));
    assert_eq!(*issued.sha256(), sha256(issued.der()));
}

#[tokio::test]
async fn what_another_issuer_prepared_is_not_signed() {
    let one = authorities(SignatureAlgorithm::default()).await.issuer();
    let other = authorities(SignatureAlgorithm::default()).await.issuer();
    let prepared = one
        .prepare_contents(contents(alice()), serial(9), NOW, &SeededRandom::new(3))
        .unwrap();
    let refused = other.sign(prepared, PROFILE).await.unwrap_err();
    assert!(matches!(refused, SignError::OtherIssuer));
}

#[tokio::test]
async fn a_profile_that_changed_since_the_intent_stops_the_signature() {
    let issuer = authorities(SignatureAlgorithm::default()).await.issuer();
    let prepared = issuer
        .prepare_contents(contents(alice()), serial(9), NOW, &SeededRandom::new(3))
        .unwrap();
    let changed = ProfileHash([8; 32]);
    let refused = issuer.sign(prepared, changed).await.unwrap_err();
    assert_eq!(refused.code(), ProblemCode::ProfileChanged);
}

fn any_identity() -> impl Strategy<Value = VerifiedIdentity> {
    let label = "[a-z0-9]{1,10}";
    prop_oneof![
        (label, "[a-z0-9._'+-]{1,30}")
            .prop_map(|(label, local)| user(&format!("{local}@{label}.example.com"))),
        "[A-Za-z0-9_-]{1,64}".prop_map(|id| device(&id)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_prepared_certificate_is_its_own_encoding(
        identity in any_identity(),
        seed: u64,
        later in 0..4 * 365 * DAY,
    ) {
        static ISSUER: LazyLock<Issuer> = LazyLock::new(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(authorities(SignatureAlgorithm::default())).issuer()
        });
        let (random, now) = (SeededRandom::new(seed), NOW.plus(later));
        let serial = SerialNumber::draw(now, &random).unwrap();
        let prepared = ISSUER
            .prepare_contents(contents(identity), serial, now, &random)
            .unwrap();
        let read = TbsCertificate::from_der(prepared.tbs()).unwrap();
        prop_assert_eq!(read.to_der().unwrap(), prepared.tbs());
        prop_assert_eq!(read.serial_number().as_bytes(), serial.as_bytes());
        prop_assert!(prepared.validity().renew_after > now);
        prop_assert!(prepared.validity().renew_after < prepared.validity().not_after);
    }
}

/// Says it is the issuing CA's, and signs something else.
#[derive(Debug)]
struct Liar(Arc<dyn Signer>);

impl Signer for Liar {
    fn algorithm(&self) -> SignatureAlgorithm {
        self.0.algorithm()
    }
    fn spki_der(&self) -> &[u8] {
        self.0.spki_der()
    }
    fn sign<'a>(&'a self, _tbs: &'a ToBeSigned) -> Signing<'a> {
        Box::pin(async {
            let other = ToBeSigned::new(b"something else".to_vec());
            self.0.sign(&other).await
        })
    }
}

#[tokio::test]
async fn a_signature_that_does_not_verify_leaves_nothing() {
    let authorities = authorities(SignatureAlgorithm::default()).await;
    let issuer = Issuer::load(
        "issuing",
        authorities.issuing.pem().as_bytes(),
        authorities.root.pem().as_bytes(),
        Arc::new(Liar(authorities.issuing_key.clone())),
        authorities.issuing.endpoint(),
    )
    .unwrap();
    let prepared = issuer
        .prepare_contents(contents(alice()), serial(9), NOW, &SeededRandom::new(3))
        .unwrap();
    let refused = issuer.sign(prepared, PROFILE).await.unwrap_err();
    assert!(matches!(refused, SignError::Reread(_)), "{refused}");
}
