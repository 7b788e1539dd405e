//! The record refuses, is locked, lost or tampered with: nothing is signed on it, and every crash
//! has one continuation.

use std::time::Duration;

use vaca::model::attempt::OWNERSHIP;
use vaca::model::pause::MINUTE;
use vaca::store::migrate;
use vaca_emulator::{Call, Fault, KeyAlgorithm};

use crate::support::{ALICE, Answer, Engine, TestCa, eventually};

/// Makes one write of the record fail, as it would on a full disk: the statement is not applied.
async fn refuse(ca: &TestCa, when: &str) {
    let database = ca.database().await;
    database.refuse("refusal", when).await;
    database.close().await;
}

async fn permit(ca: &TestCa) {
    let database = ca.database().await;
    database.permit("refusal").await;
    database.close().await;
}

/// How often Google is asked again once the record works.
struct Boundary {
    refused: &'static str,
    asked_before: u64,
    asked_after: u64,
    abandoned: i64,
}

const fn boundary(
    refused: &'static str,
    asked_before: u64,
    asked_after: u64,
    abandoned: i64,
) -> Boundary {
    Boundary {
        refused,
        asked_before,
        asked_after,
        abandoned,
    }
}

/// Every write of one enrolment behind the challenge, and the event beside it.
const BOUNDARIES: [Boundary; 12] = [
    boundary("INSERT ON attempts", 0, 1, 0),
    boundary("INSERT ON events WHEN NEW.kind = 'attempt_bound'", 0, 1, 0),
    boundary("UPDATE ON attempts WHEN NEW.state = 'verified'", 1, 1, 0),
    boundary(
        "INSERT ON events WHEN NEW.kind = 'attempt_verified'",
        1,
        1,
        0,
    ),
    boundary("INSERT ON attempt_rates", 1, 1, 0),
    boundary("UPDATE ON attempts WHEN NEW.state = 'intended'", 1, 0, 0),
    boundary("INSERT ON certified_keys", 1, 0, 0),
    boundary("INSERT ON certificates", 1, 0, 0),
    boundary(
        "INSERT ON events WHEN NEW.kind = 'certificate_intended'",
        1,
        0,
        0,
    ),
    boundary("UPDATE ON certificates WHEN NEW.state = 'issued'", 1, 0, 1),
    boundary("UPDATE ON attempts WHEN NEW.state = 'issued'", 1, 0, 1),
    boundary(
        "INSERT ON events WHEN NEW.kind = 'certificate_issued'",
        1,
        0,
        1,
    ),
];

#[tokio::test]
async fn wherever_a_write_is_refused_the_same_bytes_reach_one_outcome() {
    let ca = TestCa::start().await;
    for boundary in BOUNDARIES {
        let case = boundary.refused;
        ca.clock.advance(MINUTE);
        let (_chromebook, response) = ca.alices_response().await;
        let (issued, abandoned) = (
            ca.certificates("issued").await,
            ca.certificates("abandoned").await,
        );
        let calls = ca.emulator.calls().verify;
        refuse(&ca, case).await;
        let failed = ca.present_alices(&response).await;
        assert_eq!(failed.is("storage_unavailable").status, 503, "{case}");
        assert_eq!(failed.json["action"], "retry_same", "{case}");
        let asked = ca.emulator.calls().verify;
        assert_eq!(asked - calls, boundary.asked_before, "{case}");
        assert_eq!(ca.certificates("issued").await, issued, "{case}");
        permit(&ca).await;
        let answer = ca.present_alices(&response).await;
        answer.issued();
        if let Some(attempt) = failed.json.get("attempt") {
            assert_eq!(answer.json["attempt"], *attempt, "{case}");
        }
        let again = ca.emulator.calls().verify - asked;
        assert_eq!(again, boundary.asked_after, "{case}");
        assert_eq!(ca.certificates("issued").await, issued + 1, "{case}");
        let spent = ca.certificates("abandoned").await - abandoned;
        assert_eq!(spent, boundary.abandoned, "{case}");
        let repeated = ca.present_alices(&response).await;
        assert_eq!((repeated.status, repeated.text), (200, answer.text));
    }
    assert_eq!(ca.certificates("intended").await, 0);
    ca.check().await;
}

#[tokio::test]
async fn a_challenge_that_is_not_remembered_is_not_handed_out() {
    let ca = TestCa::start().await;
    refuse(&ca, "INSERT ON challenges").await;
    let body = serde_json::json!({ "profile": "wifi-user" });
    let answer = ca.post("/v1/challenges", &body).await;
    assert_eq!(answer.is("storage_unavailable").status, 503);
    permit(&ca).await;
    ca.challenge("wifi-user").await;
    ca.check().await;
}

