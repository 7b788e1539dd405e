//! What is not kept for ever: an old attempt loses its personal data, then goes; the certificate and
//! the audit log stay.

use std::any::type_name;
use std::sync::Arc;

use serde_json::Value;
use sqlx::AssertSqlSafe;
use vaca::clock::{Clock as _, TestClock, Timestamp};
use vaca::config::Config;
use vaca::random::SeededRandom;
use vaca::schedule::Schedule;
use vaca::server::{self, Parts, Server, load_deployment_key};
use vaca::store::StoreError;
use vaca::store::fate::Fate;
use vaca::store::retention::ApplyRetention;
use vaca_emulator::faults::Field;
use vaca_emulator::{Call, Fault, KeyAlgorithm, VirtualChromebook};

use crate::support::openssl::{run, said};
use crate::support::{ALICE, Answer, TestCa, eventually};

const DAY: i64 = 24 * 60 * 60;

/// A CA that shortens after 30 days and deletes after 60, with rules that name people.
async fn ca() -> TestCa {
    let retention = "[retention]\nattempts = \"60d\"\npersonal_data = \"30d\"\n";
    let rule = "[[profile.rule]]\nname = \"not_rsa\"\n\
        expression = \"email != 'bob@example.com' && key_algorithm != 'RSA'\"\n\
        message = \"Alice@Example.com knows.\"\nremedy = \"ask bob@example.com\"\n";
    let configure = |text: String| {
        let text = text.replacen("[[issuer]]", &format!("{retention}[[issuer]]"), 1);
        let allow = "allow = \"all_verified\"\n";
        text.replacen(allow, &format!("{allow}{rule}"), 1)
    };
    TestCa::start_with(configure, |options| options).await
}

/// One attempt of each kind: a user's, a device's, one that a rule refused, one that Google refused
/// and one of another customer, whose answer names the device all the same.
struct Outcomes {
    user: Answer,
    device: Answer,
    ruled: Answer,
    weak: Answer,
    stranger: Answer,
    refused: Vec<u8>,
    permanent_id: String,
}

async fn outcomes(ca: &TestCa) -> Outcomes {
    let mut chromebook = ca.chromebook(ALICE).await;
    let user = ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa).await;
    user.issued();
    let device = ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa).await;
    device.issued();
    let mut old = ca.chromebook(ALICE).await;
    let refused = rsa_response(ca, &mut old).await;
    let ruled = ca.present_alices(&refused).await;
    ruled.is("refused_by_rule");
    let without_key = Fault::Set {
        field: Field::SignedPublicKeyAndChallenge,
        value: String::new(),
    };
    ca.emulator.faults().next(Call::Verify, without_key);
    let weak = ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa).await;
    weak.is("certificate_request_missing");
    let other = Fault::Set {
        field: Field::CustomerId,
        value: "C0other".to_owned(),
    };
    ca.emulator.faults().next(Call::Verify, other);
    let stranger = ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa).await;
    stranger.is("wrong_customer");
    let ids = "SELECT device_permanent_id FROM certificates WHERE device_permanent_id IS NOT NULL";
    let permanent_id = ca.rows(ids).await.remove(0);
    Outcomes {
        user,
        device,
        ruled,
        weak,
        stranger,
        refused,
        permanent_id,
    }
}

async fn rsa_response(ca: &TestCa, chromebook: &mut VirtualChromebook) -> Vec<u8> {
    let (scope, key) = (vaca_emulator::Scope::User, KeyAlgorithm::Rsa);
    ca.response(chromebook, "wifi-user", scope, key).await
}

/// Every column of every attempt, as text.
async fn dump(ca: &TestCa) -> String {
    let columns = [
        "short_id",
        "scope",
        "profile",
        "unverified_email",
        "peer",
        "owner",
        "state",
        "verdict",
        "facts",
        "checks",
        "code",
        "verified_access",
    ];
    let columns = columns.map(|name| format!("coalesce({name}, 'NULL')"));
    let sql = format!("SELECT {} FROM attempts", columns.join(" || '|' || "));
    ca.rows(AssertSqlSafe(sql)).await.join("\n")
}

