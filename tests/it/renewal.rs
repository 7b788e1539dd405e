//! When a certificate is to be renewed, as its holder is told.

use std::any::type_name;
use std::net::Ipv4Addr;

use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use vaca::clock::Clock as _;
use vaca::model::actor::Actor;
use vaca::model::revocation::RevocationReason;
use vaca::model::role::Role;
use vaca::store::fate::Fate;
use vaca::store::revocations::{Revoke, Revoked};
use vaca::store::superseding::NoteSuperseded;
use vaca_emulator::faults::Field;
use vaca_emulator::{Call, Fault, KeyAlgorithm, Scope, VirtualChromebook};

use crate::retention::node;
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

/// What an operator's order is answered with.
async fn order(ca: &TestCa, token: &str, body: &Value) -> Answer {
    let client = ca.client_at(Ipv4Addr::LOCALHOST);
    let request = client.post(format!("{}/v1/admin/renewal-orders", ca.admin));
    Answer::of(request.bearer_auth(token).json(body).send().await.unwrap()).await
}

#[tokio::test]
async fn an_order_brings_the_window_forward() {
    let ca = TestCa::start().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    let user = again(&ca, &mut chromebook, "wifi-user").await;
    let vpn = again(&ca, &mut chromebook, "vpn-user").await;
    let gone = again(&ca, &mut chromebook, "wifi-user").await;
    revoke(&ca, &gone).await;
    let usual = told(&ca, &user).await;
    let operator = ca.token(Role::Operator).await;
    let wanted = json!({"profile": "wifi-user", "within": "6h", "dry_run": true});
    let dry = order(&ca, &operator, &wanted).await;
    assert_eq!(dry.status, 200, "{}", dry.text);
    assert_eq!(
        (&dry.json["id"], &dry.json["certificates"]),
        (&Value::Null, &json!(1))
    );
    ca.clock.advance(2);
    assert_eq!(told(&ca, &user).await, usual, "nothing was ordered");

    let wanted = json!({"profile": "wifi-user", "within": "6h"});
    let given = order(&ca, &operator, &wanted).await;
    assert_eq!(
        (&given.json["id"], &given.json["certificates"]),
        (&json!(1), &json!(1))
    );
    // A node goes by the orders that it has read for a second.
    ca.clock.advance(2);
    let starts = seconds(&given.json["starts_at"]) - START.0;
    let early = told(&ca, &user).await;
    let (start, end) = window(&early);
    assert!((starts..=starts + 21_600).contains(&start), "{early}");
    assert!(end <= starts + 21_600 && end - start <= 600, "{early}");
    assert_eq!(early["retry_after"], 3600);
    assert_eq!(
        window(&told(&ca, &vpn).await),
        window(&told(&ca, &vpn).await)
    );
    assert!(window(&told(&ca, &vpn).await).0 > 20 * DAY);
    // Whoever comes late still hears of it, and what was issued because of it is left alone.
    ca.clock.advance(3 * DAY);
    assert_eq!(window(&told(&ca, &user).await), (start, end));
    let renewed = again(&ca, &mut chromebook, "wifi-user").await;
    let renewed = told(&ca, &renewed).await;
    assert!(window(&renewed).0 > 20 * DAY, "{renewed}");
    assert_eq!(renewed["retry_after"], 21600);

    let auditor = ca.token(Role::Auditor).await;
    order(&ca, &auditor, &wanted).await.is("not_found");
    let client = ca.client_at(Ipv4Addr::LOCALHOST);
    let list = client.get(format!("{}/v1/admin/renewal-orders", ca.admin));
    let list = Answer::of(list.bearer_auth(&auditor).send().await.unwrap()).await;
    let items = list.json["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{}", list.text);
    assert_eq!(items[0]["profile"], "wifi-user");
    let told_of = ca.rows("SELECT subject FROM events WHERE kind = 'renewal_ordered'");
    assert_eq!(told_of.await, ["renewal/1"]);
    for wrong in [
        json!({}),
        json!({"within": "59m"}),
        json!({"within": "6h", "profile": "nothing"}),
        json!({"within": "6h", "issuer": "issuing"}),
        json!({"within": "6h", "issued_until": "2037-01-15T08:00:00Z"}),
        json!({"within": "6h", "issued_from": "1h", "issued_until": "2h"}),
        json!({"within": "6h", "serial": "01"}),
    ] {
        let refused = order(&ca, &operator, &wrong).await;
        assert_eq!(refused.is("malformed_request").status, 400, "{wrong}");
    }
    ca.check().await;
}

#[tokio::test]
async fn there_are_as_many_orders_as_an_answer_can_look_at() {
    let ca = TestCa::start().await;
    let operator = ca.token(Role::Operator).await;
    let wanted = json!({"within": "6h"});
    for _ in 0..100 {
        assert_eq!(order(&ca, &operator, &wanted).await.status, 200);
    }
    order(&ca, &operator, &wanted).await.is("malformed_request");
    // Until their certificates have ended.
    ca.clock.advance(401 * DAY);
    let operator = ca.token(Role::Operator).await;
    assert_eq!(order(&ca, &operator, &wanted).await.status, 200);
    ca.check().await;
}

