//! What relying parties are told of certificates.

use std::net::Ipv4Addr;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use vaca::model::role::Role;
use vaca_emulator::KeyAlgorithm;

use crate::support::{ALICE, Answer, TestCa};

const DAY: i64 = 24 * 60 * 60;
const KEY: KeyAlgorithm = KeyAlgorithm::Ecdsa;
const ATTRIBUTES: &str = "attributes = { Filter-Id = \"staff\", Tunnel-Private-Group-Id = \"20\" }";

async fn ca() -> TestCa {
    let user = "[[profile]]\nname = \"wifi-user\"";
    let configure = |text: String| text.replace(user, &format!("{user}\n{ATTRIBUTES}"));
    TestCa::start_with(configure, |options| options).await
}

/// A relying party with its token.
struct Party<'a> {
    ca: &'a TestCa,
    token: String,
}

impl<'a> Party<'a> {
    async fn of(ca: &'a TestCa) -> Self {
        let token = ca.token(Role::RelyingParty).await;
        Self { ca, token }
    }

    async fn ask(&self, what: &str) -> Answer {
        self.ask_at(&self.ca.admin, what).await
    }

    async fn ask_at(&self, base: &str, what: &str) -> Answer {
        let client = self.ca.client_at(Ipv4Addr::LOCALHOST);
        let request = client.get(format!("{base}/v1/status/{what}"));
        Answer::of(request.bearer_auth(&self.token).send().await.unwrap()).await
    }

    /// What it is told, in full.
    async fn told(&self, what: &str) -> Value {
        let answer = self.ask(what).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("cache-control"), "private, max-age=5");
        assert_eq!(answer.json["status"], answer.header("vaca-status"));
        answer.json
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// `issuer/serial` and `sha256/fingerprint` of the one certificate for which `condition` is true.
async fn names(ca: &TestCa, condition: &str) -> (String, String) {
    let rows = ca.store.certificates(None, 100).await.unwrap();
    let row = format!("SELECT id FROM certificates WHERE {condition}");
    let row = ca.count(AssertSqlSafe(row)).await;
    let row = rows.iter().find(|found| found.row == row).unwrap();
    let name = format!("{}/{}", row.issuer, row.serial);
    let sha256 = hex(digest(&SHA256, row.der.as_ref().unwrap()).as_ref());
    (name, format!("sha256/{sha256}"))
}

#[tokio::test]
async fn a_certificate_is_good_until_it_is_revoked_or_ends() {
    let ca = ca().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    let user = ca.enroll_user(&mut chromebook, KEY).await;
    let device = ca.enroll_device(&mut chromebook, KEY).await;
    let (name, sha256) = names(&ca, "profile = 'wifi-user'").await;
    let party = Party::of(&ca).await;
    let good = party.told(&name).await;
    let (issuer, serial) = name.split_once('/').unwrap();
    let expected = json!({
        "status": "good",
        "reason": null,
        "revoked_at": null,
        "not_before": user.json["not_before"],
        "not_after": user.json["not_after"],
        "issuer": issuer,
        "serial": serial,
        "sha256": sha256.strip_prefix("sha256/").unwrap(),
        "profile": "wifi-user",
        "email": ALICE,
        "device_permanent_id": null,
        "attributes": {"Filter-Id": "staff", "Tunnel-Private-Group-Id": "20"},
    });
    assert_eq!(good, expected);
    assert_eq!(party.told(&sha256).await, expected);
    // As openssl prints a fingerprint, and nginx a number.
    let digits = sha256.strip_prefix("sha256/").unwrap().as_bytes();
    let colons: Vec<_> = digits
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap().to_uppercase())
        .collect();
    let printed = format!("sha256/{}", colons.join(":"));
    assert_eq!(party.told(&printed).await, expected);
    assert_eq!(party.told(&name.to_uppercase()).await, expected);

    let (device_name, _) = names(&ca, "profile = 'wifi-device'").await;
    let told = party.told(&device_name).await;
    assert_eq!(told["email"], Value::Null);
    assert_eq!(told["serial"], device.serial());
    assert!(told["device_permanent_id"].is_string());
    assert_eq!(told["attributes"], json!({}));

    ca.clock.advance(100);
    ca.revoke_where("profile = 'wifi-user'").await;
    let revoked = party.told(&name).await;
    let mut expected = expected;
    expected["status"] = json!("revoked");
    expected["reason"] = json!("key_compromise");
    expected["revoked_at"] = json!("2027-01-15T08:01:40Z");
    expected["attributes"] = json!({});
    assert_eq!(revoked, expected);
    assert_eq!(party.told(&sha256).await, expected);

    ca.clock.advance(30 * DAY);
    assert_eq!(party.told(&device_name).await["status"], "expired");
    assert_eq!(party.told(&name).await["status"], "revoked");
    ca.check().await;
}