#[tokio::test]
async fn a_denial_that_is_not_recorded_is_not_told() {
    let ca = TestCa::start().await;
    for refused in [
        "UPDATE ON attempts WHEN NEW.state = 'denied'",
        "INSERT ON events WHEN NEW.kind = 'attempt_denied'",
        "INSERT ON events WHEN NEW.kind = 'identity_paused'",
        "INSERT ON pauses",
    ] {
        // The third denial begins a pause, which is over then.
        ca.clock.advance(MINUTE);
        let (_chromebook, response) = ca.alices_response().await;
        refuse(&ca, refused).await;
        ca.emulator
            .faults()
            .every(Call::Verify, Fault::DeveloperMode);
        let failed = ca.present_alices(&response).await;
        failed.is("storage_unavailable");
        permit(&ca).await;
        let denied = ca.present_alices(&response).await;
        assert_eq!(denied.is("developer_mode").attempt(), failed.attempt());
        ca.emulator.faults().clear();
        ca.present_alices(&response).await.is("developer_mode");
    }
    ca.nothing_issued().await;
    ca.check().await;
}

#[tokio::test]
async fn a_locked_database_is_told_within_its_time_and_signs_nothing() {
    let ca = TestCa::start().await;
    let (_chromebook, response) = ca.alices_response().await;
    let database = ca.database().await;
    database.lock().await;
    let answers = tokio::time::timeout(Duration::from_secs(15), async {
        let body = serde_json::json!({ "profile": "wifi-user" });
        tokio::join!(
            ca.post("/v1/challenges", &body),
            ca.present_alices(&response)
        )
    });
    let (challenge, certificate) = answers.await.expect("an answer within the busy time-out");
    challenge.is("storage_unavailable");
    certificate.is("storage_unavailable");
    assert_eq!(ca.emulator.calls().verify, 0);
    assert!(!ca.ready("database").await);
    database.execute("ROLLBACK").await;
    database.close().await;
    ca.nothing_issued().await;
    ca.present_alices(&response).await.issued();
    eventually("the database is ready again", || ca.ready("database")).await;
    ca.check().await;
}

#[tokio::test]
async fn a_database_that_is_gone_takes_no_more_writes() {
    if Engine::Sqlite.is_absent("moves the file away") {
        return;
    }
    let mut ca = TestCa::start().await;
    let (_chromebook, response) = ca.alices_response().await;
    // Moved away whole: what the service holds open still works, and nobody would find the record.
    let away = ca.folder.path().join("away");
    std::fs::create_dir(&away).unwrap();
    let files = ["vaca.db", "vaca.db-wal", "vaca.db-shm"];
    for file in files {
        std::fs::rename(ca.folder.path().join(file), away.join(file)).unwrap();
    }
    ca.present_alices(&response).await.is("storage_unavailable");
    assert_eq!(ca.emulator.calls().verify, 0);
    assert!(!ca.ready("database").await);
    // Another file in its place is not the record either.
    std::fs::copy(away.join("vaca.db"), ca.folder.path().join("vaca.db")).unwrap();
    ca.present_alices(&response).await.is("storage_unavailable");
    std::fs::remove_file(ca.folder.path().join("vaca.db")).unwrap();
    let error = ca.start_refused().await;
    assert!(error.contains("cannot open the database"), "{error}");
    for file in files {
        let from = away.join(file);
        if from.exists() {
            std::fs::rename(from, ca.folder.path().join(file)).unwrap();
        }
    }
    ca.serve().await.unwrap();
    ca.present_alices(&response).await.issued();
    ca.check().await;
}

/// A worker that dies: what it writes last is refused, and so is its release.
async fn die_at(ca: &TestCa, when: &str, response: &[u8]) -> Answer {
    refuse(ca, when).await;
    let database = ca.database().await;
    let release = "UPDATE ON attempts WHEN NEW.owner_until = 0";
    database.refuse("no_release", release).await;
    let failed = ca.present_alices(response).await;
    failed.is("storage_unavailable");
    permit(ca).await;
    database.permit("no_release").await;
    database.close().await;
    failed
}

#[tokio::test]
async fn what_a_dead_worker_left_is_taken_over_after_its_time() {
    let ca = TestCa::start().await;
    for (refused, asked_after, abandoned) in [
        ("UPDATE ON attempts WHEN NEW.state = 'verified'", 1, 0),
        ("INSERT ON certificates", 0, 0),
        ("UPDATE ON certificates WHEN NEW.state = 'issued'", 0, 1),
    ] {
        let (_chromebook, response) = ca.alices_response().await;
        let before = ca.certificates("abandoned").await;
        let dead = die_at(&ca, refused, &response).await;
        let asked = ca.emulator.calls().verify;
        ca.clock.advance(OWNERSHIP - 1);
        let early = ca.present_alices(&response).await;
        assert_eq!(early.is("in_progress").header("retry-after"), "1");
        assert_eq!(early.attempt(), dead.attempt());
        ca.clock.advance(1);
        let answer = ca.present_alices(&response).await;
        assert_eq!(answer.issued().attempt(), dead.attempt(), "{refused}");
        assert_eq!(ca.emulator.calls().verify - asked, asked_after, "{refused}");
        let spent = ca.certificates("abandoned").await - before;
        assert_eq!(spent, abandoned, "{refused}");
    }
    ca.check().await;
}

