//! From "this Chromebook is lost" to doors that stay shut.

use std::any::type_name;

use serde_json::{Value, json};
use vaca::clock::Clock as _;
use vaca::model::role::Role;
use vaca::store::crls::{IntendCrl, RecordCrl};
use vaca::store::fate::Fate::{self, Lost, Unconfirmed};
use vaca::store::revocations::Revoke;
use vaca_emulator::KeyAlgorithm;

use crate::admin::{get, post};
use crate::support::openssl::{openssl, run, said, self_signed};
use crate::support::{ALICE, Answer, START, TestCa, eventually};

const REVOCATIONS: &str = "/v1/admin/revocations";
/// Longer than revocations wait for each other, in seconds.
const SOON: i64 = 6;

async fn revoked(ca: &TestCa) -> i64 {
    ca.count("SELECT count(*) FROM revocations").await
}

/// The lines of the issuing CA's list that is served.
async fn listed(ca: &TestCa) -> i64 {
    ca.count(
        "SELECT coalesce(max(entries), 0) FROM crls c WHERE state = 'issued' AND number =
            (SELECT max(number) FROM crls WHERE state = 'issued' AND issuer_id = c.issuer_id)",
    )
    .await
}

#[tokio::test]
async fn a_lost_chromebook_opens_nothing_until_an_operator_says_so() {
    let ca = TestCa::start().await;
    let operator = ca.token(Role::Operator).await;
    let mut lost = ca.chromebook(ALICE).await;
    let device = ca.enroll_device(&mut lost, KeyAlgorithm::Ecdsa).await;
    let response = ca
        .response(
            &mut lost,
            "wifi-user",
            vaca_emulator::Scope::User,
            KeyAlgorithm::Ecdsa,
        )
        .await;
    let user = ca.present(&response, "wifi-user", Some(ALICE)).await;
    device.issued();
    user.issued();
    let id = ca
        .rows("SELECT device_permanent_id FROM certificates WHERE device_permanent_id IS NOT NULL")
        .await
        .remove(0);
    let mut order = json!({ "device": id, "reason": "privilegeWithdrawn", "dry_run": true });
    let plan = post(&ca, &operator, REVOCATIONS, &order).await;
    assert_eq!(plan.status, 200, "{}", plan.text);
    let linked = plan.json["to_revoke"].as_i64().unwrap();
    assert!(linked >= 1, "{}", plan.text);
    assert!(plan.text.contains(&format!("device:{id}")), "{}", plan.text);
    assert_eq!(revoked(&ca).await, 0, "a dry run");
    order["dry_run"] = json!(false);
    let done = post(&ca, &operator, REVOCATIONS, &order).await;
    assert_eq!(done.json["revoked"], linked, "{}", done.text);
    // The same again changes nothing.
    let again = post(&ca, &operator, REVOCATIONS, &order).await;
    assert_eq!(
        (&again.json["revoked"], &again.json["already_revoked"]),
        (&json!(0), &json!(linked))
    );
    // By policy: nothing new for the device.
    ca.clock.advance(61);
    let refused = ca.enroll_device(&mut lost, KeyAlgorithm::Ecdsa).await;
    refused.is("blocked");
    let blocks = get(&ca, &operator, "/v1/admin/blocks").await;
    assert!(blocks.text.contains(&id), "{}", blocks.text);
    let lift = format!("/v1/admin/blocks/device:{id}/lift");
    for id in blocks.json["items"].as_array().unwrap() {
        let value = id["value"].as_str().unwrap();
        let lift = format!("/v1/admin/blocks/device:{value}/lift");
        let lifted = post(&ca, &operator, &lift, &json!({})).await;
        assert_eq!(lifted.status, 200, "{}", lifted.text);
    }
    post(&ca, &operator, &lift, &json!({}))
        .await
        .is("not_found");
    ca.clock.advance(61);
    ca.enroll_device(&mut lost, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    // What was revoked is not handed out again.
    let order = json!({ "email": ALICE, "reason": "affiliation_changed" });
    let done = post(&ca, &operator, REVOCATIONS, &order).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let gone = ca.present(&response, "wifi-user", Some(ALICE)).await;
    gone.is("outcome_expired");
    assert_eq!(gone.serial(), user.serial());
    ca.check().await;
}

async fn many(ca: &TestCa, count: usize) -> Vec<Answer> {
    let mut issued = Vec::with_capacity(count);
    for _ in 0..count {
        let mut chromebook = ca.chromebook(ALICE).await;
        let answer = ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa).await;
        answer.issued();
        issued.push(answer);
    }
    issued
}

