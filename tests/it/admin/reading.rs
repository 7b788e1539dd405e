//! What operators are shown, and that it is written down.

use serde_json::Value;
use std::any::type_name;
use vaca::model::role::Role;
use vaca::store::audit::Note;
use vaca::store::fate::Fate;
use vaca_emulator::{Call, Fault, KeyAlgorithm};

use super::{ask, events, get, is_nothing, nothing};
use crate::support::{ALICE, Answer, TestCa};

/// Three attempts: one of Alice's and one of a device's with a certificate, one of Bob's denied.
async fn three(ca: &TestCa) -> [String; 3] {
    let mut chromebook = ca.chromebook(ALICE).await;
    let key = KeyAlgorithm::Ecdsa;
    ca.enroll_user(&mut chromebook, key).await.issued();
    ca.clock.advance(60);
    ca.enroll_device(&mut chromebook, key).await.issued();
    ca.clock.advance(60);
    let mut other = ca.chromebook("bob@example.com").await;
    ca.emulator
        .faults()
        .every(Call::Verify, Fault::DeveloperMode);
    ca.enroll_user(&mut other, key).await.is("developer_mode");
    ca.emulator.faults().clear();
    let ids = ca.rows("SELECT short_id FROM attempts ORDER BY id").await;
    ids.try_into().unwrap()
}

