#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use super::*;
use crate::ca::fixtures::{Bench, NOW, TestAuthorities, authorities, serial};
use crate::ca::signer::software::SoftwareKey;
use crate::model::revocation::RevocationReason;

fn update(number: u64) -> CrlUpdate {
    CrlUpdate {
        number: CrlNumber(number),
        this_update: NOW,
        next_update: NOW.plus(ROOT_CRL_LIFETIME),
    }
}

async fn list(
    authorities: &TestAuthorities,
    revoked: &[(SerialNumber, RevocationReason)],
) -> IssuedCrl {
    let mut draft = CrlDraft::new(&authorities.root, &authorities.root_key, update(1)).unwrap();
    for (serial, reason) in revoked {
        let (reason, at) = (*reason, NOW);
        draft.add(*serial, Revocation { reason, at }).unwrap();
    }
    let prepared = draft.prepare().unwrap();
    prepared.sign(&authorities.root_key).await.unwrap()
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
    for reason in RevocationReason::ALL {
        let list = list(&authorities, &[(serial(9), reason), (serial(2), reason)]).await;
        let bench = bench(&authorities, &list);
        let (accepted, shown) = bench.openssl(&verification());
        assert!(!accepted);
        assert!(shown.contains("certificate revoked"), "{shown}");
        // A reason is written out but where there is none.
        let text = bench.must("crl -inform DER -in root.crl -noout -text");
        let written = text.matches("X509v3 CRL Reason Code").count();
        assert_eq!(written, if reason.code() == 0 { 0 } else { 2 }, "{text}");
    }
}

#[tokio::test]
async fn another_key_signs_nothing() {
    let authorities = authorities(SignatureAlgorithm::default()).await;
    let other = SoftwareKey::generate(SignatureAlgorithm::default()).unwrap();
    let root = &authorities.root;
    let refused = CrlDraft::new(root, &other, update(1)).err().unwrap();
    assert!(matches!(refused, CrlError::OtherKey));
    let key = &authorities.root_key;
    let prepared = CrlDraft::new(root, key, update(1)).unwrap();
    let refused = prepared.prepare().unwrap().sign(&other).await.unwrap_err();
    assert!(matches!(refused, CrlError::OtherKey));
    let ended = CrlUpdate {
        next_update: NOW,
        ..update(1)
    };
    let refused = CrlDraft::new(root, key, ended).err().unwrap();
    assert!(matches!(refused, CrlError::Validity));
}

#[tokio::test]
async fn a_list_is_read_with_its_number_and_lines() {
    let authorities = authorities(SignatureAlgorithm::default()).await;
    let lines = [3, 4].map(|seed| (serial(seed), RevocationReason::Superseded));
    let list = list(&authorities, &lines).await;
    let read = ReadCrl::verify(list.der(), &authorities.root).unwrap();
    assert_eq!((read.update(), read.count()), (list.update(), 2));
    assert!(ReadCrl::verify(list.der(), &authorities.issuing).is_err());
    // No octet can be changed without being noticed.
    for place in 0..list.der().len() {
        let mut der = list.der().to_vec();
        der[place] ^= 0x01;
        assert!(ReadCrl::verify(&der, &authorities.root).is_err(), "{place}");
    }
}

#[tokio::test]
async fn what_vanishes_from_a_list_is_found() {
    let authorities = authorities(SignatureAlgorithm::default()).await;
    let line = |seed, reason| (serial(seed), reason);
    let (lost, old) = (
        RevocationReason::KeyCompromise,
        RevocationReason::Superseded,
    );
    let earlier = list(&authorities, &[line(3, lost), line(4, old)]).await;
    let more = [line(4, old), line(5, old), line(3, lost)];
    let more = list(&authorities, &more).await;
    let gone =
        |earlier: &IssuedCrl, later: &IssuedCrl| vanished(earlier.der(), later.der()).unwrap();
    assert_eq!(gone(&earlier, &more), []);
    assert_eq!(gone(&more, &earlier), [serial(5)]);
    let other = list(&authorities, &[line(3, old), line(4, old)]).await;
    assert_eq!(gone(&earlier, &other), [serial(3)]);
    let none = list(&authorities, &[]).await;
    assert_eq!(gone(&earlier, &none), [serial(3), serial(4)]);
    assert_eq!(gone(&none, &earlier), []);
}
