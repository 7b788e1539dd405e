//! When a certificate is to be renewed, as its holder is told.

use std::net::Ipv4Addr;

use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use vaca::clock::Clock as _;
use vaca::model::actor::Actor;
use vaca::model::revocation::RevocationReason;
use vaca::store::revocations::{Revoke, Revoked};
use vaca_emulator::faults::Field;
use vaca_emulator::{Call, Fault, KeyAlgorithm, Scope, VirtualChromebook};

use crate::support::{ALICE, Answer, START, TestCa};

const DAY: i64 = 24 * 60 * 60;
const KEY: KeyAlgorithm = KeyAlgorithm::Ecdsa;

/// `issuer/serial` of a certificate that was just issued.
async fn name(ca: &TestCa, issued: &Answer) -> String {
    let serial = issued.issued().serial();
    let issuer = format!("SELECT issuer_id FROM certificates WHERE serial = '{serial}'");
    let issuer = ca.rows(AssertSqlSafe(issuer)).await.remove(0);
    format!("{issuer}/{serial}")
}

async fn info(ca: &TestCa, name: &str) -> Answer {
    ca.get(&format!("/v1/certificates/{name}/renewal-info"))
        .await
}

/// What stands in an answer, and nothing besides.
async fn told(ca: &TestCa, name: &str) -> Value {
    let answer = info(ca, name).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "no-store");
    let wait = answer.json["retry_after"].to_string();
    assert_eq!(wait, answer.header("retry-after"));
    answer.json
}

fn seconds(text: &Value) -> i64 {
    let time: jiff::Timestamp = text.as_str().unwrap().parse().unwrap();
    time.as_second()
}

/// Start and end of the suggested window, in seconds since the tests' beginning.
fn window(told: &Value) -> (i64, i64) {
    let window = &told["suggested_window"];
    let (start, end) = (seconds(&window["start"]), seconds(&window["end"]));
    assert!(start < end, "{told}");
    (start - START.0, end - START.0)
}

fn superseded_by(told: &Value) -> Option<String> {
    let by = &told["superseded_by"];
    let named = |by: &Value| {
        let part = |member: &str| by[member].as_str().unwrap().to_owned();
        format!("{}/{}", part("issuer"), part("serial"))
    };
    (!by.is_null()).then(|| named(by))
}

async fn revoke(ca: &TestCa, name: &str) {
    let (_, serial) = name.split_once('/').unwrap();
    let row = format!("SELECT id FROM certificates WHERE serial = '{serial}'");
    let revoke = Revoke {
        rows: vec![ca.count(AssertSqlSafe(row)).await],
        reason: RevocationReason::PrivilegeWithdrawn,
        actor: Actor::CommandLine,
        at: ca.clock.now(),
        allowance: None,
    };
    assert_eq!(ca.store.write(revoke).await.unwrap(), Revoked::Committed(1));
}

#[tokio::test]
async fn a_certificate_is_renewed_from_its_drawn_moment_on() {
    let ca = TestCa::start().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    let issued = ca.enroll_user(&mut chromebook, KEY).await;
    let name = name(&ca, &issued).await;
    let good = told(&ca, &name).await;
    let (start, end) = window(&good);
    let renew_after = seconds(&issued.json["renew_after"]) - START.0;
    assert_eq!(start, renew_after);
    assert!((20 * DAY..=25 * DAY).contains(&start), "{start}");
    assert_eq!(end, start + (30 * DAY - start) / 2);
    let expected = json!({
        "profile": "wifi-user",
        "status": "good",
        "not_after": issued.json["not_after"],
        "suggested_window": good["suggested_window"],
        "superseded_by": null,
        "retry_after": 21600,
    });
    assert_eq!(good, expected);

    ca.clock.advance(30 * DAY);
    assert_eq!(told(&ca, &name).await["status"], "good");
    ca.clock.advance(1);
    let expired = told(&ca, &name).await;
    assert_eq!(expired["status"], "expired");
    assert_eq!(window(&expired), (start, end));
    ca.check().await;
}

#[tokio::test]
async fn a_revoked_certificate_is_renewed_at_once() {
    let ca = TestCa::start().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    let issued = ca.enroll_device(&mut chromebook, KEY).await;
    let name = name(&ca, &issued).await;
    ca.clock.advance(100);
    revoke(&ca, &name).await;
    let revoked = told(&ca, &name).await;
    assert_eq!(revoked["status"], "revoked");
    assert_eq!(revoked["profile"], "wifi-device");
    assert_eq!(window(&revoked), (100, 700));
    // Its end changes nothing any more.
    ca.clock.advance(40 * DAY);
    assert_eq!(told(&ca, &name).await["status"], "revoked");
    ca.check().await;
}