#[tokio::test]
async fn what_opens_no_door_is_unknown() {
    let ca = ca().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_user(&mut chromebook, KEY).await.issued();
    let (name, sha256) = names(&ca, "profile = 'wifi-user'").await;
    let (root, root_sha256) = names(&ca, "kind = 'root'").await;
    let (issuing, issuing_sha256) = names(&ca, "kind = 'issuing'").await;
    let (issuer, serial) = name.split_once('/').unwrap();
    let party = Party::of(&ca).await;
    let nothing = json!({
        "status": "unknown", "reason": null, "revoked_at": null, "not_before": null,
        "not_after": null, "issuer": null, "serial": null, "sha256": null, "profile": null,
        "email": null, "device_permanent_id": null, "attributes": {},
    });
    // The same first 64 bits, which are what the index holds, and another end.
    let forged = format!("{}{}", &sha256[..sha256.len() - 48], "0".repeat(48));
    for unknown in [
        &root,
        &root_sha256,
        &issuing,
        &issuing_sha256,
        &forged,
        &format!("sha256/{}", "0".repeat(64)),
        &format!(
            "{}/{serial}",
            root.split_once('/').unwrap().0.replace('0', "1")
        ),
        &format!("0000000000000000/{serial}"),
        &format!("{issuer}/01{}", "0".repeat(30)),
    ] {
        assert_eq!(party.told(unknown).await, nothing, "{unknown}");
        let required = party.ask(&format!("{unknown}?require=good")).await;
        assert_eq!(required.status, 403, "{unknown}");
        assert_eq!(required.json, nothing, "{unknown}");
    }
    // One that nobody meant to sign, and one that was never signed.
    let of = format!("serial = '{serial}'");
    let unrecorded = "kind = 'unrecorded', attempt_id = NULL, certified_key_id = NULL";
    let sql = format!("UPDATE certificates SET {unrecorded} WHERE {of}");
    ca.execute(AssertSqlSafe(sql)).await;
    assert_eq!(party.told(&name).await, nothing);
    ca.revoke_where(&of).await;
    let revoked = party.told(&name).await;
    assert_eq!(revoked["status"], "revoked");
    assert_eq!(revoked["attributes"], json!({}));
    assert_eq!(party.ask(&format!("{name}?require=good")).await.status, 403);
}

#[tokio::test]
async fn a_name_that_is_none_is_told_apart_from_an_unknown_one() {
    let ca = ca().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_user(&mut chromebook, KEY).await.issued();
    let (name, sha256) = names(&ca, "profile = 'wifi-user'").await;
    let (issuer, serial) = name.split_once('/').unwrap();
    let party = Party::of(&ca).await;
    for wrong in [
        format!("{issuer}/{}", &serial[1..]),
        format!("{issuer}/{serial}0011223344"),
        format!("{issuer}/82{}", &serial[2..]),
        format!("{issuer}/00{serial}"),
        format!("{issuer}x/{serial}"),
        format!("*/{serial}"),
        format!("{issuer}/%00"),
        "sha256/abcd".to_owned(),
        format!("sha256/{serial}"),
        format!("sha1/{}", "0".repeat(40)),
        format!("{name}?require=revoked"),
        format!("{name}?require=good&require=good"),
        format!("{name}?format=xml"),
        format!("{name}?format=freeradius&profile=admin"),
        format!("{sha256}?require="),
    ] {
        let answer = party.ask(&wrong).await;
        assert_eq!(answer.is("malformed_query").status, 400, "{wrong}");
    }
    // By a number alone nothing is found, whoever asks.
    for nowhere in [serial.to_owned(), format!("{name}/x"), String::new()] {
        let answer = party.ask(&nowhere).await;
        assert_eq!(answer.is("not_found").status, 404, "{nowhere}");
    }
    // A stranger learns nothing, and neither does anybody on the other listeners.
    let client = ca.client_at(Ipv4Addr::LOCALHOST);
    for base in [&ca.admin, &ca.api, &ca.pki] {
        let answer = client.get(format!("{base}/v1/status/{name}")).send().await;
        Answer::of(answer.unwrap()).await.is("not_found");
    }
    for base in [&ca.api, &ca.pki] {
        party.ask_at(base, &name).await.is("not_found");
    }
    ca.check().await;
}

