//! SIGKILL of a real `vaca serve` at each boundary of an enrolment. The next process finds what it
//! left, answers the same bytes, and is killed at the next boundary.

use serde_json::json;
use vaca::clock::{Clock as _, SystemClock};
use vaca::model::attempt::OWNERSHIP;
use vaca_emulator::{Call, Fault, KeyAlgorithm, Scope};

use super::check;
use crate::support::service::Service;
use crate::support::{ALICE, Engine, TestCa, certificate_request, eventually};

/// Where the process is killed.
#[derive(Clone, Copy, Debug)]
enum At {
    /// Within a transaction, just before this write.
    Write(&'static str),
    /// While Google thinks about it.
    Google,
    /// With everything recorded and nothing answered.
    TheEnd,
}
use At::{Google, TheEnd, Write};

/// What a killed process leaves, and what becomes of it.
struct Boundary {
    at: At,
    /// The attempt as it was last committed.
    left: Option<&'static str>,
    /// How often Google is asked before the process is killed, and after it.
    asked: (u64, u64),
    /// Intents that were never signed, or not recorded.
    abandoned: i64,
}

#[rustfmt::skip]
const BOUNDARIES: &[Boundary] = &[
    Boundary { at: Write("INSERT ON attempts"),                                      left: None,             asked: (0, 1), abandoned: 0 },
    Boundary { at: Write("INSERT ON events WHEN NEW.kind = 'attempt_bound'"),        left: None,             asked: (0, 1), abandoned: 0 },
    Boundary { at: Google,                                                           left: Some("bound"),    asked: (1, 1), abandoned: 0 },
    Boundary { at: Write("UPDATE ON attempts WHEN NEW.state = 'verified'"),          left: Some("bound"),    asked: (1, 1), abandoned: 0 },
    Boundary { at: Write("INSERT ON events WHEN NEW.kind = 'attempt_verified'"),     left: Some("bound"),    asked: (1, 1), abandoned: 0 },
    Boundary { at: Write("INSERT ON attempt_rates"),                                 left: Some("bound"),    asked: (1, 1), abandoned: 0 },
    Boundary { at: Write("UPDATE ON attempts WHEN NEW.state = 'intended'"),          left: Some("verified"), asked: (1, 0), abandoned: 0 },
    Boundary { at: Write("INSERT ON certified_keys"),                                left: Some("verified"), asked: (1, 0), abandoned: 0 },
    Boundary { at: Write("INSERT ON certificates"),                                  left: Some("verified"), asked: (1, 0), abandoned: 0 },
    Boundary { at: Write("INSERT ON events WHEN NEW.kind = 'certificate_intended'"), left: Some("verified"), asked: (1, 0), abandoned: 0 },
    Boundary { at: Write("UPDATE ON certificates WHEN NEW.state = 'issued'"),        left: Some("intended"), asked: (1, 0), abandoned: 1 },
    Boundary { at: Write("UPDATE ON attempts WHEN NEW.state = 'issued'"),            left: Some("intended"), asked: (1, 0), abandoned: 1 },
    Boundary { at: Write("INSERT ON events WHEN NEW.kind = 'certificate_issued'"),   left: Some("intended"), asked: (1, 0), abandoned: 1 },
    Boundary { at: TheEnd,                                                           left: Some("issued"),   asked: (1, 0), abandoned: 0 },
];

/// A CA of the present, whose record nobody holds open.
pub(super) async fn ca_of_today() -> TestCa {
    let place = Engine::of_this_run().empty_database().await;
    let ca = TestCa::start_on(place, SystemClock::new().now()).await;
    ca.store.close().await;
    ca
}

/// Sets the test's clock, which stands still, by the machine's.
fn set_clock(ca: &TestCa) {
    ca.clock
        .jump(SystemClock::new().now().since(ca.clock.now()));
}

/// A response of a Chromebook of Alice's to a challenge of the process.
pub(super) async fn response(ca: &TestCa, service: &Service) -> Vec<u8> {
    set_clock(ca);
    let mut chromebook = ca.chromebook(ALICE).await;
    let challenge = service.challenge().await;
    let made = chromebook.challenge_key(&challenge, Scope::User, Some(KeyAlgorithm::Ecdsa));
    made.await.unwrap()
}

/// The newest attempt, where there is one more than `before`.
async fn newest(ca: &TestCa, before: i64) -> Option<String> {
    let attempts = "SELECT state FROM attempts ORDER BY id";
    let mut states = ca.rows(attempts).await;
    assert!(states.len() as i64 <= before + 1);
    (states.len() as i64 > before).then(|| states.pop().unwrap())
}

/// Presents a response and kills the process when it has come to its boundary.
async fn kill_at(ca: &TestCa, service: Service, boundary: &Boundary, response: &[u8]) {
    let before = ca.count("SELECT count(*) FROM attempts").await;
    let calls = ca.emulator.calls().verify;
    match boundary.at {
        Write(when) => ca.hold(when).await,
        Google => {
            let milliseconds = 20_000;
            let slow = Fault::Slow { milliseconds };
            ca.emulator.faults().next(Call::Verify, slow);
        }
        TheEnd => {}
    }
    let body = certificate_request(response, "wifi-user", Some(ALICE));
    let asking = tokio::spawn(service.ask("/v1/certificates", &body));
    eventually("the boundary", async || {
        let held = !matches!(boundary.at, Write(_)) || ca.is_held().await;
        held && newest(ca, before).await.as_deref() == boundary.left
            && ca.emulator.calls().verify - calls == boundary.asked.0
    })
    .await;
    service.kill();
    let answer = asking.await.unwrap();
    let finished = matches!(boundary.at, TheEnd);
    assert!(answer.is_none() || finished, "nobody answers for the dead");
    if let Write(_) = boundary.at {
        ca.let_go().await;
    }
    assert_eq!(newest(ca, before).await.as_deref(), boundary.left);
}

#[tokio::test]
async fn wherever_the_process_is_killed_the_same_bytes_reach_one_outcome() {
    let ca = ca_of_today().await;
    // All of them within a minute or so of the machine's own clock.
    ca.reconfigure(
        "scope = \"user\"\n",
        "scope = \"user\"\nattempts_per_minute = 100\n",
    );
    let mut service = Service::start(ca.folder.path()).await;
    for boundary in BOUNDARIES {
        let case = format!("{:?}", boundary.at);
        let response = response(&ca, &service).await;
        let (issued, abandoned) = (
            ca.certificates("issued").await,
            ca.certificates("abandoned").await,
        );
        kill_at(&ca, service, boundary, &response).await;
        let calls = ca.emulator.calls().verify;

        service = Service::start(ca.folder.path()).await;
        if boundary.left.is_some_and(|state| state != "issued") {
            service.present(&response).await.is("in_progress");
            // The owner's time passes.
            let sql = format!(
                "UPDATE attempts SET owner_until = owner_until - {OWNERSHIP} WHERE owner_until > 0"
            );
            assert_eq!(ca.execute(sqlx::AssertSqlSafe(sql)).await, 1, "{case}");
        }
        let answer = service.present(&response).await;
        let status = if boundary.left == Some("issued") {
            200
        } else {
            201
        };
        assert_eq!(answer.status, status, "{case}: {}", answer.text);
        let repeated = service.present(&response).await;
        assert_eq!((repeated.status, repeated.text), (200, answer.text));
        let asked = ca.emulator.calls().verify - calls;
        assert_eq!(asked, boundary.asked.1, "{case}");
        assert_eq!(ca.certificates("issued").await, issued + 1, "{case}");
        assert_eq!(ca.certificates("intended").await, 0, "{case}");
        let spent = ca.certificates("abandoned").await - abandoned;
        assert_eq!(spent, boundary.abandoned, "{case}");
    }
    service.kill();
    check(ca).await;
}

#[tokio::test]
async fn a_challenge_dies_with_its_process_and_a_verdict_does_not() {
    let mut ca = ca_of_today().await;
    let service = Service::start(ca.folder.path()).await;
    ca.hold("INSERT ON challenges").await;
    let body = json!({ "profile": "wifi-user" });
    let asking = tokio::spawn(service.ask("/v1/challenges", &body));
    eventually("the boundary", async || {
        ca.emulator.calls().generate == 1 && ca.is_held().await
    })
    .await;
    service.kill();
    assert!(asking.await.unwrap().is_none(), "nothing was handed out");
    ca.let_go().await;
    assert_eq!(ca.count("SELECT count(*) FROM challenges").await, 0);

    // The next process hands out its own, and is killed with an intent that it has not signed.
    let service = Service::start(ca.folder.path()).await;
    let response = response(&ca, &service).await;
    let boundary = BOUNDARIES
        .iter()
        .find(|boundary| boundary.left == Some("intended"));
    kill_at(&ca, service, boundary.unwrap(), &response).await;
    set_clock(&ca);
    ca.serve().await.unwrap();
    ca.present_alices(&response).await.is("in_progress");
    ca.clock.advance(OWNERSHIP);
    ca.present_alices(&response).await.issued();
    assert_eq!(ca.emulator.calls().verify, 1);
    assert_eq!(ca.certificates("abandoned").await, 1);
    check(ca).await;
}

#[tokio::test]
async fn a_process_that_is_told_to_stop_finishes_what_was_bound() {
    let ca = ca_of_today().await;
    let service = Service::start(ca.folder.path()).await;
    let response = response(&ca, &service).await;
    let slow = Fault::Slow { milliseconds: 1500 };
    ca.emulator.faults().next(Call::Verify, slow);
    let body = certificate_request(&response, "wifi-user", Some(ALICE));
    let asking = tokio::spawn(service.ask("/v1/certificates", &body));
    eventually("Google is asked", async || {
        ca.emulator.calls().verify == 1 && newest(&ca, 0).await.as_deref() == Some("bound")
    })
    .await;
    assert_eq!(service.stop("-TERM").await, Some(0));
    let answer = asking.await.unwrap().expect("an answer");
    answer.issued();
    let service = Service::start(ca.folder.path()).await;
    let again = service.present(&response).await;
    assert_eq!((again.status, again.text), (200, answer.text));
    service.kill();
    check(ca).await;
}
