//! Whoever asks for one certificate hears how it stands, from a signer that can be believed; whatever is
//! asked.

use std::any::type_name;
use std::net::Ipv4Addr;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sqlx::AssertSqlSafe;
use vaca::clock::Clock as _;
use vaca::model::actor::Actor;
use vaca::model::certificate::IssuerId;
use vaca::model::revocation::RevocationReason;
use vaca::model::serial::{SerialNumber, octets_of};
use vaca::store::certificates::{IntendSigner, Record};
use vaca::store::fate::Fate::{self, Lost, Unconfirmed};
use vaca::store::revocations::{Revoke, Revoked as Outcomes};
use x509_cert::Certificate;

use crate::support::ocsp::{
    By, CertId, GOOD, Outcome, Reply, Revoked, Status, UNKNOWN, id, reason, request, time,
};
use crate::support::openssl::{openssl, run, said};
use crate::support::{Answer, Engine, START, TestCa, eventually, pkilint};

const DAY: i64 = 24 * 60 * 60;

/// The octets of a serial number as it is shown.
fn octets(serial: &str) -> [u8; 16] {
    octets_of(serial).unwrap()
}

/// Issues one certificate.
async fn issued(ca: &TestCa) -> Answer {
    let (_chromebook, response) = ca.alices_response().await;
    let answer = ca.present_alices(&response).await;
    answer.issued();
    answer
}

async fn revoke(ca: &TestCa, serial: &str, why: RevocationReason) {
    let issuer = issuer(ca).await;
    let sql =
        format!("SELECT id FROM certificates WHERE serial = '{serial}' AND issuer_id = '{issuer}'");
    let revoke = Revoke {
        rows: vec![ca.count(AssertSqlSafe(sql)).await],
        reason: why,
        actor: Actor::CommandLine,
        at: ca.clock.now(),
        allowance: None,
    };
    let revoked = ca.store.write(revoke).await.unwrap();
    assert_eq!(revoked, Outcomes::Committed(1));
}

/// The issuing CA's id.
async fn issuer(ca: &TestCa) -> IssuerId {
    let sql = "SELECT issuer_id FROM certificates WHERE kind NOT IN ('root', 'issuing') LIMIT 1";
    IssuerId::parse(&ca.rows(sql).await[0]).unwrap()
}

/// `GET`, with the request in the address as it is given.
async fn get(ca: &TestCa, base: &str, text: &str) -> Reply {
    let request = ca
        .client_at(Ipv4Addr::LOCALHOST)
        .get(format!("{base}/ocsp/{text}"));
    Reply::of(request.send().await.unwrap(), &ca.issuing()).await
}

fn percent_encoded(text: &str) -> String {
    let text = text.replace('+', "%2B").replace('/', "%2F");
    text.replace('=', "%3D")
}

async fn signers(ca: &TestCa) -> Vec<String> {
    ca.rows("SELECT state FROM certificates WHERE kind = 'ocsp' ORDER BY id")
        .await
}

/// Its signer's certificate, as `signer.pem`.
async fn write_signer(reply: &Reply, folder: &Path) {
    std::fs::write(folder.join("signer.der"), &reply.signer).unwrap();
    let written = "x509 -inform DER -in signer.der -out signer.pem";
    openssl(&written.split(' ').collect::<Vec<_>>(), folder).await;
}