async fn shortened(ca: &TestCa) -> i64 {
    ca.count("SELECT count(*) FROM attempts WHERE shortened_at IS NOT NULL")
        .await
}

async fn swept(ca: &TestCa, what: &str, attempts: i64) {
    eventually(what, async || shortened(ca).await == attempts).await;
}

async fn vaca(ca: &TestCa, arguments: &[&str]) -> String {
    let output = run(env!("CARGO_BIN_EXE_vaca"), arguments, ca.folder.path()).await;
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The attempts that a search finds; the test's clock stands where it was set.
async fn found(ca: &TestCa, search: &[&str]) -> Vec<String> {
    let list = ["attempts", "list", "--since", "49000d", "--json"];
    let lines = vaca(ca, &[&list, search].concat()).await;
    let attempts = lines.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["attempt"].as_str().unwrap().to_owned()
    });
    attempts.collect()
}

#[tokio::test]
async fn after_its_time_nothing_personal_is_left_in_an_attempt() {
    let ca = ca().await;
    let done = outcomes(&ca).await;
    let before = dump(&ca).await;
    let personal = [ALICE, "bob@", "127.0.0.1", &done.permanent_id];
    for value in personal {
        assert!(before.contains(value), "{value}: {before}");
    }
    let open = bound_only(&ca).await;
    ca.clock.advance(30 * DAY);
    // Not yet: the thirtieth day is not over.
    eventually("the open one is closed", async || {
        ca.count("SELECT count(*) FROM attempts WHERE state = 'bound'")
            .await
            == 0
    })
    .await;
    assert_eq!(shortened(&ca).await, 0);
    ca.clock.advance(3600);
    swept(&ca, "the five are shortened", 5).await;

    let after = dump(&ca).await;
    // Bound at the same time, but ended just now: it waits for its day.
    let (late, after): (Vec<_>, Vec<_>) = after.lines().partition(|line| line.contains(&open));
    assert!(late[0].contains(ALICE), "{late:?}");
    let after = after.join("\n").to_lowercase();
    for value in personal.iter().chain(&["alice", "bob", "miib"]) {
        assert!(!after.contains(&value.to_lowercase()), "{value}: {after}");
    }
    ca.clock.advance(DAY);
    swept(&ca, "the late one too", 6).await;
    assert!(!dump(&ca).await.contains(ALICE));

    // The digest is that of the audit log.
    let config = Config::load(&ca.configuration_file()).unwrap();
    let key = load_deployment_key(&config.deployment_key_file).unwrap();
    let digest = key.personal(ALICE);
    assert!(after.contains(&digest));
    let logged = format!("SELECT count(*) FROM events WHERE detail LIKE '%{digest}%'");
    assert!(ca.count(AssertSqlSafe(logged)).await > 0);
    ca.check().await;
}

/// An attempt that a dead worker left without an outcome. Answers its id.
async fn bound_only(ca: &TestCa) -> String {
    let (_chromebook, response) = ca.alices_response().await;
    ca.emulator
        .faults()
        .next(Call::Verify, Fault::status("401"));
    let open = ca.present_alices(&response).await;
    open.is("verified_access_misconfigured")
        .attempt()
        .to_owned()
}

