//! The fault matrix: each write x {not applied, applied but reported failed}. Beside it, in
//! `storage`, triggers refuse each statement.

use std::any::type_name;
use std::sync::Arc;

use vaca::config::Config;
use vaca::model::actor::Actor;
use vaca::model::attempt::OWNERSHIP;
use vaca::model::challenge::CHALLENGE_MEMORY;
use vaca::model::event::{AuditEvent, EventKind};
use vaca::model::identity::Email;
use vaca::model::pause::MINUTE;
use vaca::random::SystemRandom;
use vaca::schedule::Schedule;
use vaca::server::{self, Parts, Server};
use vaca::store::StoreError;
use vaca::store::attempts::{Bind, Deny, KeepVerdict, Release, TakeOver};
use vaca::store::audit::Sequence;
use vaca::store::blocks::{AddBlock, Blocked};
use vaca::store::certificates::{Intend, Record};
use vaca::store::challenges::{Remember, Sweep};
use vaca::store::fate::Fate::{self, Lost, Unconfirmed};
use vaca::store::leases::Acquire;
use vaca::store::pauses::ForgetPauses;
use vaca_emulator::{Call, Fault};

use crate::support::{START, TestCa};

/// What Verified Access does meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Google {
    Confirms,
    /// It refuses: the attempt is denied.
    Refuses,
    /// It confirms a device in developer mode: policy denies the attempt.
    FindsDeveloperMode,
    /// It does not answer: the attempt is released.
    IsDown,
    /// It did not answer, and is back: the attempt is taken over.
    IsBack,
}
use Google::{Confirms, FindsDeveloperMode, IsBack, IsDown, Refuses};

/// One write that goes wrong, and what becomes of its attempt.
struct Case {
    write: fn() -> &'static str,
    fate: Fate,
    google: Google,
    /// What the requester is told.
    told: &'static str,
    /// Whether somebody seems to be at it until the owner's time has passed.
    held: bool,
    /// How the same bytes are answered in the end.
    answer: u16,
    /// How often Google is asked in the request that goes wrong, and after it.
    asked: (u64, u64),
    /// Intents that were never signed, or not recorded.
    abandoned: i64,
}

const STORAGE: &str = "storage_unavailable";
const GOOGLE: &str = "verified_access_unavailable";

/// How often a Google that does not answer is asked within one request.
const TRIES: u64 = 4;

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case { write: type_name::<Bind>,        fate: Lost,        google: Confirms,           told: STORAGE, held: false, answer: 201, asked: (0, 1), abandoned: 0 },
    Case { write: type_name::<Bind>,        fate: Unconfirmed, google: Confirms,           told: STORAGE, held: false, answer: 201, asked: (0, 1), abandoned: 0 },
    Case { write: type_name::<KeepVerdict>, fate: Lost,        google: Confirms,           told: STORAGE, held: false, answer: 201, asked: (1, 1), abandoned: 0 },
    Case { write: type_name::<KeepVerdict>, fate: Unconfirmed, google: Confirms,           told: STORAGE, held: false, answer: 201, asked: (1, 0), abandoned: 0 },
    Case { write: type_name::<Intend>,      fate: Lost,        google: Confirms,           told: STORAGE, held: false, answer: 201, asked: (1, 0), abandoned: 0 },
    Case { write: type_name::<Intend>,      fate: Unconfirmed, google: Confirms,           told: STORAGE, held: false, answer: 201, asked: (1, 0), abandoned: 1 },
    Case { write: type_name::<Record>,      fate: Lost,        google: Confirms,           told: STORAGE, held: false, answer: 201, asked: (1, 0), abandoned: 1 },
    Case { write: type_name::<Record>,      fate: Unconfirmed, google: Confirms,           told: STORAGE, held: false, answer: 200, asked: (1, 0), abandoned: 0 },
    Case { write: type_name::<Deny>,        fate: Lost,        google: Refuses,            told: STORAGE, held: false, answer: 403, asked: (1, 1), abandoned: 0 },
    Case { write: type_name::<Deny>,        fate: Unconfirmed, google: Refuses,            told: STORAGE, held: false, answer: 403, asked: (1, 0), abandoned: 0 },
    Case { write: type_name::<Deny>,        fate: Lost,        google: FindsDeveloperMode, told: STORAGE, held: false, answer: 403, asked: (1, 0), abandoned: 0 },
    Case { write: type_name::<Deny>,        fate: Unconfirmed, google: FindsDeveloperMode, told: STORAGE, held: false, answer: 403, asked: (1, 0), abandoned: 0 },
    Case { write: type_name::<Release>,     fate: Lost,        google: IsDown,             told: GOOGLE,  held: true,  answer: 201, asked: (TRIES, 1), abandoned: 0 },
    Case { write: type_name::<Release>,     fate: Unconfirmed, google: IsDown,             told: GOOGLE,  held: false, answer: 201, asked: (TRIES, 1), abandoned: 0 },
    Case { write: type_name::<TakeOver>,    fate: Lost,        google: IsBack,             told: STORAGE, held: false, answer: 201, asked: (0, 1), abandoned: 0 },
    Case { write: type_name::<TakeOver>,    fate: Unconfirmed, google: IsBack,             told: STORAGE, held: false, answer: 201, asked: (0, 1), abandoned: 0 },
];