#[tokio::test]
async fn openssl_believes_the_responder_by_post_and_get() {
    let ca = TestCa::start().await;
    let folder = ca.folder.path();
    let good = issued(&ca).await;
    let bad = issued(&ca).await;
    revoke(&ca, bad.serial(), RevocationReason::KeyCompromise).await;
    let now = ca.clock.now().0.to_string();
    let (good, bad) = (
        format!("0x{}", good.serial()),
        format!("0x{}", bad.serial()),
    );
    let stranger = "0x01020304050607080910111213141516";
    let url = format!("{}/ocsp", ca.pki);
    for digest in ["-sha1", "-sha256"] {
        for nonce in ["-nonce", "-no_nonce"] {
            let mut arguments = vec!["ocsp", digest, nonce, "-issuer", "issuing/issuing.crt"];
            for serial in [&*good, &*bad, stranger] {
                arguments.extend(["-serial", serial]);
            }
            // Their clock is the machine's, ours is the test's.
            arguments.extend(["-validity_period", "1000000000", "-attime", &now]);
            arguments.extend(["-CAfile", "root.crt", "-url", &url]);
            let text = openssl(&arguments, folder).await;
            assert!(text.contains("Response verify OK"), "{text}");
            assert!(!text.contains("WARNING"), "{text}");
            for said in [
                format!("{good}: good"),
                format!("{bad}: revoked"),
                format!("{stranger}: unknown"),
                "Reason: keyCompromise".to_owned(),
            ] {
                assert!(text.contains(&said), "{said}: {text}");
            }
        }
    }
    // By GET, as openssl's own request says it.
    let make = [
        "ocsp",
        "-no_nonce",
        "-issuer",
        "issuing/issuing.crt",
        "-serial",
        &good,
    ];
    openssl(&[&make[..], &["-reqout", "request.der"]].concat(), folder).await;
    let text = STANDARD.encode(std::fs::read(folder.join("request.der")).unwrap());
    for base in [&ca.pki, &ca.api] {
        let reply = get(&ca, base, &percent_encoded(&text)).await;
        std::fs::write(folder.join("response.der"), &reply.der).unwrap();
        let read = [
            "-respin",
            "response.der",
            "-CAfile",
            "root.crt",
            "-attime",
            &now,
        ];
        let more = ["-validity_period", "1000000000"];
        let text = openssl(&[&make[..], &read, &more].concat(), folder).await;
        assert!(
            text.contains("Response verify OK") && text.contains(": good"),
            "{text}"
        );
    }
    ca.check().await;
}

#[tokio::test]
async fn pkilint_finds_nothing_in_answers_nor_in_the_signers_certificate() {
    let ca = TestCa::start().await;
    let folder = ca.folder.path();
    let certificate = issued(&ca).await;
    let serial = octets(certificate.serial());
    let issuing = ca.issuing();
    let ask = async |by, nonce: Option<&[u8]>| {
        ca.clock.advance(5);
        let reply = ca.ask(request(&[id(&issuing, &serial, by)], nonce)).await;
        std::fs::write(folder.join("response.der"), &reply.der).unwrap();
        pkilint::finds_nothing_in_response("response.der", folder).await;
        reply
    };
    ask(By::Sha1, Some(&[5; 32])).await;
    ask(By::Sha256, None).await;
    revoke(&ca, certificate.serial(), RevocationReason::Superseded).await;
    let reply = ask(By::Sha1, None).await;
    write_signer(&reply, folder).await;
    pkilint::finds_nothing("signer.pem", folder).await;
    let now = ca.clock.now().0.to_string();
    let verify = [
        "verify",
        "-x509_strict",
        "-purpose",
        "ocsphelper",
        "-attime",
        &now,
    ];
    let chain = [
        "-CAfile",
        "root.crt",
        "-untrusted",
        "issuing/issuing.crt",
        "signer.pem",
    ];
    openssl(&[&verify[..], &chain].concat(), folder).await;
    ca.check().await;
}

#[tokio::test]
async fn a_revocation_is_heard_of_at_once_or_within_five_seconds() {
    let ca = TestCa::start().await;
    let certificate = issued(&ca).await;
    let serial = octets(certificate.serial());
    let plain = request(&[id(&ca.issuing(), &serial, By::Sha1)], None);
    let before = ca.ask(plain.clone()).await;
    assert_eq!(before.only().status, GOOD);
    assert_eq!(ca.ask(plain.clone()).await.der, before.der, "said before");
    revoke(
        &ca,
        certificate.serial(),
        RevocationReason::PrivilegeWithdrawn,
    )
    .await;
    let revoked = Status::Revoked(Revoked {
        at: time(START),
        reason: reason(9),
    });
    assert_eq!(
        ca.status(&serial).await,
        revoked,
        "who sends a nonce wants the truth"
    );
    ca.clock.advance(4);
    assert_eq!(ca.ask(plain.clone()).await.der, before.der);
    ca.clock.advance(1);
    let after = ca.ask(plain).await;
    assert_eq!(after.only().status, revoked);
    assert_eq!(after.only().this_update, time(START.plus(5)));
    ca.check().await;
}

