//! Verified identities that ask too often, or are denied time after time: they wait, each for
//! itself, and nobody waits for what was only claimed.

use std::any::type_name;

use serde_json::Value;
use vaca::model::pause::{MEMORY, MINUTE};
use vaca::store::attempts::{Deny, KeepVerdict};
use vaca::store::fate::Fate;
use vaca_emulator::{Call, Fault, KeyAlgorithm, Scope, forge};

use crate::support::openssl::{run, said};
use crate::support::service::VACA;
use crate::support::{ALICE, Answer, START, TestCa, eventually};

const DAY: i64 = 24 * 60 * 60;
const STORAGE: &str = "storage_unavailable";

/// A CA whose user profiles say this besides.
async fn with_setting(setting: &str) -> TestCa {
    let mut ca = TestCa::start().await;
    ca.stop().await;
    let scope = "scope = \"user\"\n";
    ca.reconfigure(scope, &format!("{scope}{setting}\n"));
    ca.serve().await.unwrap();
    ca
}

/// An attempt of Alice's with a Chromebook of her own.
async fn alice(ca: &TestCa) -> (Vec<u8>, Answer) {
    let (_chromebook, response) = ca.alices_response().await;
    let answer = ca.present_alices(&response).await;
    (response, answer)
}

/// What every verdict says from now on.
fn developer_mode(ca: &TestCa) {
    let faults = ca.emulator.faults();
    faults.every(Call::Verify, Fault::DeveloperMode);
}

/// Denies Alice until she waits. Answers the denial that says so.
async fn pause_alice(ca: &TestCa) -> Answer {
    developer_mode(ca);
    for _ in 0..2 {
        alice(ca).await.1.is("developer_mode");
    }
    let (_response, third) = alice(ca).await;
    assert_eq!(third.is("developer_mode").json["retry_after"], 60);
    ca.emulator.faults().clear();
    third
}

async fn events(ca: &TestCa, kind: &str) -> Vec<String> {
    let sql = format!(
        "SELECT actor || ' ' || subject || ' ' || detail FROM events WHERE kind = '{kind}' ORDER BY id"
    );
    ca.rows(sqlx::AssertSqlSafe(sql)).await
}

async fn paused(ca: &TestCa) -> i64 {
    let sql = "SELECT count(*) FROM pauses WHERE paused_at IS NOT NULL";
    ca.count(sql).await
}

/// The checks of an attempt that failed: names, and what was seen.
async fn failed(ca: &TestCa, answer: &Answer) -> Vec<(String, String)> {
    let id = vaca::model::attempt::AttemptId::parse(answer.attempt()).unwrap();
    let attempt = ca.store.attempt(&id).await.unwrap().unwrap();
    let failed = attempt.checks.into_iter().filter(|check| !check.passed);
    failed.map(|check| (check.name, check.seen)).collect()
}

