//! One challenge, one response, one outcome.

use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use serde_json::json;
use vaca_emulator::{KeyAlgorithm, Scope, forge};

use crate::support::{ALICE, START, TestCa, certificate_request, eventually};

#[tokio::test]
async fn the_same_bytes_get_the_same_answer_to_the_byte() {
    let ca = TestCa::start().await;
    let (_chromebook, response) = ca.alices_response().await;
    let first = ca.present(&response, "wifi-user", Some(ALICE)).await;
    first.issued();
    let asked = ca.emulator.calls().verify;
    // Long after the challenge's minute, and in another spelling of the same address.
    ca.clock.advance(23 * 60 * 60);
    let second = ca
        .present(&response, "wifi-user", Some("ALICE@example.com"))
        .await;
    assert_eq!((second.status, &second.text), (200, &first.text));
    assert_eq!(
        ca.emulator.calls().verify,
        asked,
        "Google is not asked twice"
    );
    ca.clock.advance(60 * 60);
    let late = ca.present(&response, "wifi-user", Some(ALICE)).await;
    late.is("outcome_expired");
    assert_eq!(late.status, 410);
    assert_eq!(late.serial(), first.serial());
    ca.check().await;
}

#[tokio::test]
async fn a_denial_is_final_and_keeps_its_attempt() {
    let ca = TestCa::start().await;
    let mut chromebook = ca.chromebook("mallory@example.com").await;
    let response = ca
        .response(
            &mut chromebook,
            "wifi-user",
            Scope::User,
            KeyAlgorithm::Ecdsa,
        )
        .await;
    let first = ca.present(&response, "wifi-user", Some(ALICE)).await;
    let again = ca.present(&response, "wifi-user", Some(ALICE)).await;
    assert_eq!(first.is("challenge_response_refused").text, again.text);
    assert_eq!(ca.emulator.calls().verify, 1);
    ca.check().await;
}

#[tokio::test]
async fn the_same_bytes_serve_one_purpose() {
    let ca = TestCa::start().await;
    let (_chromebook, response) = ca.alices_response().await;
    ca.present(&response, "wifi-user", Some(ALICE))
        .await
        .issued();
    let asked = ca.emulator.calls().verify;
    for (profile, email) in [
        ("wifi-user", Some("bob@example.com")),
        ("vpn-user", Some(ALICE)),
        ("wifi-device", None),
    ] {
        let answer = ca.present(&response, profile, email).await;
        assert_eq!(answer.is("response_already_used").status, 409);
    }
    assert_eq!(ca.emulator.calls().verify, asked);
    ca.check().await;
}

#[tokio::test]
async fn a_challenge_is_for_one_response() {
    let ca = TestCa::start().await;
    let challenge = ca.challenge("wifi-user").await;
    let mut chromebook = ca.chromebook(ALICE).await;
    let key = Some(KeyAlgorithm::Ecdsa);
    let first = chromebook
        .challenge_key(&challenge, Scope::User, key)
        .await
        .unwrap();
    let second = chromebook
        .challenge_key(&challenge, Scope::User, key)
        .await
        .unwrap();
    ca.present(&first, "wifi-user", Some(ALICE)).await.issued();
    let answer = ca.present(&second, "wifi-user", Some(ALICE)).await;
    assert_eq!(answer.is("challenge_already_answered").status, 409);
    ca.check().await;
}

#[tokio::test]
async fn a_challenge_must_be_ours_fresh_and_of_this_profile() {
    let ca = TestCa::start().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    let response = ca
        .response(
            &mut chromebook,
            "vpn-user",
            Scope::User,
            KeyAlgorithm::Ecdsa,
        )
        .await;
    ca.present(&response, "wifi-user", Some(ALICE))
        .await
        .is("challenge_for_other_profile");
    // Of another relying party of the same Google.
    let foreign = vaca_challenge_of_google(&ca).await;
    let response = chromebook
        .challenge_key(&foreign, Scope::User, Some(KeyAlgorithm::Ecdsa))
        .await
        .unwrap();
    ca.present(&response, "wifi-user", Some(ALICE))
        .await
        .is("unknown_challenge");
    // Of a stranger's key.
    let strange =
        forge::fabricated(&forge::challenge_of_a_stranger(START.0 * 1000).unwrap()).unwrap();
    ca.present(&strange, "wifi-user", Some(ALICE))
        .await
        .is("unknown_challenge");
    let asked = ca.emulator.calls().verify;
    let response = ca
        .response(
            &mut chromebook,
            "wifi-user",
            Scope::User,
            KeyAlgorithm::Ecdsa,
        )
        .await;
    ca.clock.advance(60);
    ca.present(&response, "wifi-user", Some(ALICE))
        .await
        .is("challenge_expired");
    assert_eq!(ca.emulator.calls().verify, asked, "Google is not asked");
    // Forgotten altogether after ten minutes.
    ca.clock.advance(600);
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    ca.present(&response, "wifi-user", Some(ALICE))
        .await
        .is("unknown_challenge");
    ca.check().await;
}