#[tokio::test]
async fn a_committed_verdict_outlives_the_challenge_and_a_bare_binding_does_not() {
    let mut ca = TestCa::start().await;
    let (_chromebook, verified) = ca.alices_response().await;
    let (_chromebook, bound) = ca.alices_response().await;
    die_at(
        &ca,
        "UPDATE ON certificates WHEN NEW.state = 'issued'",
        &verified,
    )
    .await;
    die_at(
        &ca,
        "UPDATE ON attempts WHEN NEW.state = 'verified'",
        &bound,
    )
    .await;
    let unsigned = ca
        .rows("SELECT serial FROM certificates WHERE state = 'intended'")
        .await;
    let asked = ca.emulator.calls().verify;
    // The process is gone as well, and the device comes back hours later.
    ca.stop().await;
    ca.clock.advance(5 * 60 * 60);
    ca.serve().await.unwrap();
    let answer = ca.present_alices(&verified).await;
    assert_ne!(answer.issued().serial(), unsigned[0]);
    ca.present_alices(&bound).await.is("challenge_expired");
    assert_eq!(ca.emulator.calls().verify, asked, "Google is not asked");
    ca.check().await;
}

#[tokio::test]
async fn a_worker_that_lives_is_not_disturbed() {
    let ca = TestCa::start().await;
    let (_chromebook, response) = ca.alices_response().await;
    let slow = Fault::Slow { milliseconds: 1500 };
    ca.emulator.faults().next(Call::Verify, slow);
    let second = async {
        eventually("bound", || async {
            ca.count("SELECT count(*) FROM attempts").await == 1
        })
        .await;
        let answer = ca.present_alices(&response).await;
        answer.is("in_progress");
        answer
    };
    let (first, second) = tokio::join!(ca.present_alices(&response), second);
    assert_eq!(first.issued().attempt(), second.attempt());
    assert_eq!(ca.emulator.calls().verify, 1);
    ca.check().await;
}

#[tokio::test]
async fn a_verdict_that_the_database_made_is_not_believed() {
    let ca = TestCa::start().await;
    for forgery in [
        "UPDATE attempts SET verdict = replace(verdict, 'alice@', 'mallory@') WHERE id = (SELECT max(id) FROM attempts)",
        "UPDATE attempts SET verdict_tag = zeroblob(32) WHERE id = (SELECT max(id) FROM attempts)",
        "UPDATE attempts SET verdict_tag = zeroblob(1) WHERE id = (SELECT max(id) FROM attempts)",
        "UPDATE attempts SET verdict = '{}' WHERE id = (SELECT max(id) FROM attempts)",
        "UPDATE attempts SET bound_at = bound_at + 1 WHERE id = (SELECT max(id) FROM attempts)",
        "UPDATE attempts SET profile_hash = zeroblob(32) WHERE id = (SELECT max(id) FROM attempts)",
    ] {
        let (_chromebook, response) = ca.alices_response().await;
        refuse(&ca, "INSERT ON certificates").await;
        ca.present_alices(&response).await.is("storage_unavailable");
        permit(&ca).await;
        assert_eq!(ca.execute(forgery).await, 1, "{forgery}");
        let asked = ca.emulator.calls().verify;
        let changed_recipe = forgery.contains("profile_hash");
        ca.present_alices(&response).await.is(if changed_recipe {
            "profile_changed"
        } else {
            "internal_error"
        });
        assert_eq!(ca.emulator.calls().verify, asked);
    }
    ca.nothing_issued().await;
    ca.check().await;
}