#[tokio::test]
async fn what_was_not_issued_to_a_holder_is_nothing() {
    let ca = TestCa::start().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    let issued = ca.enroll_user(&mut chromebook, KEY).await;
    let name = name(&ca, &issued).await;
    let (issuer, serial) = name.split_once('/').unwrap();
    let own = "SELECT issuer_id || '/' || serial FROM certificates WHERE kind <> 'client'";
    let mut names = ca.rows(own).await;
    assert_eq!(names.len(), 2, "root and issuing");
    let other = names[0].split_once('/').unwrap().0.to_owned();
    names.extend([
        format!("{other}/{serial}"),
        format!("0000000000000000/{serial}"),
        format!("{issuer}/01{}", "0".repeat(30)),
        format!("{issuer}/02{}", &serial[2..]),
        format!("{issuer}/{}", &serial[2..]),
        format!("{issuer}/{serial}00"),
        format!("{}/{serial}", issuer.to_uppercase()),
        format!("{issuer}/%00"),
        format!("{issuer}/%ff"),
        format!("{issuer}/..%2f{serial}"),
        "%20/%20".to_owned(),
    ]);
    let nothing = info(&ca, "0000000000000000/0000").await;
    for name in &names {
        let answer = info(&ca, name).await;
        answer.is("not_found");
        assert_eq!(answer.json["detail"], nothing.json["detail"], "{name}");
    }
    // Intended only, or found under our key although nobody meant to sign it.
    for change in [
        "state = 'intended', der = NULL, fingerprint = NULL, closed_at = NULL",
        "kind = 'unrecorded', attempt_id = NULL, certified_key_id = NULL",
    ] {
        let kept = "CREATE TABLE kept AS SELECT * FROM certificates WHERE kind = 'client'";
        ca.execute(kept).await;
        let sql = format!("UPDATE certificates SET {change} WHERE serial = '{serial}'");
        assert_eq!(ca.execute(AssertSqlSafe(sql)).await, 1);
        info(&ca, &name).await.is("not_found");
        let back = "UPDATE certificates SET (state, der, fingerprint, closed_at, kind, attempt_id,
                 certified_key_id)
             = (SELECT state, der, fingerprint, closed_at, kind, attempt_id, certified_key_id FROM kept)
             WHERE serial = (SELECT serial FROM kept)";
        assert_eq!(ca.execute(back).await, 1);
        ca.execute("DROP TABLE kept").await;
    }
    assert_eq!(told(&ca, &name).await["status"], "good");
    ca.check().await;
}

/// Enrols again a day later, for a profile. Answers the new certificate's name.
async fn again(ca: &TestCa, chromebook: &mut VirtualChromebook, profile: &str) -> String {
    ca.clock.advance(DAY);
    let scope = match profile {
        "wifi-device" | "lab-device" => Scope::Machine,
        _ => Scope::User,
    };
    let email = (scope == Scope::User).then(|| chromebook.user_email().to_owned());
    let response = ca.response(chromebook, profile, scope, KEY).await;
    let issued = ca.present(&response, profile, email.as_deref()).await;
    name(ca, &issued).await
}

#[tokio::test]
async fn a_later_certificate_for_the_same_device_takes_the_place() {
    let ca = TestCa::start().await;
    let mut one = ca.chromebook(ALICE).await;
    let mut two = ca.chromebook(ALICE).await;
    let by = async |name: &str| superseded_by(&told(&ca, name).await);
    for profile in ["wifi-user", "wifi-device"] {
        let first = again(&ca, &mut one, profile).await;
        // Another Chromebook of the same user, and another profile on the same one.
        let elsewhere = again(&ca, &mut two, profile).await;
        let other = match profile {
            "wifi-user" => "vpn-user",
            _ => "lab-device",
        };
        again(&ca, &mut one, other).await;
        assert_eq!(by(&first).await, None, "{profile}");
        let second = again(&ca, &mut one, profile).await;
        assert_eq!(by(&first).await.as_ref(), Some(&second), "{profile}");
        let third = again(&ca, &mut one, profile).await;
        assert_eq!(by(&first).await.as_ref(), Some(&third), "the newest");
        assert_eq!(by(&second).await.as_ref(), Some(&third));
        assert_eq!(by(&third).await, None);
        assert_eq!(by(&elsewhere).await, None);
        // What is not good supersedes nothing.
        revoke(&ca, &third).await;
        assert_eq!(by(&first).await, Some(second), "{profile}");
    }
    ca.check().await;
}

#[tokio::test]
async fn where_google_named_no_device_nothing_is_superseded() {
    let ca = TestCa::start().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    let unnamed = Fault::Set {
        field: Field::VirtualDeviceId,
        value: String::new(),
    };
    let named = again(&ca, &mut chromebook, "wifi-user").await;
    ca.emulator.faults().every(Call::Verify, unnamed);
    let first = again(&ca, &mut chromebook, "wifi-user").await;
    let second = again(&ca, &mut chromebook, "wifi-user").await;
    for name in [named, first, second] {
        assert_eq!(superseded_by(&told(&ca, &name).await), None);
    }
    ca.check().await;
}

#[tokio::test]
async fn an_extension_may_read_it_with_its_header_fields() {
    let ca = TestCa::start().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    let issued = ca.enroll_user(&mut chromebook, KEY).await;
    let name = name(&ca, &issued).await;
    let url = format!("{}/v1/certificates/{name}/renewal-info", ca.api);
    let origin = "chrome-extension://abcdefghijklmnopabcdefghijklmnop";
    let client = ca.client_at(Ipv4Addr::LOCALHOST);
    let answer = client.get(&url).header("origin", origin).send().await;
    let answer = Answer::of(answer.unwrap()).await;
    assert_eq!(answer.header("access-control-allow-origin"), origin);
    let exposed = answer.header("access-control-expose-headers");
    assert!(exposed.contains("date") && exposed.contains("retry-after"));
    assert_eq!(answer.header("date"), "Fri, 15 Jan 2027 08:00:00 GMT");
    // Nothing of it on the other listeners.
    for base in [&ca.pki, &ca.admin] {
        let url = format!("{base}/v1/certificates/{name}/renewal-info");
        let elsewhere = client.get(url).send().await.unwrap();
        Answer::of(elsewhere).await.is("not_found");
    }
    ca.check().await;
}