#[tokio::test]
async fn who_knows_a_value_still_finds_and_reads_what_was_shortened() {
    let ca = ca().await;
    let done = outcomes(&ca).await;
    ca.clock.advance(31 * DAY);
    swept(&ca, "all are shortened", 5).await;
    let mut chromebook = ca.chromebook(ALICE).await;
    let fresh = ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa).await;

    let alices =
        [fresh.issued(), &done.ruled, &done.user].map(|answer| answer.attempt().to_owned());
    assert_eq!(found(&ca, &["--email", "Alice@Example.com"]).await, alices);
    let devices = [&done.stranger, &done.weak, &done.device];
    // A refused answer's device stands in a check alone, where no search looks.
    let devices = [devices[1], devices[2]].map(|answer| answer.attempt().to_owned());
    assert_eq!(found(&ca, &["--device", &done.permanent_id]).await, devices);
    let shouted = done.permanent_id.to_uppercase();
    assert_eq!(found(&ca, &["--device", &shouted]).await, devices);
    assert!(found(&ca, &["--email", "bob@example.com"]).await.is_empty());
    assert_eq!(found(&ca, &[]).await.len(), 6);

    let id = done.ruled.attempt();
    let explained = vaca(&ca, &["attempts", "explain", id]).await;
    for part in [
        "Personal data was shortened on 2027-02-15T08:00:00Z",
        "the user who says to be #",
        "It was denied (refused_by_rule)",
    ] {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    let shown = vaca(&ca, &["attempts", "show", id]).await;
    assert!(
        shown.contains("personal data    shortened on 2027-02-15"),
        "{shown}"
    );
    let issued = vaca(&ca, &["attempts", "explain", done.user.attempt()]).await;
    assert!(issued.contains(done.user.serial()), "{issued}");
    for text in [&explained, &shown, &issued] {
        let text = text.to_lowercase();
        assert!(!text.contains("alice") && !text.contains("bob"), "{text}");
    }
    let record: Value =
        serde_json::from_str(&vaca(&ca, &["attempts", "show", id, "--json"]).await).unwrap();
    assert_eq!(record["personal_data_shortened_at"], "2027-02-15T08:00:00Z");
    let list = vaca(&ca, &["attempts", "list", "--since", "49000d"]).await;
    assert!(list.contains("  #"), "{list}");

    // Which text of the rule decided.
    let mut rule = record["checks"].as_array().unwrap().iter();
    let rule = rule.rfind(|check| check["name"] != "names").unwrap();
    let hash = rule["rule_hash"].as_str().unwrap();
    assert_eq!(
        (rule["name"].as_str(), hash.len()),
        (Some("rule:not_rsa"), 64)
    );
    assert!(
        shown.contains(&hash[..16]) && !shown.contains(hash),
        "{shown}"
    );

    let tested = vaca(&ca, &["policy", "test", "--since", "49000d"]).await;
    assert!(tested.contains("1 recorded decisions"), "{tested}");
    assert!(tested.contains("3 older ones are left out"), "{tested}");

    // Without the deployment key, what is not shortened is found, and the rest is told.
    std::fs::rename(
        ca.folder.path().join("deployment.key"),
        ca.folder.path().join("away.key"),
    )
    .unwrap();
    let list = ["attempts", "list", "--since", "49000d", "--email", ALICE];
    let output = run(env!("CARGO_BIN_EXE_vaca"), &list, ca.folder.path()).await;
    let listed = said(&output);
    assert!(
        listed.contains(fresh.attempt()) && !listed.contains(id),
        "{listed}"
    );
    assert!(
        listed.contains("attempts that were shortened are not searched"),
        "{listed}"
    );
    ca.check().await;
}

#[tokio::test]
async fn the_same_bytes_get_the_same_answer_until_the_attempt_is_gone() {
    let ca = ca().await;
    let (_chromebook, response) = ca.alices_response().await;
    let issued = ca.present_alices(&response).await;
    let done = outcomes(&ca).await;
    ca.clock.advance(31 * DAY);
    swept(&ca, "all are shortened", 6).await;
    let late = ca.present_alices(&response).await;
    assert_eq!(late.is("outcome_expired").serial(), issued.serial());
    let other = ca.present(&response, "wifi-user", Some("bob@example.com"));
    other.await.is("response_already_used");
    let again = ca.present_alices(&done.refused).await;
    assert_eq!(again.is("refused_by_rule").attempt(), done.ruled.attempt());

    ca.clock.advance(30 * DAY);
    eventually("all are gone", async || {
        ca.count("SELECT count(*) FROM attempts").await == 0
    })
    .await;
    for response in [&response, &done.refused] {
        ca.present_alices(response).await.is("unknown_challenge");
    }
    ca.check().await;
}