#[tokio::test]
async fn more_than_a_few_need_a_second_look_at_exactly_these() {
    let ca = TestCa::start().await;
    let operator = ca.token(Role::Operator).await;
    let issued = many(&ca, 27).await;
    let all = |extra: Value| {
        let mut order = json!({ "profile": "wifi-device", "reason": "superseded" });
        let members = extra.as_object().unwrap().clone();
        order.as_object_mut().unwrap().extend(members);
        order
    };
    let dry_run = all(json!({ "dry_run": true }));
    let plan = post(&ca, &operator, REVOCATIONS, &dry_run).await;
    assert_eq!(plan.json["to_revoke"], 27, "{}", plan.text);
    assert_eq!(plan.json["confirmation_required"], true);
    assert_eq!(plan.json["to_block"], json!([]));
    let refused = post(&ca, &operator, REVOCATIONS, &all(json!({}))).await;
    refused.is("confirmation_required");
    assert!(refused.text.contains("27 more"), "{}", refused.text);
    // One more device, and it is another set.
    let digest = plan.json["digest"].as_str().unwrap().to_owned();
    let confirmed = all(json!({ "confirm": digest }));
    let more = many(&ca, 1).await.remove(0);
    let other = post(&ca, &operator, REVOCATIONS, &confirmed).await;
    other.is("other_selection");
    assert_eq!(revoked(&ca).await, 0);
    let one = json!({ "serials": [more.serial()], "reason": "superseded" });
    let done = post(&ca, &operator, REVOCATIONS, &one).await;
    assert_eq!(done.json["revoked"], 1, "{}", done.text);
    let plan = post(&ca, &operator, REVOCATIONS, &dry_run).await;
    assert_eq!(plan.json["revoked_within_a_day"], 1);
    // Half of it was done, and then somebody pulled the plug: the same confirmation goes on.
    let digest = plan.json["digest"].as_str().unwrap().to_owned();
    let part: Vec<&str> = issued.iter().take(10).map(Answer::serial).collect();
    let part = json!({ "serials": part, "reason": "superseded" });
    let done = post(&ca, &operator, REVOCATIONS, &part).await;
    assert_eq!(done.json["revoked"], 10, "{}", done.text);
    let confirmed = all(json!({ "confirm": digest }));
    let done = post(&ca, &operator, REVOCATIONS, &confirmed).await;
    assert_eq!(
        (&done.json["revoked"], &done.json["already_revoked"]),
        (&json!(17), &json!(11)),
        "{}",
        done.text
    );
    assert_eq!(revoked(&ca).await, 28);
    ca.clock.advance(SOON);
    eventually("the list has them all", async || listed(&ca).await == 28).await;
    // A day later there is room again.
    ca.clock.advance(24 * 60 * 60 + 1);
    let plan = post(&ca, &operator, REVOCATIONS, &dry_run).await;
    assert_eq!(plan.json["revoked_within_a_day"], 0, "{}", plan.text);
    ca.check().await;
}