#[tokio::test]
async fn servers_that_read_a_status_code_are_told_by_it() {
    let ca = ca().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_user(&mut chromebook, KEY).await.issued();
    ca.enroll_device(&mut chromebook, KEY).await.issued();
    let (name, sha256) = names(&ca, "profile = 'wifi-user'").await;
    let (device, _) = names(&ca, "profile = 'wifi-device'").await;
    let party = Party::of(&ca).await;
    for name in [&name, &sha256] {
        let good = party.ask(&format!("{name}?require=good")).await;
        assert_eq!((good.status, &good.json["status"]), (200, &json!("good")));
        for (field, value) in [
            ("vaca-status", "good"),
            ("vaca-profile", "wifi-user"),
            ("vaca-email", ALICE),
            ("vaca-attribute-filter-id", "staff"),
            ("vaca-attribute-tunnel-private-group-id", "20"),
        ] {
            assert_eq!(good.header(field), value, "{field}");
        }
        assert!(!good.headers.contains_key("vaca-device"));
        let radius = party.ask(&format!("{name}?format=freeradius")).await;
        assert_eq!(radius.status, 200);
        let set = |value| json!({"op": ":=", "do_xlat": false, "value": [value]});
        let expected = json!({
            "control:Vaca-Status": set("good"),
            "reply:Filter-Id": set("staff"),
            "reply:Tunnel-Private-Group-Id": set("20"),
        });
        assert_eq!(radius.json, expected);
    }
    let id = party.told(&device).await["device_permanent_id"].clone();
    let good = party.ask(&format!("{device}?require=good")).await;
    assert_eq!(good.header("vaca-device"), id);

    ca.revoke_where("profile = 'wifi-user'").await;
    for form in [
        "require=good",
        "format=freeradius",
        "require=good&format=freeradius",
    ] {
        let refused = party.ask(&format!("{name}?{form}")).await;
        assert_eq!(refused.status, 403, "{form}");
        assert_eq!(refused.header("cache-control"), "private, max-age=5");
        assert_eq!(refused.header("vaca-status"), "revoked");
        let fields = refused.headers.keys();
        let said = fields.filter(|field| field.as_str().starts_with("vaca-"));
        assert_eq!(said.count(), 1, "nothing but the status");
    }
    let refused = party.ask(&format!("{name}?format=freeradius")).await;
    let set = |value| json!({"op": ":=", "do_xlat": false, "value": [value]});
    let expected = json!({"control:Vaca-Status": set("revoked")});
    assert_eq!(refused.json, expected);
    ca.check().await;
}

#[tokio::test]
async fn what_one_node_revokes_the_other_tells_at_once() {
    let ca = ca().await;
    if crate::support::Engine::Postgres.is_absent("two nodes share a server") {
        return;
    }
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_user(&mut chromebook, KEY).await.issued();
    let (name, _) = names(&ca, "profile = 'wifi-user'").await;
    let other = ca.node(7).await;
    let party = Party::of(&ca).await;
    let both = [&ca.admin, &other.admin];
    for base in both {
        let told = party.ask_at(base, &name).await;
        assert_eq!(told.json["status"], "good", "{}", told.text);
    }
    ca.revoke_where("profile = 'wifi-user'").await;
    for base in both {
        let told = party.ask_at(base, &name).await;
        assert_eq!(told.json["status"], "revoked", "{}", told.text);
    }
    other.stop().await;
    ca.check().await;
}

#[tokio::test]
async fn it_is_counted_and_not_written_down() {
    let ca = ca().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_user(&mut chromebook, KEY).await.issued();
    let (name, sha256) = names(&ca, "profile = 'wifi-user'").await;
    let party = Party::of(&ca).await;
    let before = ca.count("SELECT count(*) FROM events").await;
    for what in [&name, &sha256, &format!("sha256/{}", "0".repeat(64))] {
        party.told(what).await;
    }
    assert_eq!(ca.count("SELECT count(*) FROM events").await, before);
    let metrics = ca.scrape().await.text;
    for line in [
        "vaca_status_answers_total{status=\"good\"} 2",
        "vaca_status_answers_total{status=\"unknown\"} 1",
        "vaca_status_answers_total{status=\"revoked\"} 0",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    ca.check().await;
}

#[tokio::test]
async fn other_attributes_end_no_attempt_and_a_removed_profile_has_none() {
    let mut ca = ca().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_user(&mut chromebook, KEY).await.issued();
    let (name, _) = names(&ca, "profile = 'wifi-user'").await;
    let (_other, open) = ca.alices_response().await;
    ca.emulator.faults().next(
        vaca_emulator::Call::Verify,
        vaca_emulator::Fault::status("503"),
    );
    let before = ca.present_alices(&open).await;
    ca.stop().await;
    ca.reconfigure("\"staff\"", "\"pupils\"");
    ca.serve().await.unwrap();
    if before.status != 201 {
        ca.present_alices(&open).await.issued();
    }
    let told = Party::of(&ca).await.told(&name).await;
    assert_eq!(told["attributes"]["Filter-Id"], "pupils");
    ca.stop().await;
    ca.reconfigure("name = \"wifi-user\"", "name = \"renamed\"");
    ca.serve().await.unwrap();
    let told = Party::of(&ca).await.told(&name).await;
    assert_eq!(told["status"], "good");
    assert_eq!(told["attributes"], json!({}));
    ca.check().await;
}