/// A genuine challenge that vaca did not ask for.
async fn vaca_challenge_of_google(ca: &TestCa) -> Vec<u8> {
    ca.challenge("wifi-user").await;
    let database = ca.database().await;
    let challenge = ca.challenge("wifi-user").await;
    database.execute("DELETE FROM challenges").await;
    challenge
}

#[tokio::test]
async fn two_posts_of_the_same_bytes_make_one_certificate() {
    let ca = TestCa::start().await;
    let (_chromebook, response) = ca.alices_response().await;
    let body = certificate_request(&response, "wifi-user", Some(ALICE));
    let posts = (0..8).map(|_| ca.post("/v1/certificates", &body));
    let answers = join_all(posts).await;
    let issued = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(issued, 1);
    for answer in answers
        .iter()
        .filter(|answer| ![200, 201].contains(&answer.status))
    {
        answer.is("in_progress");
        assert_eq!(answer.header("retry-after"), "1");
    }
    let certificates = ca
        .rows("SELECT serial FROM certificates WHERE kind = 'client'")
        .await;
    assert_eq!(certificates.len(), 1);
    ca.check().await;
}

#[tokio::test]
async fn a_thousand_forgeries_in_her_name_do_not_lock_alice_out() {
    let ca = TestCa::start().await;
    let mallory = ca.client_at(Ipv4Addr::new(127, 0, 0, 2));
    let ask = json!({ "profile": "wifi-user" });
    let (mut forged, mut slowed) = (0, 0);
    while forged < 1000 {
        let answer = ca.post_from(&mallory, "/v1/challenges", &ask).await;
        if answer.status != 201 {
            assert!(["busy", "too_many_failures"].contains(&answer.problem()));
            slowed += u32::from(answer.problem() == "too_many_failures");
            ca.clock.advance(1);
            continue;
        }
        let challenge = STANDARD
            .decode(answer.json["challenge"].as_str().unwrap())
            .unwrap();
        let response = forge::fabricated(&challenge).unwrap();
        let body = certificate_request(&response, "wifi-user", Some(ALICE));
        let answer = ca.post_from(&mallory, "/v1/certificates", &body).await;
        answer.is("challenge_response_refused");
        forged += 1;
    }
    assert!(
        slowed > 0,
        "a network that fails this often gets challenges slowly"
    );
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    // In Mallory's own network too, with a little patience.
    let mut chromebook = ca.chromebook(ALICE).await;
    let challenge = loop {
        let answer = ca.post_from(&mallory, "/v1/challenges", &ask).await;
        if answer.status == 201 {
            break STANDARD
                .decode(answer.json["challenge"].as_str().unwrap())
                .unwrap();
        }
        ca.clock.advance(1);
    };
    let key = Some(KeyAlgorithm::Ecdsa);
    let response = chromebook
        .challenge_key(&challenge, Scope::User, key)
        .await
        .unwrap();
    let body = certificate_request(&response, "wifi-user", Some(ALICE));
    ca.post_from(&mallory, "/v1/certificates", &body)
        .await
        .issued();
    ca.check().await;
}