#[tokio::test]
async fn whoever_asks_too_often_in_a_minute_is_refused_for_the_rest_of_it() {
    let mut ca = with_setting("attempts_per_minute = 3").await;
    let (first_response, first) = alice(&ca).await;
    first.issued();
    alice(&ca).await.1.issued();
    ca.clock.advance(20);
    // Attempts of every profile count.
    let mut chromebook = ca.chromebook(ALICE).await;
    let key = KeyAlgorithm::Ecdsa;
    let vpn = ca
        .response(&mut chromebook, "vpn-user", Scope::User, key)
        .await;
    ca.present(&vpn, "vpn-user", Some(ALICE)).await.issued();
    let (response, refused) = alice(&ca).await;
    assert_eq!(refused.is("too_many_attempts").status, 429);
    assert_eq!(refused.header("retry-after"), "40", "of its own minute");
    let record = failed(&ca, &refused).await;
    let expected = ("attempts_per_minute".to_owned(), "4".to_owned());
    assert_eq!(record, [expected]);

    // Others go on, and so do answers to bytes that have theirs.
    ca.enroll_device(&mut chromebook, key).await.issued();
    let mut other = ca.chromebook("bob@example.com").await;
    ca.enroll_user(&mut other, key).await.issued();
    for _ in 0..5 {
        let again = ca.present_alices(&first_response).await;
        assert_eq!((again.status, &again.text), (200, &first.text));
    }
    assert_eq!(ca.present_alices(&response).await.text, refused.text);
    // A restart forgets nothing, and to be refused is no denial that counts.
    ca.stop().await;
    ca.serve().await.unwrap();
    ca.clock.advance(39);
    for _ in 0..4 {
        let (_response, answer) = alice(&ca).await;
        assert_eq!(answer.is("too_many_attempts").header("retry-after"), "1");
    }
    assert_eq!(ca.count("SELECT count(*) FROM pauses").await, 0);
    ca.clock.advance(1);
    alice(&ca).await.1.issued();
    // The bytes that came too often stay denied.
    let late = ca.present_alices(&response).await;
    assert_eq!(late.is("too_many_attempts").attempt(), refused.attempt());
    assert_eq!(ca.certificates("issued").await, 6);
    ca.check().await;
}

#[tokio::test]
async fn a_minute_that_a_wrong_clock_counted_holds_nobody_up() {
    let ca = with_setting("attempts_per_minute = 1").await;
    alice(&ca).await.1.issued();
    ca.execute("UPDATE attempt_rates SET since = since + 86400")
        .await;
    alice(&ca).await.1.issued();
    alice(&ca).await.1.is("too_many_attempts");
    ca.check().await;
}

#[tokio::test]
async fn whoever_is_denied_time_after_time_waits_longer_each_time() {
    let mut ca = TestCa::start().await;
    developer_mode(&ca);
    for _ in 0..2 {
        let (_response, denied) = alice(&ca).await;
        assert!(
            denied
                .is("developer_mode")
                .json
                .get("retry_after")
                .is_none()
        );
    }
    let mut wait = 60;
    let mut pauses = 0;
    while pauses < 14 {
        let (response, denied) = alice(&ca).await;
        assert_eq!(denied.is("developer_mode").json["retry_after"], wait);
        let again = ca.present_alices(&response).await;
        assert_eq!(again.text, denied.text, "the same bytes, the same answer");
        pauses += 1;
        assert_eq!(events(&ca, "identity_paused").await.len(), pauses);

        // Whatever she would get by now, and however often she asks, the wait is what is left of it.
        ca.emulator.faults().clear();
        ca.clock.advance(10);
        if pauses == 1 {
            ca.stop().await;
            ca.serve().await.unwrap();
        }
        for _ in 0..2 {
            let (response, held) = alice(&ca).await;
            assert_eq!(held.is("paused").json["retry_after"], wait - 10);
            assert_eq!(held.status, 429);
            assert_eq!(ca.present_alices(&response).await.text, held.text);
            let record = failed(&ca, &held).await;
            let [(name, seen)] = record.as_slice() else {
                panic!("{record:?}")
            };
            assert_eq!(name, "pause");
            let last = format!(
                "{} denials in a row, the last of them developer_mode ({})",
                pauses + 2,
                denied.attempt()
            );
            assert!(seen.contains(&last), "{seen}");
        }
        developer_mode(&ca);
        ca.clock.advance(wait - 10);
        wait = (wait * 2).min(DAY);
    }
    assert_eq!(wait, DAY);
    let since = ca.count("SELECT paused_at FROM pauses").await;
    assert_eq!(since, START.0, "all of it is one row of denials");
    ca.nothing_issued().await;

    // A certificate ends it: three denials more until the next wait.
    ca.emulator.faults().clear();
    alice(&ca).await.1.issued();
    assert_eq!(ca.count("SELECT count(*) FROM pauses").await, 0);
    let released = events(&ca, "identity_released").await;
    assert_eq!(released.len(), 1);
    assert!(released[0].starts_with("requester "), "{released:?}");
    pause_alice(&ca).await;
    ca.check().await;
}

