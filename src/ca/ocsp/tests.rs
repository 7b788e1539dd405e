#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use der::asn1::{Any, BitString, GeneralizedTime, OctetString};
use der::{Decode as _, Encode as _, Tag};
use proptest::prelude::*;

use crate::ca::fixtures::{Bench, NOW, TestAuthorities, authorities, authorities_for, serial};
use crate::ca::lint::leaf::Leaf;
use crate::ca::ocsp::request::{CERTIFICATES_MAX, Malformed, NONCE_MAX};
use crate::ca::ocsp::signer::{LIFETIME, RESPONSE_LIFETIME, SignerError};
use crate::ca::ocsp::{CertificateStatus, IssuerHashes, Request, ResponseSigner, lint};
use crate::ca::signer::{SignatureAlgorithm, Signer as _};
use crate::model::endpoint::Endpoint;
use crate::model::revocation::{Revocation, RevocationReason};

async fn signer(authorities: &TestAuthorities) -> ResponseSigner {
    let issuer = authorities.issuer();
    let prepared = issuer.prepare_response_signer(serial(5), NOW).unwrap();
    issuer.sign_response_signer(prepared).await.unwrap()
}

/// A folder with the CA's certificates and a client's certificate of this number.
fn bench(authorities: &TestAuthorities) -> Bench {
    let bench = Bench::new();
    bench.put("root.pem", authorities.root.pem());
    bench.put("issuing.pem", authorities.issuing.pem());
    bench
}