#[tokio::test]
async fn what_makes_no_sense_revokes_nothing() {
    let ca = TestCa::start().await;
    let operator = ca.token(Role::Operator).await;
    let (_chromebook, response) = ca.alices_response().await;
    let issued = ca.present_alices(&response).await;
    let serial = issued.serial();
    for (order, said) in [
        (json!({ "reason": "superseded" }), "say which"),
        (
            json!({ "serials": [serial], "reason": "certificateHold" }),
            "un-revoke",
        ),
        (
            json!({ "serials": [serial], "reason": "removeFromCRL" }),
            "un-revoke",
        ),
        (
            json!({ "serials": [serial], "reason": "aACompromise" }),
            "attribute",
        ),
        (
            json!({ "serials": [serial], "reason": "lost" }),
            "a reason is",
        ),
        (
            json!({ "serials": [serial], "reason": "ca_compromise" }),
            "above yours",
        ),
        (
            json!({ "serials": ["zz"], "reason": "superseded" }),
            "hexadecimal",
        ),
        (
            json!({ "serials": ["x/01"], "reason": "superseded" }),
            "16 digits",
        ),
        (
            json!({ "serials": [serial], "email": ALICE, "reason": "superseded" }),
            "one of them",
        ),
        (
            json!({ "device": "\u{202e}", "reason": "superseded" }),
            "device is",
        ),
        (
            json!({ "email": "alice@*", "reason": "superseded" }),
            "email is",
        ),
        (
            json!({ "profile": "x", "issued_from": "soon", "reason": "superseded" }),
            "issued_from",
        ),
        (
            json!({ "issued_from": "1d", "issued_until": "2d", "reason": "superseded" }),
            "before",
        ),
        (
            json!({ "serials": [serial], "reason": "superseded", "all": true }),
            "unknown",
        ),
    ] {
        let refused = post(&ca, &operator, REVOCATIONS, &order).await;
        refused.is("malformed_request");
        assert!(refused.text.contains(said), "{order}: {}", refused.text);
    }
    // Numbers that nobody has, and another issuer's.
    for nobody in ["0102", "0123456789abcdef/0102"] {
        let order = json!({ "serials": [nobody, serial], "reason": "superseded" });
        let refused = post(&ca, &operator, REVOCATIONS, &order).await;
        refused.is("malformed_request");
        assert!(refused.text.contains("0102"), "{}", refused.text);
    }
    // A CA's own certificate ends all that it has signed.
    let issuing = "SELECT serial FROM certificates WHERE kind = 'issuing'";
    let issuing = ca.rows(issuing).await.remove(0);
    let order = json!({ "serials": [issuing], "reason": "superseded" });
    let refused = post(&ca, &operator, REVOCATIONS, &order).await;
    refused.is("malformed_request");
    let auditor = ca.token(Role::Auditor).await;
    let order = json!({ "serials": [serial], "reason": "superseded" });
    post(&ca, &auditor, REVOCATIONS, &order)
        .await
        .is("not_found");
    assert_eq!(revoked(&ca).await, 0);
    ca.check().await;
}

#[tokio::test]
async fn whatever_becomes_of_a_commit_nothing_is_un_revoked() {
    let ca = TestCa::start().await;
    let operator = ca.token(Role::Operator).await;
    let cases: [(&str, Fate); 6] = [
        (type_name::<Revoke>(), Lost),
        (type_name::<Revoke>(), Unconfirmed),
        (type_name::<IntendCrl>(), Lost),
        (type_name::<IntendCrl>(), Unconfirmed),
        (type_name::<RecordCrl>(), Lost),
        (type_name::<RecordCrl>(), Unconfirmed),
    ];
    for (turn, (write, fate)) in cases.into_iter().enumerate() {
        let name = format!("{write} {fate:?}");
        let turn = i64::try_from(turn).unwrap() + 1;
        let mut chromebook = ca.chromebook(ALICE).await;
        let issued = ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa).await;
        issued.issued();
        let order = json!({ "serials": [issued.serial()], "reason": "key_compromise" });
        ca.commits.next(write, fate);
        let done = post(&ca, &operator, REVOCATIONS, &order).await;
        if write == type_name::<Revoke>() {
            done.is("storage_unavailable");
            let kept = if fate == Lost { turn - 1 } else { turn };
            assert_eq!(revoked(&ca).await, kept, "{name}");
            let again = post(&ca, &operator, REVOCATIONS, &order).await;
            assert_eq!(again.status, 200, "{name}: {}", again.text);
        }
        assert_eq!(revoked(&ca).await, turn, "{name}");
        // A list that failed is tried again after a minute.
        ca.clock.advance(SOON);
        eventually("what was planned happens", async || ca.commits.struck()).await;
        let is_listed = async || {
            ca.clock.advance(7);
            listed(&ca).await == turn
        };
        eventually(&name, is_listed).await;
    }
    ca.check().await;
}