#[tokio::test]
async fn what_is_denied_at_once_begins_one_pause() {
    let ca = TestCa::start().await;
    developer_mode(&ca);
    let mut responses = Vec::new();
    for _ in 0..8 {
        responses.push(ca.alices_response().await.1);
    }
    let presented = responses.iter().map(|response| ca.present_alices(response));
    let answers = futures_util::future::join_all(presented).await;
    let waits = answers.iter().filter_map(|answer| {
        assert!(["developer_mode", "paused"].contains(&answer.problem()));
        answer.json.get("retry_after")
    });
    assert_eq!(waits.collect::<Vec<_>>(), [60; 6]);
    assert_eq!(ca.count("SELECT denials FROM pauses").await, 3);
    assert_eq!(events(&ca, "identity_paused").await.len(), 1);
    ca.check().await;
}

#[tokio::test]
async fn every_denial_behind_the_verdict_counts_whatever_its_code() {
    let ca = with_setting("live_certificates = 1").await;
    alice(&ca).await.1.issued();
    let weak = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/csr/rsa-2048-roca.der"
    );
    let weak = Fault::Spkac(std::fs::read(weak).unwrap());
    ca.emulator.faults().next(Call::Verify, weak);
    alice(&ca).await.1.is("weak_key");
    ca.execute(
        "INSERT INTO blocks (kind, value, reason, created_at) VALUES ('email', 'alice@example.com', 'lost', 1)",
    )
    .await;
    alice(&ca).await.1.is("blocked");
    ca.execute("DELETE FROM blocks").await;
    // A wait that is longer anyway is not made shorter.
    let (response, third) = alice(&ca).await;
    assert_eq!(third.is("too_many_certificates").json["retry_after"], DAY);
    let (_response, held) = alice(&ca).await;
    assert_eq!(held.is("paused").json["retry_after"], 60);
    assert_eq!(paused(&ca).await, 1);
    assert_eq!(ca.present_alices(&response).await.text, third.text);
    // Her device is somebody else.
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    ca.check().await;
}

#[tokio::test]
async fn nothing_counts_against_a_name_that_was_only_claimed_nor_for_a_fault_of_ours() {
    let ca = with_setting("attempts_per_minute = 1").await;
    let mut mallory = ca.chromebook("mallory@example.com").await;
    for _ in 0..4 {
        let response = ca
            .response(&mut mallory, "wifi-user", Scope::User, KeyAlgorithm::Ecdsa)
            .await;
        let refused = ca.present_alices(&response).await;
        refused.is("challenge_response_refused");
        let forged = forge::fabricated(&ca.challenge("wifi-user").await).unwrap();
        let refused = ca.present_alices(&forged).await;
        refused.is("challenge_response_refused");
    }
    for (fault, code) in [
        (Fault::OtherCustomer, "wrong_customer"),
        (Fault::UserWithDeviceId, "wrong_key_scope"),
        (Fault::status("401"), "verified_access_misconfigured"),
    ] {
        for _ in 0..3 {
            ca.emulator.faults().next(Call::Verify, fault.clone());
            alice(&ca).await.1.is(code);
        }
    }
    for table in ["attempt_rates", "pauses"] {
        let counted = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        assert_eq!(ca.count(counted).await, 0, "{table}");
    }
    alice(&ca).await.1.issued();
    ca.check().await;
}