/// A CA whose Wi-Fi profiles revoke what was superseded a week ago.
async fn revoking() -> TestCa {
    let configure = |text: String| {
        let mut text = text;
        for profile in ["wifi-user", "wifi-device"] {
            let name = format!("name = \"{profile}\"\n");
            assert!(text.contains(&name));
            let superseded = "superseded = { revoke_after = \"7d\" }";
            text = text.replace(&name, &format!("{name}{superseded}\n"));
        }
        text
    };
    TestCa::start_with(configure, |options| options).await
}

/// Names of what was revoked, in order.
async fn revoked(ca: &TestCa) -> Vec<String> {
    let sql = "SELECT issuer_id || '/' || serial FROM revocations
        WHERE reason = 'superseded' AND actor = 'schedule' ORDER BY id";
    ca.rows(sql).await
}

#[tokio::test]
async fn what_was_superseded_is_revoked_after_its_grace() {
    let mut ca = revoking().await;
    let mut one = ca.chromebook(ALICE).await;
    let mut two = ca.chromebook(ALICE).await;
    let user = again(&ca, &mut one, "wifi-user").await;
    let device = again(&ca, &mut one, "wifi-device").await;
    // Neither of these loses its place: another Chromebook, a profile that keeps.
    again(&ca, &mut two, "wifi-user").await;
    again(&ca, &mut one, "vpn-user").await;
    again(&ca, &mut one, "vpn-user").await;
    again(&ca, &mut one, "wifi-user").await;
    again(&ca, &mut one, "wifi-device").await;
    ca.stop().await;
    let clock = ca.clock.clone();
    let (server, mut schedule) = node(&ca, &clock, 81).await;
    // Not before its time; and not by a clock that nobody has confirmed.
    server.resources().verifier.generate().await.unwrap();
    clock.advance(5 * DAY);
    schedule.run_due().await.unwrap();
    assert_eq!(revoked(&ca).await, Vec::<String>::new());
    clock.advance(DAY);
    let (unsure, mut early) = node(&ca, &clock, 84).await;
    early.run_due().await.unwrap();
    assert_eq!(revoked(&ca).await, Vec::<String>::new());
    unsure.resources().store.close().await;
    // The process ends behind the revocation, before it is remembered, and then behind that.
    let note = type_name::<NoteSuperseded>();
    for fate in [Fate::Lost, Fate::Unconfirmed] {
        ca.commits.next(note, fate);
        assert!(schedule.run_due().await.is_err());
        assert_eq!(revoked(&ca).await, std::slice::from_ref(&user));
    }
    schedule.run_due().await.unwrap();
    assert_eq!(revoked(&ca).await, std::slice::from_ref(&user), "once");
    clock.advance(DAY);
    schedule.run_due().await.unwrap();
    let done = [user.clone(), device];
    assert_eq!(revoked(&ca).await, done);
    // A second node finds nothing left.
    let (other, mut second) = node(&ca, &clock, 82).await;
    other.resources().verifier.generate().await.unwrap();
    clock.advance(60);
    second.run_due().await.unwrap();
    assert_eq!(revoked(&ca).await, done);
    for server in [server, other] {
        server.resources().store.close().await;
    }
    ca.serve().await.unwrap();
    assert_eq!(told(&ca, &user).await["status"], "revoked");
    ca.check().await;
}

#[tokio::test]
async fn a_successor_that_is_not_good_supersedes_nothing_and_much_is_done_in_parts() {
    let mut ca = revoking().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    let first = again(&ca, &mut chromebook, "wifi-device").await;
    let second = again(&ca, &mut chromebook, "wifi-device").await;
    revoke(&ca, &second).await;
    // Six hundred of other people stand between them and the next.
    let copies = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)
        INSERT INTO certificates (kind, certified_key_id, state, issuer_id, serial, profile,
            profile_hash, identity, spki_sha256, tbs, not_before, not_after, renew_after, intended_at,
            closed_at)
        SELECT kind, certified_key_id, 'abandoned', issuer_id, 'copy ' || i, profile, profile_hash,
            identity || i, spki_sha256, tbs, not_before, not_after, renew_after, intended_at, intended_at
        FROM certificates, n WHERE id = (SELECT max(id) FROM certificates)";
    ca.execute(copies).await;
    ca.stop().await;
    let clock = ca.clock.clone();
    let (server, mut schedule) = node(&ca, &clock, 83).await;
    server.resources().verifier.generate().await.unwrap();
    clock.advance(8 * DAY);
    let done = async || {
        ca.rows("SELECT CAST(done AS TEXT) FROM superseding ORDER BY profile")
            .await
    };
    for parts in 1..=3 {
        schedule.run_due().await.unwrap();
        let done = done().await;
        assert_eq!(done.len(), 2, "{parts}: {done:?}");
    }
    let all = ca
        .count("SELECT max(id) FROM certificates")
        .await
        .to_string();
    assert_eq!(done().await, [all.clone(), all]);
    assert_eq!(revoked(&ca).await, Vec::<String>::new());
    server.resources().store.close().await;
    ca.execute("DELETE FROM certificates WHERE state = 'abandoned'")
        .await;
    ca.serve().await.unwrap();
    assert_eq!(told(&ca, &first).await["status"], "good");
    ca.check().await;
}