#[tokio::test]
async fn a_certificate_outlives_its_attempt() {
    let ca = ca().await;
    let done = outcomes(&ca).await;
    ca.clock.advance(61 * DAY);
    eventually("all are gone", async || {
        ca.count("SELECT count(*) FROM attempts").await == 0
    })
    .await;
    let list = vaca(&ca, &["certificates", "list"]).await;
    assert!(list.contains(done.user.serial()), "{list}");
    let show = ["certificates", "show", done.device.serial(), "--json"];
    let shown: Value = serde_json::from_str(&vaca(&ca, &show).await).unwrap();
    assert_eq!(shown["device_permanent_id"], *done.permanent_id);
    assert_eq!(shown["certificate"], done.device.json["certificate"]);
    assert_eq!(shown["attempt"], Value::Null);
    // Its key and its holder are known as before, and new attempts are none of the old ones.
    let mut chromebook = ca.chromebook(ALICE).await;
    let fresh = ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa).await;
    let show = ["certificates", "show", fresh.issued().serial(), "--json"];
    let shown: Value = serde_json::from_str(&vaca(&ca, &show).await).unwrap();
    assert_eq!(shown["attempt"], fresh.json["attempt"]);
    let mine = "SELECT count(*) FROM certificates WHERE attempt_id IS NOT NULL";
    assert_eq!(ca.count(mine).await, 1);
    let events = ca.rows("SELECT detail FROM events WHERE kind = 'retention_applied'");
    assert_eq!(
        events.await,
        ["{\"deleted\":5,\"shortened\":0}"],
        "one for the sweep"
    );
    ca.check().await;
}

/// A second service on the same record, whose schedule the test runs itself.
pub async fn node(ca: &TestCa, clock: &TestClock, seed: u64) -> (Server, Schedule) {
    let config = Config::load(&ca.configuration_file()).unwrap();
    let parts = Parts {
        clock: Arc::new(clock.clone()),
        random: Arc::new(SeededRandom::new(seed)),
        commits: ca.commits.clone(),
    };
    let server = server::build(&config, parts).await.unwrap();
    let resources = Arc::clone(server.resources());
    let schedule = Schedule::new(resources, format!("node {seed}"), config.retention);
    (server, schedule)
}

#[tokio::test]
async fn nothing_is_deleted_by_a_clock_that_google_has_not_confirmed() {
    let mut ca = ca().await;
    outcomes(&ca).await;
    ca.stop().await;
    // A year ahead from the start, and nobody has asked Google yet.
    let wrong = TestClock::at(Timestamp(ca.clock.now().0 + 366 * DAY));
    let (server, mut schedule) = node(&ca, &wrong, 70).await;
    schedule.run_due().await.unwrap();
    assert!(server.resources().verifier.generate().await.is_err());
    wrong.advance(60);
    schedule.run_due().await.unwrap();
    server.resources().store.close().await;
    // Set while the service ran.
    let right = ca.clock.clone();
    let (server, mut schedule) = node(&ca, &right, 71).await;
    server.resources().verifier.generate().await.unwrap();
    right.jump(366 * DAY);
    schedule.run_due().await.unwrap();
    assert_eq!(ca.count("SELECT count(*) FROM attempts").await, 5);
    assert_eq!(shortened(&ca).await, 0);
    server.resources().store.close().await;
    right.jump(-366 * DAY);
    ca.check().await;
}