#[tokio::test]
async fn a_profile_that_changes_in_between_is_nobodys_failure() {
    let mut ca = TestCa::start().await;
    for days in [29, 28, 27, 26] {
        let (_chromebook, response) = ca.alices_response().await;
        let intended = "UPDATE ON attempts WHEN NEW.state = 'intended'";
        let database = ca.database().await;
        database.refuse("refusal", intended).await;
        ca.present_alices(&response).await.is(STORAGE);
        database.permit("refusal").await;
        database.close().await;
        ca.stop().await;
        let text = std::fs::read_to_string(ca.configuration_file()).unwrap();
        let text = text.replace(&format!("validity_days = {}\n", days + 1), "");
        std::fs::write(ca.configuration_file(), text).unwrap();
        let scope = "scope = \"user\"\n";
        ca.reconfigure(scope, &format!("{scope}validity_days = {days}\n"));
        ca.serve().await.unwrap();
        ca.present_alices(&response).await.is("profile_changed");
    }
    assert_eq!(ca.count("SELECT count(*) FROM pauses").await, 0);
    alice(&ca).await.1.issued();
    ca.check().await;
}

#[tokio::test]
async fn whatever_becomes_of_the_commit_that_holds_somebody_up_it_is_counted_once() {
    let ca = TestCa::start().await;
    for fate in [Fate::Lost, Fate::Unconfirmed] {
        developer_mode(&ca);
        for _ in 0..2 {
            alice(&ca).await.1.is("developer_mode");
        }
        let (_chromebook, response) = ca.alices_response().await;
        ca.commits.next(type_name::<Deny>(), fate);
        ca.present_alices(&response).await.is(STORAGE);
        assert!(ca.commits.struck());
        let third = ca.present_alices(&response).await;
        assert_eq!(third.is("developer_mode").json["retry_after"], 60);

        // Bytes that were refused while she waited are not let through by a retry.
        ca.emulator.faults().clear();
        let (_chromebook, response) = ca.alices_response().await;
        ca.commits.next(type_name::<KeepVerdict>(), fate);
        ca.present_alices(&response).await.is(STORAGE);
        assert!(ca.commits.struck());
        let held = ca.present_alices(&response).await;
        assert_eq!(held.is("paused").json["retry_after"], 60);
        let denials = "SELECT denials FROM pauses";
        assert_eq!(ca.count(denials).await, 3, "{fate:?}");
        let attempts = ca.count("SELECT attempts FROM attempt_rates").await;
        assert_eq!(attempts, 4, "{fate:?}");
        ca.clock.advance(60);
        assert_eq!(ca.present_alices(&response).await.attempt(), held.attempt());
        alice(&ca).await.1.issued();
        ca.clock.advance(60);
    }
    ca.check().await;
}

#[tokio::test]
async fn what_was_long_ago_is_forgotten() {
    let ca = TestCa::start().await;
    developer_mode(&ca);
    for _ in 0..2 {
        alice(&ca).await.1.is("developer_mode");
    }
    // Denials a day apart are no row, whether or not the schedule has been there.
    ca.clock.advance(MEMORY);
    let (_response, third) = alice(&ca).await;
    assert!(third.is("developer_mode").json.get("retry_after").is_none());
    assert_eq!(ca.count("SELECT denials FROM pauses").await, 1);
    alice(&ca).await.1.is("developer_mode");
    let (_response, last) = alice(&ca).await;
    assert_eq!(last.is("developer_mode").json["retry_after"], 60);
    ca.clock.advance(60 + MEMORY - MINUTE);
    alice(&ca).await.1.is("developer_mode");
    assert_eq!(ca.count("SELECT denials FROM pauses").await, 4, "not yet");
    ca.clock.advance(120 + MEMORY);
    alice(&ca).await.1.is("developer_mode");
    assert_eq!(ca.count("SELECT denials FROM pauses").await, 1);
    assert_eq!(paused(&ca).await, 0);
    ca.clock.advance(MEMORY);
    for table in ["attempt_rates", "pauses"] {
        eventually("the schedule forgets", async || {
            let left = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
            ca.count(left).await == 0
        })
        .await;
    }
    assert!(events(&ca, "identity_released").await.is_empty());
    ca.check().await;
}

