//! The log: what is removed, changed or moved in it shows; no person and no secret stands in it.

use std::io::Write;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sqlx::AssertSqlSafe;
use tracing_subscriber::fmt::MakeWriter;
use vaca::audit::BrokenLog;
use vaca::store::audit::Sequence;
use vaca_emulator::{Call, Fault, KeyAlgorithm};

use crate::support::{ALICE, TestCa, eventually};

async fn some_outcomes(ca: &TestCa) {
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    ca.emulator
        .faults()
        .next(Call::Verify, Fault::DeveloperMode);
    ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .is("developer_mode");
}

#[tokio::test]
async fn every_touch_of_an_ordered_event_shows_where_it_is() {
    let mut ca = TestCa::start().await;
    let is_listed = async || {
        let listed = "SELECT count(*) FROM crls WHERE state = 'issued'";
        ca.count(listed).await == 2
    };
    eventually("the first CRL", is_listed).await;
    some_outcomes(&ca).await;
    ca.stop().await;
    while ca.store.write(Sequence).await.unwrap() > 0 {}
    let events = vaca::audit::verify(&ca.store).await.unwrap();
    // Six of the CA's own birth; two of its first CRL; four of an enrolment; three of a denial by policy.
    assert_eq!(events, 6 + 2 + 4 + 4 + 3);
    ca.execute("CREATE TABLE aside AS SELECT * FROM events")
        .await;
    for (tampering, breaks_at) in [
        ("DELETE FROM events WHERE sequence = 1", 1),
        ("DELETE FROM events WHERE sequence = 7", 7),
        ("UPDATE events SET detail = '[]' WHERE sequence = 7", 7),
        ("UPDATE events SET at = at + 1 WHERE sequence = 8", 8),
        ("UPDATE events SET kind = 'block_added' WHERE sequence = 9", 9),
        ("UPDATE events SET actor = 'nobody' WHERE sequence = 10", 10),
        ("UPDATE events SET subject = subject || 'x' WHERE sequence = 16", 16),
        ("UPDATE events SET chain = zeroblob(32) WHERE sequence = 5", 5),
        // What moves from one field to its neighbour.
        (
            "UPDATE events SET kind = kind || actor, actor = '' WHERE sequence = 11",
            11,
        ),
        // Two events change places, with and without their links.
        (
            "UPDATE events SET subject = (SELECT subject FROM aside WHERE aside.sequence = 23 - events.sequence),
                 kind = (SELECT kind FROM aside WHERE aside.sequence = 23 - events.sequence),
                 detail = (SELECT detail FROM aside WHERE aside.sequence = 23 - events.sequence)
             WHERE sequence IN (11, 12)",
            11,
        ),
        (
            "UPDATE events SET sequence = 1000 + 23 - sequence WHERE sequence IN (11, 12)",
            11,
        ),
        (
            "INSERT INTO events (at, kind, actor, subject, detail, sequence, chain)
             SELECT at, kind, actor, subject, detail, 20, chain FROM aside WHERE sequence = 19",
            20,
        ),
    ] {
        ca.execute(AssertSqlSafe(tampering)).await;
        let broken = vaca::audit::verify(&ca.store).await.unwrap_err();
        let BrokenLog::At(place) = broken else {
            panic!("{tampering}: {broken}")
        };
        assert_eq!(place, breaks_at, "{tampering}");
        ca.execute("DELETE FROM events").await;
        ca.execute("INSERT INTO events SELECT * FROM aside").await;
        assert_eq!(vaca::audit::verify(&ca.store).await.unwrap(), events);
    }
    // The end has no later link that could miss it: whoever compares the number notices.
    ca.execute("DELETE FROM events WHERE sequence = 19").await;
    assert_eq!(vaca::audit::verify(&ca.store).await.unwrap(), events - 1);
    ca.execute("INSERT INTO events SELECT * FROM aside WHERE sequence = 19")
        .await;
    ca.execute("DROP TABLE aside").await;
    ca.check().await;
}

/// What this test's thread logs, the service's tasks included.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn neither_log_nor_events_hold_a_person_or_a_secret() {
    // With one subscriber only, other tests' threads would say for ever that nobody listens.
    let _another = tracing::Dispatch::new(tracing_subscriber::registry());
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(captured.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let ca = TestCa::start().await;
    let (_chromebook, response) = ca.alices_response().await;
    ca.present(&response, "wifi-user", Some(ALICE))
        .await
        .issued();
    let (_chromebook, refused) = ca.alices_response().await;
    let quoting = Fault::Status {
        code: "INVALID_ARGUMENT".to_owned(),
        message: format!("{ALICE} did not sign {}", STANDARD.encode(&refused)),
    };
    ca.emulator.faults().next(Call::Verify, quoting);
    ca.present(&refused, "wifi-user", Some(ALICE))
        .await
        .is("challenge_response_refused");
    let log = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    // Of the service alone: the emulator and the clients run on the same thread.
    let log: Vec<_> = log
        .lines()
        .filter(|line| line.contains(" vaca::"))
        .collect();
    assert!(
        log.iter().any(|line| line.contains("issued")),
        "nothing was captured"
    );
    let events = ca
        .rows("SELECT kind || actor || subject || detail FROM events")
        .await;
    let read = |name: &str| std::fs::read_to_string(ca.folder.path().join(name)).unwrap();
    let secrets = [
        ALICE.to_owned(),
        "alice".to_owned(),
        STANDARD.encode(&response)[..24].to_owned(),
        STANDARD.encode(&refused)[..24].to_owned(),
        read("issuing/passphrase").trim().to_owned(),
        read("deployment.key").trim().to_owned(),
        "Bearer".to_owned(),
        "eyJ".to_owned(),
        "PRIVATE KEY".to_owned(),
    ];
    for line in log.into_iter().chain(events.iter().map(String::as_str)) {
        for secret in &secrets {
            assert!(!line.contains(secret.as_str()), "{secret} in: {line}");
        }
    }
    drop(guard);
    ca.check().await;
}

#[tokio::test]
async fn a_lease_of_a_clock_that_was_set_back_stands_in_nobodys_way() {
    let ca = TestCa::start().await;
    eventually("there is a lease", async || {
        ca.count("SELECT count(*) FROM leases WHERE name = 'sequencer'")
            .await
            == 1
    })
    .await;
    ca.execute("UPDATE leases SET holder = 'gone', until = until + 1000000")
        .await;
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    eventually("the events are in order", async || {
        ca.count("SELECT count(*) FROM events WHERE sequence IS NULL")
            .await
            == 0
    })
    .await;
    ca.check().await;
}