#[tokio::test]
async fn every_reason_is_said_as_rfc_5280_numbers_it() {
    let ca = TestCa::start_with(
        |text| {
            text.replace(
                "\"all_verified\"\n",
                "\"all_verified\"\nlive_certificates = 24\nattempts_per_minute = 24\n",
            )
        },
        |options| options,
    )
    .await;
    for why in RevocationReason::ALL {
        let certificate = issued(&ca).await;
        revoke(&ca, certificate.serial(), why).await;
        let expected = Revoked {
            at: time(START),
            reason: reason(why.code()),
        };
        let status = ca.status(&octets(certificate.serial())).await;
        assert_eq!(status, Status::Revoked(expected), "{why}");
    }
    ca.check().await;
}

#[tokio::test]
async fn what_was_not_issued_is_unknown() {
    let ca = TestCa::start().await;
    let certificate = issued(&ca).await;
    let root = ca
        .rows("SELECT serial FROM certificates WHERE kind = 'issuing'")
        .await;
    let drawn = SerialNumber::draw(START, &vaca::random::SystemRandom).unwrap();
    let (issuing, mine) = (octets(&root[0]), octets(certificate.serial()));
    let strangers: [&[u8]; 5] = [
        &issuing,
        drawn.as_bytes(),
        &[0x01],
        &[0x7f; 20],
        &mine[..15],
    ];
    for serial in strangers {
        assert_eq!(ca.status(serial).await, UNKNOWN, "{serial:02x?}");
    }
    assert_eq!(ca.status(&octets(certificate.serial())).await, GOOD);
    // Meant to be signed, and never seen since.
    let intended = format!(
        "UPDATE certificates SET state = 'intended', der = NULL, fingerprint = NULL, closed_at = NULL
         WHERE serial = '{}'",
        certificate.serial()
    );
    let recorded = ca
        .store
        .certificates_by_serial(SerialNumber::parse(certificate.serial()).unwrap());
    let der = recorded.await.unwrap().remove(0).der.unwrap();
    ca.execute(AssertSqlSafe(intended)).await;
    assert_eq!(ca.status(&octets(certificate.serial())).await, UNKNOWN);
    // But where it was revoked all the same, that is said.
    revoke(&ca, certificate.serial(), RevocationReason::KeyCompromise).await;
    let status = ca.status(&octets(certificate.serial())).await;
    assert!(matches!(status, Status::Revoked(_)));
    let put_back = format!(
        "UPDATE certificates SET state = 'issued', der = {}, fingerprint = 1, closed_at = 1
         WHERE serial = '{}'",
        literal(&der),
        certificate.serial()
    );
    ca.execute(AssertSqlSafe(put_back)).await;
    ca.check().await;
}

/// Octets in SQL.
fn literal(octets: &[u8]) -> String {
    let hex = vaca::model::serial::hex(octets);
    match Engine::of_this_run() {
        Engine::Sqlite => format!("x'{hex}'"),
        Engine::Postgres => format!("'\\x{hex}'::bytea"),
    }
}

/// An issuer that is not ours: the same name, another key.
async fn other_issuer(ca: &TestCa) -> Certificate {
    let folder = ca.folder.path();
    let subject = "/O=Example/OU=vaca test issuer, not for production/CN=Example Issuing CA";
    let make = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ];
    let out = [
        "-subj",
        subject,
        "-out",
        "other.crt",
        "-keyout",
        "other.key",
    ];
    openssl(&[&make[..], &out].concat(), folder).await;
    ca.certificate("other.crt")
}