#[tokio::test]
async fn much_is_done_in_parts_and_by_one_node() {
    let mut ca = ca().await;
    outcomes(&ca).await;
    ca.stop().await;
    many(&ca, 600).await;
    // One whose worker never gives it up.
    for kept in [
        "UPDATE attempts SET state = 'bound', code = NULL, finished_at = NULL, owner_until = 4000000000
         WHERE short_id = 'copy 7'",
        "DELETE FROM events WHERE subject = 'copy 7' AND kind = 'attempt_denied'",
    ] {
        assert_eq!(ca.execute(kept).await, 1);
    }
    ca.clock.advance(31 * DAY);
    let clock = ca.clock.clone();
    let (one, mut first) = node(&ca, &clock, 72).await;
    let (two, mut second) = node(&ca, &clock, 73).await;
    for server in [&one, &two] {
        server.resources().verifier.generate().await.unwrap();
    }
    let events = async || {
        let counted =
            ca.rows("SELECT detail FROM events WHERE kind = 'retention_applied' ORDER BY id");
        counted.await
    };
    for (shortened_then, events_then) in [(250, 1), (500, 2), (604, 3), (604, 3)] {
        first.run_due().await.unwrap();
        second.run_due().await.unwrap();
        assert_eq!(shortened(&ca).await, shortened_then);
        assert_eq!(events().await.len(), events_then);
    }
    // The first is content for an hour; the second finds the lease free, and nothing to do.
    clock.advance(10);
    second.run_due().await.unwrap();
    assert_eq!(events().await.len(), 3);
    clock.advance(30 * DAY);
    while ca.count("SELECT count(*) FROM attempts").await > 1 {
        let before = events().await.len();
        second.run_due().await.unwrap();
        assert_eq!(events().await.len(), before + 1);
    }
    assert_eq!(events().await.len(), 6);
    let left = "SELECT unverified_email FROM attempts";
    assert_eq!(ca.rows(left).await, [ALICE], "unfinished, and so untouched");
    for server in [one, two] {
        server.resources().store.close().await;
    }
    ca.check().await;
}

#[tokio::test]
async fn whatever_becomes_of_its_commit_a_sweep_is_counted_once() {
    let mut ca = ca().await;
    outcomes(&ca).await;
    ca.stop().await;
    let clock = ca.clock.clone();
    let (server, mut schedule) = node(&ca, &clock, 74).await;
    server.resources().verifier.generate().await.unwrap();
    for (days, fate) in [(31, Fate::Lost), (30, Fate::Unconfirmed)] {
        clock.advance(days * DAY);
        ca.commits.next(type_name::<ApplyRetention>(), fate);
        let failed = schedule.run_due().await;
        assert!(matches!(failed, Err(StoreError::Commit(_))), "{failed:?}");
        // The lease is still this node's.
        schedule.run_due().await.unwrap();
    }
    let events = ca.rows("SELECT detail FROM events WHERE kind = 'retention_applied' ORDER BY id");
    let told = [
        "{\"deleted\":0,\"shortened\":5}",
        "{\"deleted\":5,\"shortened\":0}",
    ];
    assert_eq!(events.await, told);
    server.resources().store.close().await;
    ca.check().await;
}

/// Copies of the newest attempt that was denied, with its events.
async fn many(ca: &TestCa, number: i64) {
    let series = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {number})"
    );
    let digest = match ca.place {
        crate::support::engine::Place::Sqlite => "randomblob(32)",
        crate::support::engine::Place::Postgres(_) => "sha256(convert_to(i::text, 'UTF8'))",
    };
    let attempts = format!(
        "{series} INSERT INTO attempts (short_id, challenge_digest, response_digest, scope, profile,
             profile_hash, unverified_email, peer, bound_at, challenge_expires_at, owner, owner_until,
             state, facts, checks, code, finished_at)
         SELECT 'copy ' || i, {digest}, response_digest, scope, profile, profile_hash,
             unverified_email, peer, bound_at, challenge_expires_at, owner, owner_until, state, facts,
             checks, code, finished_at
         FROM attempts, n WHERE short_id = (SELECT max(short_id) FROM attempts WHERE code = 'refused_by_rule')"
    );
    let events = format!(
        "{series} INSERT INTO events (at, kind, actor, subject, detail)
         SELECT 0, kind, actor, 'copy ' || i, '{{}}' FROM n,
             (SELECT 'attempt_bound' AS kind UNION ALL SELECT 'attempt_denied') AS kinds,
             (SELECT 'requester' AS actor) AS actors"
    );
    for sql in [attempts, events] {
        ca.execute(AssertSqlSafe(sql)).await;
    }
}