/// The state of the world in which the write is made.
async fn prepare(ca: &TestCa, google: Google, response: &[u8]) {
    let faults = ca.emulator.faults();
    match google {
        Confirms => {}
        Refuses => faults.every(Call::Verify, Fault::status("400")),
        FindsDeveloperMode => faults.every(Call::Verify, Fault::DeveloperMode),
        IsDown => faults.every(Call::Verify, Fault::Down),
        IsBack => {
            faults.every(Call::Verify, Fault::Down);
            ca.present_alices(response).await.is(GOOGLE);
            faults.clear();
        }
    }
}

#[tokio::test]
async fn whatever_becomes_of_a_commit_the_same_bytes_reach_one_outcome() {
    let ca = TestCa::start().await;
    for case in CASES {
        let name = format!("{} {:?}", (case.write)(), case.fate);
        ca.clock.advance(MINUTE);
        let (_chromebook, response) = ca.alices_response().await;
        prepare(&ca, case.google, &response).await;
        let calls = ca.emulator.calls().verify;
        let (issued, abandoned) = (
            ca.certificates("issued").await,
            ca.certificates("abandoned").await,
        );

        ca.commits.next((case.write)(), case.fate);
        let failed = ca.present_alices(&response).await;
        assert!(ca.commits.struck(), "{name}: there was no such write");
        assert_eq!(failed.is(case.told).status, 503, "{name}");
        assert_eq!(failed.json["action"], "retry_same", "{name}");
        let asked = ca.emulator.calls().verify;
        assert_eq!(asked - calls, case.asked.0, "{name}");

        if case.google == IsDown {
            ca.emulator.faults().clear();
        }
        if case.held {
            let early = ca.present_alices(&response).await;
            assert_eq!(early.is("in_progress").header("retry-after"), "1", "{name}");
            ca.clock.advance(OWNERSHIP);
        }
        let answer = ca.present_alices(&response).await;
        assert_eq!(answer.status, case.answer, "{name}: {}", answer.text);
        if let Some(attempt) = failed.json.get("attempt") {
            assert_eq!(answer.json["attempt"], *attempt, "{name}");
        }
        let again = ca.emulator.calls().verify - asked;
        assert_eq!(again, case.asked.1, "{name}");
        let certified = i64::from(case.answer != 403);
        let grown = ca.certificates("issued").await - issued;
        assert_eq!(grown, certified, "{name}");
        let spent = ca.certificates("abandoned").await - abandoned;
        assert_eq!(spent, case.abandoned, "{name}");
        assert_eq!(ca.certificates("intended").await, 0, "{name}");

        ca.emulator.faults().clear();
        let repeated = ca.present_alices(&response).await;
        let status = if certified == 1 { 200 } else { case.answer };
        assert_eq!((repeated.status, repeated.text), (status, answer.text));
        assert_eq!(ca.emulator.calls().verify - asked, case.asked.1, "{name}");
    }
    ca.check().await;
}

#[tokio::test]
async fn a_challenge_whose_commit_is_not_confirmed_is_not_handed_out() {
    let ca = TestCa::start().await;
    for (fate, remembered) in [(Lost, 0), (Unconfirmed, 1)] {
        let before = ca.count("SELECT count(*) FROM challenges").await;
        ca.commits.next(type_name::<Remember>(), fate);
        let body = serde_json::json!({ "profile": "wifi-user" });
        let answer = ca.post("/v1/challenges", &body).await;
        assert_eq!(answer.is(STORAGE).status, 503);
        assert_eq!(answer.json["action"], "retry_same");
        assert!(answer.json.get("challenge").is_none());
        let kept = ca.count("SELECT count(*) FROM challenges").await - before;
        assert_eq!(kept, remembered, "{fate:?}");
        let (_chromebook, response) = ca.alices_response().await;
        ca.present_alices(&response).await.issued();
    }
    ca.check().await;
}