/// A request of `openssl`'s; `more` such as `-sha256`.
fn asked(bench: &Bench, more: &str) -> Vec<u8> {
    let number = serial(7);
    bench.must(&format!(
        "ocsp {more} -issuer issuing.pem -serial 0x{number} -reqout request.der"
    ));
    std::fs::read(bench.path("request.der")).unwrap()
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head = match content.len() {
        0..128 => vec![tag, length[1]],
        128..256 => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    [head, content.to_vec()].concat()
}

/// A request for so many certificates of nobody's, with these extensions.
fn request(certificates: usize, extensions: &[Vec<u8>]) -> Vec<u8> {
    let algorithm = tlv(0x30, &tlv(0x06, &[0x2b, 0x0e, 0x03, 0x02, 0x1a]));
    let hashes = [tlv(0x04, &[1; 20]), tlv(0x04, &[2; 20])].concat();
    let id = tlv(0x30, &[algorithm, hashes, tlv(0x02, &[0x01; 16])].concat());
    let list = tlv(0x30, &tlv(0x30, &id).repeat(certificates));
    let extensions = match extensions {
        [] => Vec::new(),
        some => tlv(0xa2, &tlv(0x30, &some.concat())),
    };
    tlv(0x30, &tlv(0x30, &[list, extensions].concat()))
}

fn extension(last_arc: u8, critical: bool, value: &[u8]) -> Vec<u8> {
    let oid = tlv(0x06, &[0x2b, 6, 1, 5, 5, 7, 0x30, 1, last_arc]);
    let critical = if critical {
        tlv(0x01, &[0xff])
    } else {
        Vec::new()
    };
    tlv(0x30, &[oid, critical, tlv(0x04, value)].concat())
}

fn nonce(octets: &[u8]) -> Vec<u8> {
    extension(2, false, &tlv(0x04, octets))
}

#[tokio::test]
async fn openssl_asks_and_believes_what_is_answered() {
    for algorithm in SignatureAlgorithm::ALL {
        let authorities = authorities(algorithm).await;
        let hashes = IssuerHashes::of(&authorities.issuing).unwrap();
        let signer = signer(&authorities).await;
        let bench = bench(&authorities);
        let at = |reason| {
            let at = NOW.minus(60);
            CertificateStatus::Revoked(Revocation { reason, at })
        };
        for (digest, status, said) in [
            ("-sha1", CertificateStatus::Good, ": good"),
            ("-sha256", CertificateStatus::Unknown, ": unknown"),
            ("-sha1", at(RevocationReason::Unspecified), ": revoked"),
            (
                "-sha256",
                at(RevocationReason::KeyCompromise),
                "Reason: keyCompromise",
            ),
            ("-sha1", at(RevocationReason::PrivilegeWithdrawn), "Reason:"),
        ] {
            let request = Request::parse(&asked(&bench, digest)).unwrap();
            let [id] = request.certificates.as_slice() else {
                unreachable!("one was asked for")
            };
            assert!(hashes.names(id));
            assert_eq!(id.serial(), Some(serial(7)));
            let nonce = request.nonce.as_ref();
            assert!(nonce.is_some());
            let response = signer.respond(&[(id, status)], nonce, NOW).await.unwrap();
            bench.put("response.der", &response.der);
            let text = bench.must(&format!(
                "ocsp {digest} -no_nonce -issuer issuing.pem -serial 0x{} -reqin request.der -respin response.der \
                 -CAfile root.pem -validity_period 1000000000 -attime {}",
                serial(7),
                NOW.0
            ));
            assert!(text.contains("Response verify OK"), "{text}");
            assert!(text.contains(said), "{text}");
            assert!(!text.contains("WARNING: no nonce"), "{text}");
            assert!(!text.contains("Reason: unspecified"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_signers_certificate_is_for_that_and_nothing_else() {
    let authorities = authorities(SignatureAlgorithm::default()).await;
    let signer = signer(&authorities).await;
    assert_eq!(signer.validity().not_after, NOW.plus(LIFETIME));
    assert_eq!(signer.validity().renew_after, NOW.plus(LIFETIME / 2));
    assert!(signer.is_valid(NOW) && !signer.is_valid(NOW.plus(LIFETIME)));
    let bench = bench(&authorities);
    bench.put("signer.der", signer.certificate_der());
    bench.must("x509 -inform DER -in signer.der -out signer.pem");
    let verify = "verify -x509_strict -CAfile root.pem -untrusted issuing.pem -attime";
    bench.must(&format!(
        "{verify} {} -purpose ocsphelper signer.pem",
        NOW.0
    ));
    let (accepted, _) = bench.openssl(&format!("{verify} {} -purpose sslclient signer.pem", NOW.0));
    assert!(!accepted, "a signer is no client");
    let text = bench.must("x509 -in signer.pem -noout -text -nameopt RFC2253");
    for said in [
        "CN=OCSP Signer,OU=vaca test issuer\\, not for production,O=Example",
        "OCSP Signing",
        "OCSP No Check",
        "Digital Signature",
        "CA:FALSE",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[tokio::test]
async fn an_answer_ends_with_its_signer() {
    let authorities = authorities(SignatureAlgorithm::default()).await;
    let signer = signer(&authorities).await;
    let request = Request::parse(&request(1, &[])).unwrap();
    let answers = [(&request.certificates[0], CertificateStatus::Unknown)];
    let respond = async |now| signer.respond(&answers, None, now).await.unwrap();
    let response = respond(NOW).await;
    assert_eq!(response.next_update, NOW.plus(RESPONSE_LIFETIME));
    let last = respond(NOW.plus(LIFETIME - 60)).await;
    assert_eq!(last.next_update, NOW.plus(LIFETIME));
}

#[tokio::test]
async fn what_is_not_exactly_a_signers_certificate_is_not_signed() {
    let authorities = authorities(SignatureAlgorithm::default()).await;
    let issuer = authorities.issuer();
    let prepared = issuer.prepare_response_signer(serial(5), NOW).unwrap();
    let tbs = prepared.tbs().to_vec();
    let read = x509_cert::certificate::TbsCertificate::from_der(&tbs).unwrap();
    let spki_der = read.subject_public_key_info().to_der().unwrap();
    let expected = Leaf {
        issuing: &authorities.issuing,
        algorithm: authorities.issuing_key.algorithm(),
        serial: serial(5),
        spki_der: &spki_der,
        validity: prepared.validity(),
        now: NOW,
    };
    assert_eq!(lint::lint(&tbs, &expected), Ok(()));
    for position in 0..tbs.len() {
        for bit in 0..8 {
            let mut flipped = tbs.clone();
            flipped[position] ^= 1 << bit;
            let found = lint::lint(&flipped, &expected);
            assert!(found.is_err(), "bit {bit} of octet {position}");
        }
    }
    let late = Leaf {
        now: NOW.plus(1000),
        ..expected
    };
    assert!(lint::lint(&tbs, &late).is_err());
}

#[tokio::test]
async fn no_signer_outside_the_issuers_life_or_of_another_issuer() {
    let lifetime = 2 * 24 * 60 * 60;
    let short = authorities_for(SignatureAlgorithm::default(), Endpoint::Test, lifetime).await;
    let issuer = short.issuer();
    let prepared = issuer.prepare_response_signer(serial(5), NOW).unwrap();
    assert_eq!(prepared.validity().not_after, issuer.not_after());
    for outside in [issuer.not_after(), issuer.not_before().minus(1)] {
        let refused = issuer.prepare_response_signer(serial(5), outside);
        assert!(matches!(refused, Err(SignerError::IssuerNotValid)));
    }
    let other = authorities(SignatureAlgorithm::default()).await;
    let refused = other.issuer().sign_response_signer(prepared).await;
    assert!(matches!(refused, Err(SignerError::OtherIssuer)));
}

#[tokio::test]
async fn an_issuer_is_known_by_name_and_key_together() {
    let (ours, other) = (
        authorities(SignatureAlgorithm::default()).await,
        authorities(SignatureAlgorithm::default()).await,
    );
    // Both have the same name.
    let [ours, other] =
        [ours, other].map(|of| (bench(&of), IssuerHashes::of(&of.issuing).unwrap()));
    for digest in ["-sha1", "-sha256", "-sha384"] {
        let id = |bench| {
            Request::parse(&asked(bench, digest))
                .unwrap()
                .certificates
                .remove(0)
        };
        let known = digest != "-sha384";
        assert_eq!(ours.1.names(&id(&ours.0)), known, "{digest}");
        assert!(!ours.1.names(&id(&other.0)), "{digest}");
        assert_eq!(other.1.names(&id(&other.0)), known, "{digest}");
    }
}

#[test]
fn requests_are_bounded() {
    for (certificates, read) in [(0, false), (1, true), (CERTIFICATES_MAX, true)] {
        let parsed = Request::parse(&request(certificates, &[]));
        assert_eq!(parsed.is_ok(), read, "{certificates}");
        let count = parsed.map_or(0, |request| request.certificates.len());
        assert_eq!(count, if read { certificates } else { 0 });
    }
    let bound = Malformed("a request names 1 to 64 certificates");
    for many in [CERTIFICATES_MAX + 1, 700] {
        assert_eq!(Request::parse(&request(many, &[])), Err(bound));
    }
}

#[test]
fn a_nonce_has_one_to_128_octets_and_comes_once() {
    for length in [1, 8, 16, 32, NONCE_MAX] {
        let octets = vec![7; length];
        let parsed = Request::parse(&request(1, &[nonce(&octets)])).unwrap();
        assert_eq!(parsed.nonce.unwrap().as_bytes(), octets);
    }
    for refused in [
        vec![nonce(&[])],
        vec![nonce(&[7; NONCE_MAX + 1])],
        vec![nonce(&[7]), nonce(&[7])],
        // The value itself where its encoding should be.
        vec![extension(2, false, &[7; 16])],
    ] {
        assert!(Request::parse(&request(1, &refused)).is_err());
    }
}

#[test]
fn what_must_be_understood_is() {
    let acceptable_responses = extension(4, false, &[0x30, 0]);
    assert!(Request::parse(&request(1, &[acceptable_responses])).is_ok());
    assert!(Request::parse(&request(1, &[extension(4, true, &[0x30, 0])])).is_err());
    let critical_nonce = extension(2, true, &tlv(0x04, &[7; 16]));
    assert!(Request::parse(&request(1, &[critical_nonce])).is_ok());
}

#[test]
fn a_version_that_is_not_there_yet_is_not_guessed_at() {
    let plain = request(1, &[]);
    let list = &plain[4..];
    let versioned = |version| {
        tlv(
            0x30,
            &tlv(0x30, &[&tlv(0xa0, &[2, 1, version]), list].concat()),
        )
    };
    assert!(Request::parse(&plain).is_ok());
    assert!(Request::parse(&versioned(1)).is_err());
}

/// RFC 6960's structure by other means than the encoder's: times, statuses, the order of what is there.
#[tokio::test]
async fn every_part_of_an_answer_stands_in_its_place() {
    let authorities = authorities(SignatureAlgorithm::default()).await;
    let signer = signer(&authorities).await;
    let request = Request::parse(&request(2, &[nonce(&[9; 32])])).unwrap();
    let ids = &request.certificates;
    let answers = [
        (&ids[0], CertificateStatus::Good),
        (&ids[1], CertificateStatus::Unknown),
    ];
    let nonce = request.nonce.as_ref();
    let response = signer.respond(&answers, nonce, NOW).await.unwrap();
    let basic = {
        let outer = children(&Any::from_der(&response.der).unwrap());
        assert_eq!(outer[0].value(), [0], "successful");
        let bytes = children(&children(&outer[1])[0]);
        Any::from_der(bytes[1].value()).unwrap()
    };
    let [data, _, _, certificates] = children(&basic).try_into().unwrap();
    let certificates = children(&children(&certificates)[0]);
    assert_eq!(certificates[0].to_der().unwrap(), signer.certificate_der());
    assert_eq!(
        certificates[1].to_der().unwrap(),
        authorities.issuing.der().as_ref()
    );
    let [by_key, produced, singles, extensions] = children(&data).try_into().unwrap();
    assert_eq!(by_key.value().len(), 22);
    let time = |any: &Any| {
        any.decode_as::<GeneralizedTime>()
            .unwrap()
            .to_unix_duration()
    };
    assert_eq!(time(&produced), NOW.since_epoch());
    let statuses = children(&singles).into_iter().zip(ids).map(|(single, id)| {
        let [cert_id, status, from, until] = children(&single).try_into().unwrap();
        assert_eq!(cert_id.to_der().unwrap(), id.der());
        assert_eq!(time(&from), NOW.since_epoch());
        let until = time(&children(&until)[0]);
        assert_eq!(until, NOW.plus(RESPONSE_LIFETIME).since_epoch());
        status.to_der().unwrap()
    });
    assert_eq!(statuses.collect::<Vec<_>>(), [[0x80, 0], [0x82, 0]]);
    let echoed = children(&children(&children(&extensions)[0])[0])
        .pop()
        .unwrap();
    let echoed = OctetString::from_der(&echoed.to_der().unwrap()).unwrap();
    assert_eq!(echoed.as_bytes(), tlv(0x04, &[9; 32]));
    BitString::from_der(&children(&basic)[2].to_der().unwrap()).unwrap();
}

fn children(of: &Any) -> Vec<Any> {
    let mut rest = of.value();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (next, behind) = Any::from_der_partial(rest).unwrap();
        found.push(next);
        rest = behind;
    }
    assert_ne!(of.header().tag(), Tag::OctetString);
    found
}

proptest! {
    #[test]
    fn no_octets_are_too_strange_to_be_read(octets in prop::collection::vec(any::<u8>(), 0..400)) {
        Request::parse(&octets).ok();
    }

    #[test]
    fn no_change_to_a_request_breaks_its_bounds(
        certificates in 1..4_usize,
        octets in prop::collection::vec(any::<u8>(), 1..40),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut changed = request(certificates, &[nonce(&octets)]);
        for (index, octet) in changes {
            let position = index.index(changed.len());
            changed[position] = octet;
        }
        if let Ok(request) = Request::parse(&changed) {
            prop_assert!((1..=CERTIFICATES_MAX).contains(&request.certificates.len()));
            let nonce = request.nonce.map_or(1, |nonce| nonce.as_bytes().len());
            prop_assert!((1..=NONCE_MAX).contains(&nonce));
        }
    }
}