#[tokio::test]
async fn a_certificate_that_nobody_meant_to_sign_is_found_and_revoked() {
    let ca = TestCa::start().await;
    let operator = ca.token(Role::Operator).await;
    let folder = ca.folder.path();
    // Somebody has the key.
    let steps = [
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout mallory.key -subj /CN=root -out mallory.csr",
        "x509 -req -in mallory.csr -CA issuing/issuing.crt -CAkey issuing/issuing.key -passin file:issuing/passphrase -set_serial 0x0a0b -days 3650 -out mallory.crt",
    ];
    for step in steps {
        openssl(&step.split(' ').collect::<Vec<_>>(), folder).await;
    }
    let vaca = async |arguments: &str| {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let output = run(env!("CARGO_BIN_EXE_vaca"), &arguments, folder).await;
        (output.status.code(), said(&output))
    };
    assert!(ca.ready("database").await);
    let (code, found) = vaca("certificates identify mallory.crt").await;
    assert_eq!(code, Some(1), "{found}");
    assert!(
        found.contains("/0a0b was not in the record") && found.contains("ALARM"),
        "{found}"
    );
    let (code, again) = vaca("certificates identify mallory.crt").await;
    assert_eq!(code, Some(0), "{again}");
    let report = ca.get("/readyz").await;
    assert!(report.text.contains("compromised"), "{}", report.text);
    let order = json!({ "serials": ["0a0b"], "reason": "key_compromise" });
    let done = post(&ca, &operator, REVOCATIONS, &order).await;
    assert_eq!(done.json["revoked"], 1, "{}", done.text);
    assert!(!ca.get("/readyz").await.text.contains("compromised"));
    ca.clock.advance(SOON);
    eventually("it is listed", async || listed(&ca).await == 1).await;
    // A stranger's, and ours.
    self_signed(folder, "stranger").await;
    let (code, stranger) = vaca("certificates identify stranger.crt").await;
    assert_eq!(code, Some(1));
    assert!(
        stranger.contains("no certificate that an issuing CA"),
        "{stranger}"
    );
    ca.check().await;
}

#[tokio::test]
async fn the_command_line_shows_then_revokes() {
    let ca = TestCa::start().await;
    let issued = many(&ca, 2).await;
    let folder = ca.folder.path();
    let vaca = async |arguments: &str| {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let output = run(env!("CARGO_BIN_EXE_vaca"), &arguments, folder).await;
        (output.status.success(), said(&output))
    };
    let numbers = format!("# lost\n\n{}\n{}\n", issued[0].serial(), issued[1].serial());
    std::fs::write(folder.join("numbers"), numbers).unwrap();
    let (good, shown) =
        vaca("revoke --serials-file numbers --reason key_compromise --dry-run").await;
    assert!(good && shown.contains("would revoke 2 (0 more"), "{shown}");
    assert!(
        shown.contains("would block") && shown.contains("confirmation (not needed)"),
        "{shown}"
    );
    assert_eq!(revoked(&ca).await, 0);
    let (good, told) =
        vaca("revoke --serials-file numbers --reason key_compromise --no-block").await;
    assert!(
        good && told.contains("2 revoked now, 0 before; 0 ids blocked now"),
        "{told}"
    );
    let (good, told) = vaca("revoke --serials-file numbers --reason superseded").await;
    assert!(good && told.contains("0 revoked now, 2 before"), "{told}");
    for (wrong, said) in [
        (
            "revoke --serial 0102 --reason superseded",
            "no certificate has the number 0102",
        ),
        (
            "revoke --serial xyz --reason superseded",
            "no serial number",
        ),
        ("revoke --serial 01 --reason certificateHold", "un-revoke"),
        ("revoke --reason superseded", "say which certificates"),
        (
            "revoke --serials-file missing --reason superseded",
            "cannot read",
        ),
        (
            "revoke --issuer nobody --reason superseded",
            "named as in the configuration",
        ),
        ("blocks lift nobody@example.com", "is not blocked"),
    ] {
        let (good, told) = vaca(wrong).await;
        assert!(!good && told.contains(said), "{wrong}: {told}");
    }
    let (good, told) = vaca("blocks add bob@example.com --reason left").await;
    assert!(
        good && told.contains("bob@example.com is blocked now"),
        "{told}"
    );
    let (_, listed) = vaca("blocks list").await;
    assert!(listed.contains("user:bob@example.com"), "{listed}");
    let (good, told) = vaca("blocks lift user:bob@example.com").await;
    assert!(good && told.contains("may enrol again"), "{told}");
    ca.check().await;
}