#[tokio::test]
async fn nothing_is_said_for_another_issuer() {
    let ca = TestCa::start().await;
    let certificate = issued(&ca).await;
    let serial = octets(certificate.serial());
    let (issuing, root) = (ca.issuing(), ca.certificate("root.crt"));
    let other = other_issuer(&ca).await;
    let ours = id(&issuing, &serial, By::Sha1);
    let root_serial = issuing
        .tbs_certificate()
        .serial_number()
        .as_bytes()
        .to_vec();
    let crossed = CertId {
        key_hash: id(&other, &serial, By::Sha1).key_hash,
        ..ours.clone()
    };
    let unknown_digest = CertId {
        hash_algorithm: spki::AlgorithmIdentifierOwned {
            oid: const_oid::db::rfc5912::ID_SHA_512,
            parameters: None,
        },
        ..ours.clone()
    };
    let mislabelled = CertId {
        hash_algorithm: id(&issuing, &serial, By::Sha256).hash_algorithm,
        ..ours.clone()
    };
    let strangers = [
        // The root's key is elsewhere, and has certified no signer: its CRL tells of the issuing CA.
        id(&root, &root_serial, By::Sha1),
        id(&other, &serial, By::Sha256),
        crossed,
        unknown_digest,
        mislabelled,
    ];
    for stranger in &strangers {
        let alone = ca.ask(request(std::slice::from_ref(stranger), None)).await;
        assert_eq!(alone.outcome, Outcome::Unauthorized, "{stranger:?}");
        // Beside one of ours it is not the signer's to say.
        for ids in [
            [stranger.clone(), ours.clone()],
            [ours.clone(), stranger.clone()],
        ] {
            let reply = ca.ask(request(&ids, None)).await;
            assert_eq!(reply.outcome, Outcome::Successful);
            for (asked, answered) in ids.iter().zip(&reply.answers) {
                assert_eq!(answered.id, *asked);
                let expected = if *asked == ours { GOOD } else { UNKNOWN };
                assert_eq!(answered.status, expected, "{asked:?}");
            }
        }
    }
    assert_eq!(signers(&ca).await, ["issued"]);
    ca.check().await;
}

#[tokio::test]
async fn what_is_no_request_is_told_so_and_signs_nothing() {
    let ca = TestCa::start().await;
    let certificate = issued(&ca).await;
    let serial = octets(certificate.serial());
    let ours = id(&ca.issuing(), &serial, By::Sha1);
    let genuine = request(std::slice::from_ref(&ours), None);
    let many = |count| request(&vec![ours.clone(); count], None);
    let small = CertId {
        name_hash: der::asn1::OctetString::new([1]).unwrap(),
        key_hash: der::asn1::OctetString::new([2]).unwrap(),
        ..ours.clone()
    };
    let thousand = request(&vec![small; 1000], None);
    assert!(thousand.len() < 64 * 1024);
    for garbage in [
        Vec::new(),
        b"Hello?".to_vec(),
        vec![0x30; 64 * 1024],
        vec![0; 1024 * 1024],
        genuine[..genuine.len() - 1].to_vec(),
        [&genuine[..], &[0]].concat(),
        many(0),
        many(65),
        many(1000),
        thousand,
        request(std::slice::from_ref(&ours), Some(&[])),
        request(std::slice::from_ref(&ours), Some(&[1; 129])),
    ] {
        let size = garbage.len();
        let reply = ca.ask(garbage).await;
        assert_eq!(reply.outcome, Outcome::MalformedRequest, "{size} octets");
        assert_eq!(reply.headers["cache-control"], "no-store");
    }
    for text in [
        "x",
        "AAAA",
        "%ff",
        "%00",
        "..%2f..%2fetc%2fpasswd",
        &"A".repeat(60_000),
    ] {
        let answered = ca
            .client_at(Ipv4Addr::LOCALHOST)
            .get(format!("{}/ocsp/{text}", ca.pki));
        let answered = answered.send().await.unwrap();
        if text == "%ff" {
            assert_eq!(answered.status(), 404, "no text, and so no address");
            continue;
        }
        let reply = Reply::of(answered, &ca.issuing()).await;
        assert_eq!(reply.outcome, Outcome::MalformedRequest, "{text}");
    }
    assert!(signers(&ca).await.is_empty());
    let most = ca.ask(many(64)).await;
    assert_eq!(
        (most.outcome, most.answers.len()),
        (Outcome::Successful, 64)
    );
    let longest = request(std::slice::from_ref(&ours), Some(&[1; 128]));
    assert_eq!(ca.ask(longest).await.nonce, Some(vec![1; 128]));
    // Asked by a client that signs its requests, which says nothing to us.
    let mut signed = genuine.clone();
    let signature = [&[0xa0, 0x02, 0x30, 0x00][..]].concat();
    signed[1] += u8::try_from(signature.len()).unwrap();
    signed.extend(signature);
    assert_eq!(ca.ask(signed).await.only().status, GOOD);
    ca.check().await;
}