/// The ids of the attempts in an answer.
fn attempts(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let items = answer.json["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["attempt"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn attempts_are_found_part_by_part() {
    let ca = TestCa::start().await;
    let [alice, device, bob] = three(&ca).await;
    let auditor = ca.token(Role::Auditor).await;
    let found = async |query: &str| {
        attempts(&get(&ca, &auditor, &format!("/v1/admin/attempts{query}")).await)
    };
    assert_eq!(found("").await, [bob.as_str(), &device, &alice]);
    assert_eq!(found("?outcome=denied").await, [bob.as_str()]);
    assert_eq!(found("?code=developer_mode&since=1h").await, [bob.as_str()]);
    assert_eq!(found("?email=Alice%40example.com").await, [alice.as_str()]);
    assert_eq!(found("?profile=wifi-device").await, [device.as_str()]);
    assert_eq!(found("?since=2027-01-15T08:02:00Z").await, [bob.as_str()]);
    assert!(found("?outcome=open").await.is_empty());
    let id = ca.rows("SELECT device_permanent_id FROM certificates WHERE identity LIKE 'device:%'");
    let id = id.await.remove(0);
    let with_device = found(&format!("?device={id}")).await;
    assert!(with_device.contains(&device));

    // Part by part, and no further with another question.
    let mut seen = Vec::new();
    let mut query = "?limit=2".to_owned();
    let first = get(&ca, &auditor, &format!("/v1/admin/attempts{query}")).await;
    let cursor = first.json["next"].as_str().unwrap().to_owned();
    loop {
        let part = get(&ca, &auditor, &format!("/v1/admin/attempts{query}")).await;
        seen.extend(attempts(&part));
        let Some(next) = part.json["next"].as_str() else {
            break;
        };
        query = format!("?limit=2&cursor={next}");
    }
    assert_eq!(seen, [bob.as_str(), &device, &alice]);
    for wrong in [
        format!("?outcome=denied&cursor={cursor}"),
        format!("?cursor={cursor}x"),
        "?cursor=".to_owned(),
        "?limit=0".to_owned(),
        "?limit=1001".to_owned(),
        "?limit=2&limit=2".to_owned(),
        "?since=yesterday".to_owned(),
        "?code=alice".to_owned(),
        "?outcome=lost".to_owned(),
        "?device=a%00b".to_owned(),
        "?who=alice".to_owned(),
    ] {
        let refused = get(&ca, &auditor, &format!("/v1/admin/attempts{wrong}")).await;
        assert_eq!(refused.is("malformed_query").status, 400, "{wrong}");
        assert!(!refused.json["detail"].to_string().contains("alice"));
    }
    let other = get(
        &ca,
        &auditor,
        &format!("/v1/admin/certificates?cursor={cursor}"),
    )
    .await;
    other.is("malformed_query");
    ca.check().await;
}

#[tokio::test]
async fn one_attempt_and_one_certificate_are_told_in_full() {
    let ca = TestCa::start().await;
    let [alice, _device, bob] = three(&ca).await;
    let desk = ca.token(Role::HelpDesk).await;
    let shown = get(
        &ca,
        &desk,
        &format!("/v1/admin/attempts/{}", alice.to_lowercase()),
    )
    .await;
    assert_eq!(shown.json["unverified_email"], ALICE);
    assert!(shown.json["checks"].as_array().unwrap().len() > 3);
    assert!(shown.json["facts"].is_object());
    let serial = shown.json["serial_number"].as_str().unwrap();
    let told = get(&ca, &desk, &format!("/v1/admin/attempts/{bob}/explain")).await;
    let text = told.json["text"].as_str().unwrap();
    assert!(
        text.contains("developer_mode") && text.contains("bob@example.com"),
        "{text}"
    );
    let issuer = "SELECT issuer_id FROM certificates WHERE kind = 'client' LIMIT 1";
    let issuer = ca.rows(issuer).await.remove(0);
    let one = get(
        &ca,
        &desk,
        &format!("/v1/admin/certificates/{issuer}/{serial}"),
    )
    .await;
    assert_eq!(
        (&one.json["email"], &one.json["attempt"]),
        (&shown.json["unverified_email"], &shown.json["attempt"])
    );
    let pem = one.json["certificate"].as_str().unwrap();
    assert!(der::pem::decode_vec(pem.as_bytes()).is_ok());
    let list = get(&ca, &desk, "/v1/admin/certificates?limit=3").await;
    assert_eq!(list.json["items"].as_array().unwrap().len(), 3);
    assert!(list.json["next"].is_string());
    let nothing = nothing(&ca).await;
    for missing in [
        "/v1/admin/attempts/00000000".to_owned(),
        "/v1/admin/attempts/nonsense%00".to_owned(),
        "/v1/admin/attempts/00000000/explain".to_owned(),
        format!("/v1/admin/certificates/{issuer}/00"),
        format!("/v1/admin/certificates/0000000000000000/{serial}"),
    ] {
        let answer = get(&ca, &desk, &missing).await;
        answer.is("not_found");
        assert_ne!(answer.json["detail"], nothing.json["detail"], "{missing}");
    }
    for undecodable in [
        format!("/v1/admin/certificates/{issuer}/%ff"),
        "/v1/admin/attempts/%ff".to_owned(),
    ] {
        get(&ca, &desk, &undecodable).await.is("not_found");
    }
    let profiles = get(&ca, &desk, "/v1/admin/profiles").await;
    assert_eq!(profiles.json["items"][0]["name"], "wifi-user");
    let issuers = get(&ca, &desk, "/v1/admin/issuers").await;
    assert_eq!(
        issuers.json["items"][0]["id"].as_str(),
        Some(issuer.as_str())
    );
    assert_eq!(
        get(&ca, &desk, "/v1/admin/doctor").await.json["ready"],
        true
    );

    // All of it is in the record, by whom and about what.
    let events = events(&ca).await;
    let actor = format!("record_read token:{} ", &desk[5..13]);
    let about: Vec<_> = events
        .iter()
        .map(|event| event.strip_prefix(&actor).unwrap())
        .collect();
    assert_eq!(
        about,
        [
            alice.as_str(),
            &bob,
            &format!("{issuer}/{serial}"),
            "certificates",
            "00000000",
            "00000000",
            &format!("0000000000000000/{serial}"),
            "profiles",
            "issuers",
            "doctor",
        ]
    );
    ca.check().await;
}

#[tokio::test]
async fn whoever_waits_is_listed_and_released() {
    let ca = TestCa::start().await;
    ca.emulator
        .faults()
        .every(Call::Verify, Fault::DeveloperMode);
    for _ in 0..3 {
        let (_chromebook, response) = ca.alices_response().await;
        ca.present_alices(&response).await.is("developer_mode");
    }
    let auditor = ca.token(Role::Auditor).await;
    let operator = ca.token(Role::Operator).await;
    let listed = get(&ca, &auditor, "/v1/admin/paused").await;
    let item = &listed.json["items"][0];
    assert_eq!(
        (&item["identity"], &item["denials"]),
        (&Value::from("user:alice@example.com"), &Value::from(3))
    );
    let release = "/v1/admin/paused/user%3Aalice%40example.com/release";
    is_nothing(
        &ask(&ca, &auditor, "POST", release).await,
        &nothing(&ca).await,
    );
    let released = ask(&ca, &operator, "POST", release).await;
    assert_eq!((released.status, &released.json), (200, item));
    let again = ask(&ca, &operator, "POST", release).await;
    assert_ne!(
        again.is("not_found").json["detail"],
        nothing(&ca).await.json["detail"]
    );
    ask(&ca, &operator, "POST", "/v1/admin/paused/group%3Ax/release")
        .await
        .is("not_found");
    let events = events(&ca).await;
    let event = format!(
        "identity_released token:{} {}",
        &operator[5..13],
        item["attempt"].as_str().unwrap()
    );
    assert!(events.contains(&event), "{events:?}");
    let about_alice = events
        .iter()
        .filter(|event| event.contains("alice"))
        .count();
    assert_eq!(about_alice, 0, "{events:?}");
    ca.check().await;
}

#[tokio::test]
async fn nobody_reads_what_cannot_be_written_down() {
    let ca = TestCa::start().await;
    let [alice, ..] = three(&ca).await;
    let auditor = ca.token(Role::Auditor).await;
    for path in [
        "/v1/admin/attempts".to_owned(),
        format!("/v1/admin/attempts/{alice}"),
        "/v1/admin/certificates".to_owned(),
    ] {
        ca.commits.next(type_name::<Note>(), Fate::Lost);
        let refused = get(&ca, &auditor, &path).await;
        assert_eq!(refused.is("storage_unavailable").status, 503);
        assert!(!refused.text.contains("alice"));
        assert!(ca.commits.struck());
    }
    assert_eq!(events(&ca).await.len(), 0);
    ca.check().await;
}