#[tokio::test]
async fn known_unknown_and_blocked_names_get_the_same_answer_before_google_vouches() {
    use vaca::model::actor::Actor;
    use vaca::model::event::{AuditEvent, EventKind};
    use vaca::model::identity::Email;
    use vaca::store::blocks::{AddBlock, Blocked};
    let ca = TestCa::start().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    let block = AddBlock {
        blocked: Blocked::Email(Email::parse("Blocked@Example.com").unwrap()),
        reason: "lost".to_owned(),
        event: AuditEvent::new(START, EventKind::BlockAdded, Actor::CommandLine, "block"),
    };
    assert!(ca.store.write(block).await.unwrap());
    let mut answers = Vec::new();
    for name in [ALICE, "nobody@example.com", "blocked@example.com"] {
        let mut mallory = ca.chromebook("mallory@example.com").await;
        let response = ca
            .response(&mut mallory, "wifi-user", Scope::User, KeyAlgorithm::Ecdsa)
            .await;
        let mut answer = ca.present(&response, "wifi-user", Some(name)).await;
        answer.is("challenge_response_refused");
        answer.json["attempt"] = json!("");
        answers.push(answer.json);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
    // Once Google vouches for the blocked person, the block is told.
    let mut blocked = ca.chromebook("blocked@example.com").await;
    ca.enroll_user(&mut blocked, KeyAlgorithm::Ecdsa)
        .await
        .is("blocked");
    ca.check().await;
}

#[tokio::test]
async fn a_blocked_device_gets_nothing_under_any_of_its_names() {
    use vaca::model::actor::Actor;
    use vaca::model::event::{AuditEvent, EventKind};
    use vaca::model::identity::DeviceId;
    use vaca::store::blocks::{AddBlock, Blocked};
    let ca = TestCa::start().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    for (place, id) in [
        chromebook.device_permanent_id(),
        chromebook.device_id(),
        chromebook.device_enrollment_id(),
    ]
    .into_iter()
    .enumerate()
    {
        let block = AddBlock {
            blocked: Blocked::Device(DeviceId::parse(id).unwrap()),
            reason: "stolen".to_owned(),
            event: AuditEvent::new(
                START,
                EventKind::BlockAdded,
                Actor::CommandLine,
                format!("block {place}"),
            ),
        };
        assert!(ca.store.write(block).await.unwrap());
    }
    ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .is("blocked");
    ca.check().await;
}

#[tokio::test]
async fn an_open_attempt_does_not_outlive_its_day() {
    let ca = TestCa::start().await;
    let (_chromebook, response) = ca.alices_response().await;
    let database = ca.database().await;
    database.refuse("full", "INSERT ON certificates").await;
    ca.present(&response, "wifi-user", Some(ALICE))
        .await
        .is("storage_unavailable");
    database.permit("full").await;
    ca.clock.advance(24 * 60 * 60);
    ca.present(&response, "wifi-user", Some(ALICE))
        .await
        .is("outcome_expired");
    ca.check().await;
}

#[tokio::test]
async fn what_nobody_can_finish_any_more_is_closed() {
    use vaca_emulator::{Call, Fault};
    let ca = TestCa::start().await;
    let (_chromebook, response) = ca.alices_response().await;
    ca.emulator.faults().every(Call::Verify, Fault::Down);
    ca.present(&response, "wifi-user", Some(ALICE))
        .await
        .is("verified_access_unavailable");
    ca.clock.advance(120);
    let denied = "SELECT code FROM attempts WHERE state = 'denied'";
    let is_closed = async || !ca.rows(denied).await.is_empty();
    eventually("the attempt is closed", is_closed).await;
    assert_eq!(ca.rows(denied).await, ["challenge_expired"]);
    ca.check().await;
}

#[tokio::test]
async fn an_attempt_is_not_finished_under_another_recipe() {
    let mut ca = TestCa::start().await;
    let (_chromebook, response) = ca.alices_response().await;
    let database = ca.database().await;
    database.refuse("full", "INSERT ON certificates").await;
    ca.present(&response, "wifi-user", Some(ALICE))
        .await
        .is("storage_unavailable");
    database.permit("full").await;
    ca.stop().await;
    let file = ca.configuration_file();
    let text = std::fs::read_to_string(&file).unwrap();
    let changed = text.replacen(
        "scope = \"user\"",
        "scope = \"user\"\nvalidity_days = 31",
        1,
    );
    std::fs::write(&file, changed).unwrap();
    ca.serve().await.unwrap();
    ca.present(&response, "wifi-user", Some(ALICE))
        .await
        .is("profile_changed");
    ca.check().await;
}