#[tokio::test]
async fn an_answer_in_an_address_may_be_kept_and_one_with_a_nonce_may_not() {
    let ca = TestCa::start().await;
    let certificate = issued(&ca).await;
    let serial = octets(certificate.serial());
    let issuing = ca.issuing();
    let plain = request(&[id(&issuing, &serial, By::Sha256)], None);
    let text = STANDARD.encode(&plain);
    let unpadded = STANDARD_NO_PAD.encode(&plain);
    let first = get(&ca, &ca.pki, &percent_encoded(&text)).await;
    for same in [&text, &unpadded, &percent_encoded(&unpadded)] {
        let reply = get(&ca, &ca.pki, same).await;
        assert_eq!(reply.der, first.der);
        assert_eq!(reply.headers["etag"], first.headers["etag"]);
    }
    let headers = &first.headers;
    assert_eq!(
        headers["cache-control"],
        "max-age=60, public, no-transform, must-revalidate"
    );
    assert_eq!(headers["last-modified"], "Fri, 15 Jan 2027 08:00:00 GMT");
    assert_eq!(headers["expires"], "Fri, 15 Jan 2027 08:15:00 GMT");
    let only = first.only();
    assert_eq!(only.this_update, time(START));
    assert_eq!(only.next_update, time(START.plus(15 * 60)));
    let posted = ca.ask(plain).await;
    assert_eq!(posted.headers["cache-control"], "no-store");
    let with_nonce = request(&[id(&issuing, &serial, By::Sha256)], Some(&[3; 8]));
    let reply = get(&ca, &ca.pki, &percent_encoded(&STANDARD.encode(with_nonce))).await;
    assert_eq!(reply.headers["cache-control"], "no-store");
    assert_eq!(reply.nonce.as_deref(), Some(&[3; 8][..]));
    assert!(!reply.headers.contains_key("etag"));
    ca.check().await;
}

#[tokio::test]
async fn addresses_hold_every_letter_of_base64() {
    let ca = TestCa::start().await;
    let issuing = ca.issuing();
    let (mut slashes, mut pluses) = (0, 0);
    for pattern in [[0xff, 0xff, 0xff], [0xfb, 0xef, 0xbe]] {
        // Wherever the letters' borders are.
        for shift in 0..3 {
            let mut serial = [pattern; 5].concat();
            serial.rotate_left(shift);
            serial.insert(0, 1);
            let text = STANDARD.encode(request(&[id(&issuing, &serial, By::Sha1)], None));
            slashes += text.matches('/').count();
            pluses += text.matches('+').count();
            for text in [&text, &percent_encoded(&text)] {
                let reply = get(&ca, &ca.pki, text).await;
                assert_eq!(reply.only().status, UNKNOWN);
                assert_eq!(reply.only().id.serial.as_bytes(), serial);
            }
        }
    }
    assert!(slashes > 10 && pluses > 10);
    ca.check().await;
}