#[tokio::test]
async fn a_verdict_of_one_attempt_is_none_of_another() {
    let ca = TestCa::start().await;
    let (_chromebook, alices) = ca.alices_response().await;
    let mut mallory = ca.chromebook("mallory@example.com").await;
    let mallorys = ca
        .response(
            &mut mallory,
            "wifi-user",
            vaca_emulator::Scope::User,
            KeyAlgorithm::Ecdsa,
        )
        .await;
    refuse(&ca, "INSERT ON certificates").await;
    ca.present_alices(&alices).await.is("storage_unavailable");
    let second = ca
        .present(&mallorys, "wifi-user", Some("mallory@example.com"))
        .await;
    second.is("storage_unavailable");
    permit(&ca).await;
    // Mallory, with write access to the database, gives himself Alice's verdict and her name.
    let moved = ca
        .execute(
            "UPDATE attempts SET (verdict, verdict_tag, unverified_email) =
                 (SELECT verdict, verdict_tag, unverified_email FROM attempts a
                  WHERE a.unverified_email = 'alice@example.com')
             WHERE unverified_email = 'mallory@example.com'",
        )
        .await;
    assert_eq!(moved, 1);
    ca.present(&mallorys, "wifi-user", Some(ALICE))
        .await
        .is("internal_error");
    ca.nothing_issued().await;
    ca.present_alices(&alices).await.issued();
    ca.check().await;
}

#[tokio::test]
async fn an_intent_that_the_database_made_is_never_signed() {
    let ca = TestCa::start().await;
    let (_chromebook, response) = ca.alices_response().await;
    refuse(&ca, "INSERT ON certificates").await;
    ca.present_alices(&response).await.is("storage_unavailable");
    permit(&ca).await;
    for planted in [
        "INSERT INTO certified_keys (issuer_id, spki_sha256, identity)
         SELECT issuer_id, zeroblob(32), 'user:root@example.com'
         FROM certificates WHERE kind = 'issuing'",
        "INSERT INTO certificates (attempt_id, certified_key_id, kind, state, issuer_id, serial,
             profile, profile_hash, identity, spki_sha256, tbs, not_before, not_after, renew_after,
             intended_at)
         SELECT a.id, k.id, 'client', 'intended', k.issuer_id, '01000000000000000000000000000000',
             'wifi-user', a.profile_hash, k.identity, k.spki_sha256, zeroblob(2), 0, 4000000000, 0, 0
         FROM attempts a, certified_keys k",
    ] {
        ca.execute(planted).await;
    }
    ca.execute(
        "INSERT INTO events (at, kind, actor, subject, detail)
         SELECT intended_at, 'certificate_intended', 'requester', issuer_id || '/' || serial, '{}'
         FROM certificates WHERE identity = 'user:root@example.com'",
    )
    .await;
    let answer = ca.present_alices(&response).await;
    answer.issued();
    let planted = ca
        .rows("SELECT state FROM certificates WHERE identity = 'user:root@example.com'")
        .await;
    assert_eq!(planted, ["abandoned"]);
    let issued = ca
        .rows("SELECT identity FROM certificates WHERE kind = 'client' AND state = 'issued'")
        .await;
    assert_eq!(issued, ["user:alice@example.com"]);
    ca.check().await;
}

#[tokio::test]
async fn another_schema_is_refused_with_what_to_run() {
    let mut ca = TestCa::start().await;
    ca.execute("CREATE TABLE aside AS SELECT * FROM schema_migrations")
        .await;
    let unknown = "use the program that made it, or a newer one";
    for (damage, said) in [
        ("DELETE FROM schema_migrations", "run `vaca migrate`"),
        (
            "UPDATE schema_migrations SET version = version + 1000",
            unknown,
        ),
        ("UPDATE schema_migrations SET sha256 = ''", unknown),
        (
            "INSERT INTO schema_migrations SELECT version + 1000, name, sha256 FROM aside",
            unknown,
        ),
        (
            "ALTER TABLE schema_migrations RENAME TO hidden",
            "run `vaca migrate`",
        ),
    ] {
        ca.execute(damage).await;
        let error = ca.start_refused().await;
        assert!(error.contains("cannot open the database"), "{error}");
        assert!(error.contains(said), "{error}");
        if damage.starts_with("ALTER") {
            ca.execute("ALTER TABLE hidden RENAME TO schema_migrations")
                .await;
        }
        ca.execute("DELETE FROM schema_migrations").await;
        ca.execute("INSERT INTO schema_migrations SELECT * FROM aside")
            .await;
    }
    ca.serve().await.unwrap();
    ca.check().await;
}

#[tokio::test]
async fn an_older_schema_is_brought_up_to_date_around_its_rows() {
    let mut ca = TestCa::start().await;
    let (_chromebook, response) = ca.alices_response().await;
    let before = ca.present_alices(&response).await;
    ca.stop().await;
    for step in [
        "DROP INDEX certificates_attempt",
        "DELETE FROM schema_migrations WHERE version > 1",
    ] {
        ca.execute(step).await;
    }
    let error = ca.start_refused().await;
    assert!(error.contains("back it up, then run"), "{error}");
    let config = vaca::config::Config::load(&ca.configuration_file()).unwrap();
    migrate::run(&config.database).await.unwrap();
    ca.serve().await.unwrap();
    let again = ca.present_alices(&response).await;
    assert_eq!(again.text, before.issued().text);
    ca.check().await;
}