/// Runs the command; answers its exit code and what it printed, or complained about.
async fn vaca(ca: &TestCa, arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(VACA, arguments, ca.folder.path()).await;
    let (code, complaint) = (output.status.code(), said(&output));
    let printed = String::from_utf8(output.stdout).unwrap();
    (code, if code == Some(0) { printed } else { complaint })
}

#[tokio::test]
async fn an_operator_sees_who_waits_and_ends_it() {
    let ca = TestCa::start().await;
    let (code, none) = vaca(&ca, &["paused", "list", "--json"]).await;
    assert_eq!((code, none.trim()), (Some(0), ""));
    let third = pause_alice(&ca).await;
    // One denial is no reason to be listed.
    developer_mode(&ca);
    let mut bob = ca.chromebook("bob@example.com").await;
    let key = KeyAlgorithm::Ecdsa;
    ca.enroll_user(&mut bob, key).await.is("developer_mode");
    for _ in 0..3 {
        let device = ca.enroll_device(&mut bob, key).await;
        device.is("developer_mode");
    }
    ca.emulator.faults().clear();

    let (_code, list) = vaca(&ca, &["paused", "list"]).await;
    let lines: Vec<_> = list.trim().lines().collect();
    assert_eq!(lines.len(), 3, "{list}");
    assert!(lines[0].starts_with("WHO "), "{list}");
    assert!(lines[1].starts_with("device:"), "newest first: {list}");
    let line = format!(
        "user:{ALICE}  2027-01-15T08:00:00Z  2027-01-15T08:01:00Z  3        developer_mode  {}",
        third.attempt()
    );
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(words(lines[2]), words(&line));
    let (_code, page) = vaca(&ca, &["paused", "list", "--limit", "1"]).await;
    let (_, before) = page.trim_end().rsplit_once("--before ").unwrap();
    let rest = ["paused", "list", "--json", "--before", before];
    let (_code, rest) = vaca(&ca, &rest).await;
    let row: Value = serde_json::from_str(rest.trim()).unwrap();
    assert_eq!(row["identity"], format!("user:{ALICE}"));
    assert_eq!(row["until"], "2027-01-15T08:01:00Z");
    assert_eq!(
        (&row["denials"], &row["code"]),
        (&Value::from(3), &Value::from("developer_mode"))
    );
    assert_eq!(row["attempt"], third.json["attempt"]);
    let (_code, shown) = vaca(&ca, &["attempts", "show", third.attempt()]).await;
    let until = "waits until      2027-01-15T08:01:00Z";
    assert!(shown.contains(until), "{shown}");

    let (_response, held) = alice(&ca).await;
    let (_code, explained) = vaca(&ca, &["attempts", "explain", held.is("paused").attempt()]).await;
    assert!(explained.contains(third.attempt()), "{explained}");
    let release = ["paused", "release", "Alice@example.com"];
    let (code, released) = vaca(&ca, &release).await;
    assert_eq!(code, Some(0), "{released}");
    assert!(
        released.contains("3 denials in a row forgotten"),
        "{released}"
    );
    let (code, again) = vaca(&ca, &release).await;
    assert_eq!(code, Some(1), "{again}");
    assert!(
        again.contains("user:alice@example.com is not paused"),
        "{again}"
    );
    let (code, bob) = vaca(&ca, &["paused", "release", "bob@example.com"]).await;
    assert_eq!(code, Some(1), "one denial is no pause: {bob}");
    let (code, wrong) = vaca(&ca, &["paused", "release", "a b"]).await;
    assert_eq!(code, Some(2), "{wrong}");
    let events = events(&ca, "identity_released").await;
    assert_eq!(events.len(), 1);
    let start = format!("command_line {} ", third.attempt());
    assert!(events[0].starts_with(&start), "{events:?}");

    // The bytes that were refused stay refused; new ones are not.
    alice(&ca).await.1.issued();
    pause_alice(&ca).await;
    assert_eq!(paused(&ca).await, 2);
    ca.check().await;
}