#[tokio::test]
async fn a_signer_is_renewed_at_half_of_its_life_and_by_a_restart() {
    let mut ca = TestCa::start().await;
    assert!(signers(&ca).await.is_empty(), "nobody asked");
    let ask = async |ca: &TestCa| {
        let ids = [id(&ca.issuing(), &[1], By::Sha1)];
        ca.ask(request(&ids, Some(&[1]))).await.signer
    };
    let first = ask(&ca).await;
    ca.clock.advance(2 * DAY - 1);
    assert_eq!(ask(&ca).await, first);
    ca.clock.advance(1);
    // By the schedule, before anybody asks.
    eventually("there is another", async || signers(&ca).await.len() == 2).await;
    eventually("it signs", async || ask(&ca).await != first).await;
    let second = ask(&ca).await;
    ca.stop().await;
    ca.serve().await.unwrap();
    let third = ask(&ca).await;
    assert!(third != second && third != first);
    assert_eq!(signers(&ca).await, ["issued"; 3]);
    // Nobody kept it from its end: whoever asks then has one made.
    ca.stop().await;
    ca.clock.advance(30 * DAY);
    ca.serve().await.unwrap();
    assert_ne!(ask(&ca).await, third);
    let events = "SELECT count(*) FROM events WHERE actor = 'schedule'
        AND kind IN ('certificate_intended', 'certificate_issued')";
    assert_eq!(ca.count(events).await, 8);
    ca.check().await;
}