#[tokio::test]
async fn a_roots_lists_are_signed_where_its_key_is() {
    let ca = TestCa::start().await;
    let folder = ca.folder.path();
    let vaca = async |arguments: &str| {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let output = run(env!("CARGO_BIN_EXE_vaca"), &arguments, folder).await;
        (output.status.success(), said(&output))
    };
    let (good, told) =
        vaca("crl sign-root --count 3 --every 90d --lifetime 100d --out lists").await;
    assert!(good && told.contains("3 CRLs signed"), "{told}");
    let (_, shown) = vaca("crl list").await;
    let root = ca
        .rows("SELECT issuer_id FROM certificates WHERE kind = 'root'")
        .await
        .remove(0);
    let ahead = |line: &&str| line.starts_with(&root) && line.ends_with("signed ahead");
    assert_eq!(shown.lines().filter(ahead).count(), 2, "{shown}");
    // Someone else's list of the root's, and one that is older than what there is.
    let (good, told) = vaca(&format!("crl import lists/{root}-4.crl")).await;
    assert!(!good && told.contains("not above 4"), "{told}");
    let (good, told) = vaca("crl import root.crt").await;
    assert!(!good && told.contains("no CRL of a root"), "{told}");
    // The issuing CA is revoked by an administrator, and the next list has it.
    let administrator = ca.token(Role::Administrator).await;
    let serial = ca
        .rows("SELECT serial FROM certificates WHERE kind = 'issuing'")
        .await
        .remove(0);
    let mut order = json!({ "serials": [serial], "reason": "cACompromise" });
    let refused = post(&ca, &administrator, REVOCATIONS, &order).await;
    refused.is("confirmation_required");
    order["dry_run"] = json!(true);
    let plan = post(&ca, &administrator, REVOCATIONS, &order).await;
    assert_eq!(plan.json["confirmation_required"], true, "{}", plan.text);
    order["dry_run"] = json!(false);
    order["confirm"] = plan.json["digest"].clone();
    let done = post(&ca, &administrator, REVOCATIONS, &order).await;
    assert_eq!(done.json["revoked"], 1, "{}", done.text);
    let report = ca.get("/readyz").await.text;
    assert!(report.contains("lacks a CA that was revoked"), "{report}");
    let (good, told) = vaca("crl sign-root").await;
    assert!(good && told.contains("number 5"), "{told}");
    let entries = "SELECT entries FROM crls WHERE number = 5";
    assert_eq!(ca.count(entries).await, 1);
    ca.check().await;
}

#[tokio::test]
async fn a_clock_that_jumps_takes_nothing_off_the_list() {
    let ca = TestCa::start().await;
    let operator = ca.token(Role::Operator).await;
    let issued = many(&ca, 2).await;
    let order =
        |answer: &Answer| json!({ "serials": [answer.serial()], "reason": "key_compromise" });
    post(&ca, &operator, REVOCATIONS, &order(&issued[0])).await;
    ca.clock.advance(SOON);
    eventually("the first is listed", async || listed(&ca).await == 1).await;
    let before = ca.count("SELECT max(number) FROM crls").await;
    // A year ahead, as far as this node knows: Google has not confirmed it, so nothing is signed and
    // nothing leaves the list.
    ca.clock.jump(366 * 24 * 60 * 60);
    for _ in 0..3 {
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    }
    assert_eq!(ca.count("SELECT max(number) FROM crls").await, before);
    assert_eq!(listed(&ca).await, 1);
    ca.clock.jump(-366 * 24 * 60 * 60);
    assert!(ca.clock.now() < START.plus(3600));
    ca.check().await;
}