/// A service that is not running: its schedule is run by hand.
async fn stopped(ca: &mut TestCa) -> (Server, Schedule) {
    ca.stop().await;
    let config = Config::load(&ca.configuration_file()).unwrap();
    let parts = Parts {
        clock: Arc::new(ca.clock.clone()),
        random: Arc::new(SystemRandom),
        commits: ca.commits.clone(),
    };
    let server = server::build(&config, parts).await.unwrap();
    let resources = Arc::clone(server.resources());
    let schedule = Schedule::new(resources, "by hand".to_owned(), config.retention);
    (server, schedule)
}

/// What is left for the schedule to do: events without a number, challenges to be forgotten,
/// attempts to be closed.
async fn left(ca: &TestCa) -> [i64; 3] {
    let open = "SELECT count(*) FROM attempts WHERE state NOT IN ('issued', 'denied')";
    [
        ca.count("SELECT count(*) FROM events WHERE sequence IS NULL")
            .await,
        ca.count("SELECT count(*) FROM challenges").await,
        ca.count(open).await,
    ]
}

#[tokio::test]
async fn whatever_becomes_of_its_commits_the_schedule_goes_on_where_it_stood() {
    let mut ca = TestCa::start().await;
    for fate in [Lost, Unconfirmed] {
        // Somebody who never comes back, and the challenge of it.
        let (_chromebook, response) = ca.alices_response().await;
        ca.emulator
            .faults()
            .next(Call::Verify, Fault::status("401"));
        ca.present_alices(&response)
            .await
            .is("verified_access_misconfigured");
        let (server, mut schedule) = stopped(&mut ca).await;
        let resources = server.resources();
        ca.clock.advance(CHALLENGE_MEMORY + 1);
        resources.store.write(block(fate)).await.unwrap();

        let [events, challenges, open] = left(&ca).await;
        assert!(events > 0 && challenges == 1 && open == 1);
        let applied = |number| if fate == Unconfirmed { 0 } else { number };
        // Each in turn, in the order in which the schedule makes them.
        for (write, then) in [
            (type_name::<Acquire>(), [events, 1, 1]),
            (type_name::<Sequence>(), [applied(events), 1, 1]),
            (type_name::<Sweep>(), [0, applied(1), 1]),
            (type_name::<ForgetPauses>(), [0, 0, 1]),
            (type_name::<Deny>(), [0, 0, applied(1)]),
        ] {
            ca.commits.next(write, fate);
            let failed = schedule.run_due().await;
            assert!(
                matches!(failed, Err(StoreError::Commit(_))),
                "{write} {fate:?}: {failed:?}"
            );
            assert!(!resources.store.takes_writes());
            let mut now = left(&ca).await;
            if write == type_name::<Deny>() && fate == Unconfirmed {
                now[0] -= 1; // the denial's own event
            }
            assert_eq!(now, then, "{write} {fate:?}");
        }
        for _ in 0..2 {
            schedule.run_due().await.unwrap();
            ca.clock.advance(60);
        }
        assert_eq!(left(&ca).await[1..], [0, 0]);
        schedule.run_due().await.unwrap();
        assert_eq!(left(&ca).await, [0, 0, 0]);
        let events = ca.count("SELECT count(*) FROM events").await;
        assert_eq!(ca.count("SELECT max(sequence) FROM events").await, events);
        assert_eq!(vaca::audit::verify(&ca.store).await.unwrap(), events);
        resources.store.close().await;

        ca.serve().await.unwrap();
        ca.present_alices(&response).await.is("challenge_expired");
    }
    ca.check().await;
}

/// A write with an event of its own.
fn block(fate: Fate) -> AddBlock {
    let name = format!("{fate:?}@example.com").to_lowercase();
    AddBlock {
        blocked: Blocked::Email(Email::parse(&name).unwrap()),
        reason: "lost".to_owned(),
        event: AuditEvent::new(
            START,
            EventKind::BlockAdded,
            Actor::CommandLine,
            format!("{fate:?}"),
        ),
    }
}