#[tokio::test]
async fn whatever_becomes_of_a_commit_no_signer_signs_that_is_not_recorded() {
    let ca = TestCa::start().await;
    let question = request(&[id(&ca.issuing(), &[1], By::Sha1)], None);
    let cases: [(&'static str, Fate, &[&str]); 4] = [
        (type_name::<IntendSigner>(), Lost, &[]),
        (type_name::<IntendSigner>(), Unconfirmed, &["intended"]),
        (type_name::<Record>(), Lost, &["intended", "intended"]),
        (
            type_name::<Record>(),
            Unconfirmed,
            &["intended", "intended", "issued"],
        ),
    ];
    for (write, fate, states) in cases {
        ca.commits.next(write, fate);
        let reply = ca.ask(question.clone()).await;
        assert!(ca.commits.struck(), "{write} {fate:?}");
        assert_eq!(reply.outcome, Outcome::TryLater, "{write} {fate:?}");
        assert_eq!(signers(&ca).await, states, "{write} {fate:?}");
        // Strangers ask as often as they like; it is not tried as often.
        assert_eq!(ca.ask(question.clone()).await.outcome, Outcome::TryLater);
        assert_eq!(signers(&ca).await, states, "{write} {fate:?}");
        ca.clock.advance(5);
    }
    let reply = ca.ask(question.clone()).await;
    assert_eq!(reply.outcome, Outcome::Successful);
    assert_eq!(
        signers(&ca).await,
        ["intended", "intended", "issued", "issued"]
    );
    // What was forgotten is closed in the commit of a successor, once nobody can be at it any more.
    ca.clock.advance(2 * DAY);
    eventually("renewed", async || signers(&ca).await.len() == 5).await;
    let states = ["abandoned", "abandoned", "issued", "issued", "issued"];
    eventually("recorded", async || signers(&ca).await == states).await;
    ca.check().await;
}

#[tokio::test]
async fn a_record_that_does_not_answer_is_not_guessed_at() {
    let ca = TestCa::start().await;
    let certificate = issued(&ca).await;
    let serial = octets(certificate.serial());
    assert_eq!(ca.status(&serial).await, GOOD);
    ca.execute("ALTER TABLE revocations RENAME TO hidden").await;
    let question = request(&[id(&ca.issuing(), &serial, By::Sha1)], None);
    let reply = ca.ask(question.clone()).await;
    assert_eq!(reply.outcome, Outcome::TryLater);
    assert_eq!(reply.headers["cache-control"], "no-store");
    ca.execute("ALTER TABLE hidden RENAME TO revocations").await;
    assert_eq!(ca.ask(question).await.only().status, GOOD);
    ca.check().await;
}

#[tokio::test]
async fn a_clock_that_is_not_believed_signs_nothing() {
    let ca = TestCa::start().await;
    let certificate = issued(&ca).await;
    let serial = octets(certificate.serial());
    let plain = request(&[id(&ca.issuing(), &serial, By::Sha1)], None);
    assert_eq!(ca.ask(plain.clone()).await.only().status, GOOD);
    for jump in [3600, -3600, -366 * DAY, 366 * DAY] {
        ca.clock.jump(jump);
        for nonce in [None, Some(&[1; 16][..])] {
            let question = request(&[id(&ca.issuing(), &serial, By::Sha1)], nonce);
            assert_eq!(ca.ask(question).await.outcome, Outcome::TryLater, "{jump}");
        }
        ca.clock.jump(-jump);
        assert_eq!(ca.ask(plain.clone()).await.only().status, GOOD);
    }
    // Within what is tolerated, no answer is of the future or of long ago.
    ca.clock.jump(-60);
    let reply = ca.ask(plain).await;
    assert_eq!(reply.only().this_update, time(START.minus(60)));
    ca.clock.jump(60);
    assert_eq!(signers(&ca).await, ["issued"]);
    ca.check().await;
}

#[tokio::test]
async fn two_nodes_have_a_signer_each_and_say_the_same() {
    if Engine::Postgres.is_absent("several nodes share a server, not a file") {
        return;
    }
    let ca = TestCa::start().await;
    let other = ca.node(81).await;
    let certificate = issued(&ca).await;
    let serial = octets(certificate.serial());
    let question = request(&[id(&ca.issuing(), &serial, By::Sha1)], Some(&[2; 16]));
    let ask = async || {
        let here = ca.ask(question.clone()).await;
        let there = ca.ask_at(&other.api, question.clone()).await;
        assert_eq!(here.only().status, there.only().status);
        assert_ne!(here.signer, there.signer);
        here.only().status.clone()
    };
    assert_eq!(ask().await, GOOD);
    revoke(&ca, certificate.serial(), RevocationReason::Unspecified).await;
    let revoked = Revoked {
        at: time(START),
        reason: None,
    };
    assert_eq!(ask().await, Status::Revoked(revoked));
    assert_eq!(signers(&ca).await, ["issued"; 2]);
    other.stop().await;
    ca.check().await;
}

#[tokio::test]
async fn many_who_ask_at_once_have_one_signer_made() {
    let ca = TestCa::start().await;
    let question = request(&[id(&ca.issuing(), &[1], By::Sha1)], Some(&[1; 16]));
    let asking = (0..32).map(|_| ca.ask(question.clone()));
    for reply in futures_util::future::join_all(asking).await {
        assert_eq!(reply.only().status, UNKNOWN);
    }
    assert_eq!(signers(&ca).await, ["issued"]);
    ca.check().await;
}

#[tokio::test]
async fn answers_are_counted_by_issuer_and_status() {
    let ca = TestCa::start().await;
    let certificate = issued(&ca).await;
    let serial = octets(certificate.serial());
    let issuing = ca.issuing();
    let ids = [
        id(&issuing, &serial, By::Sha1),
        id(&issuing, &[1], By::Sha1),
    ];
    ca.ask(request(&ids, None)).await;
    ca.ask(b"garbage".to_vec()).await;
    let root = ca.certificate("root.crt");
    ca.ask(request(&[id(&root, &[1], By::Sha1)], None)).await;
    let plain = request(&ids[..1], None);
    for _ in 0..3 {
        ca.ask(plain.clone()).await;
    }
    let metrics = ca.scrape().await.text;
    for line in [
        r#"vaca_ocsp_responses_total{issuer="issuing",status="good"} 4"#,
        r#"vaca_ocsp_responses_total{issuer="issuing",status="unknown"} 1"#,
        r#"vaca_ocsp_responses_total{issuer="(none)",status="malformed_request"} 1"#,
        r#"vaca_ocsp_responses_total{issuer="(none)",status="unauthorized"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    ca.check().await;
}

#[tokio::test]
async fn what_stands_in_a_signers_certificate() {
    let ca = TestCa::start().await;
    let folder = ca.folder.path();
    let reply = ca
        .ask(request(&[id(&ca.issuing(), &[1], By::Sha1)], None))
        .await;
    write_signer(&reply, folder).await;
    let dump = crate::chain::dump("signer.pem", folder, &[]).await;
    insta::assert_snapshot!("signer_certificate", dump);
    let refused = run(
        "openssl",
        &[
            "verify",
            "-purpose",
            "sslclient",
            "-CAfile",
            "root.crt",
            "-untrusted",
            "issuing/issuing.crt",
            "signer.pem",
        ],
        folder,
    )
    .await;
    assert!(!refused.status.success(), "{}", said(&refused));
    ca.check().await;
}
