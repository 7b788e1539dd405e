//! What services of the organisation's own are told: everything, at least once, in the order of each
//! subject, whatever becomes of commits, nodes and receivers; and nothing that the record does not hold.

use std::any::type_name;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use vaca::config::Config;
use vaca::delivery::PURPOSE;
use vaca::enrichment::webhook::SIGNATURE;
use vaca::model::actor::Actor;
use vaca::model::revocation::RevocationReason;
use vaca::store::Store;
use vaca::store::attempts::Deny;
use vaca::store::certificates::Record;
use vaca::store::deliveries::Delivered;
use vaca::store::fate::Fate;
use vaca::store::revocations::{Revoke, Revoked};
use vaca_emulator::{Call, Fault, KeyAlgorithm};

use crate::admin;
use crate::support::openssl::{run, said};
use crate::support::service::VACA;
use crate::support::{ALICE, Engine, START, TestCa, eventually, write_secret};

const SECRET: [u8; 32] = [0x6b; 32];
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// What a receiver makes of an event.
type Behaviour = Box<dyn FnMut(&Value) -> Response + Send>;

#[derive(Clone)]
struct Receiver {
    url: String,
    behaviour: Arc<Mutex<Behaviour>>,
    told: Arc<Mutex<Vec<Value>>>,
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Response {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &SECRET);
    let tag = hmac::sign(&key, &[PURPOSE, &body].concat());
    let digits = tag.as_ref().iter().map(|octet| format!("{octet:02x}"));
    assert_eq!(
        headers[SIGNATURE],
        format!("v1={}", digits.collect::<String>())
    );
    assert_eq!(headers["content-type"], "application/json");
    let event: Value = serde_json::from_slice(&body).unwrap();
    let answer = (*receiver.behaviour.lock().unwrap())(&event);
    receiver.told.lock().unwrap().push(event);
    answer
}

fn taken() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

impl Receiver {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            url: format!("http://{}/events", listener.local_addr().unwrap()),
            behaviour: Arc::new(Mutex::new(Box::new(|_| taken()))),
            told: Arc::default(),
        };
        let routes = Router::new()
            .route("/events", post(receive))
            .with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        receiver
    }

    fn answers(&self, behaviour: impl FnMut(&Value) -> Response + Send + 'static) {
        *self.behaviour.lock().unwrap() = Box::new(behaviour);
    }

    fn told(&self) -> Vec<Value> {
        self.told.lock().unwrap().clone()
    }

    /// So many were sent, and not one more is waited for.
    async fn hears(&self, count: usize) -> Vec<Value> {
        let what = format!("{count} deliveries");
        eventually(&what, async || self.told().len() >= count).await;
        let told = self.told();
        assert_eq!(told.len(), count, "{told:?}");
        told
    }
}

/// The table for a sink of this name.
fn sink(name: &str, url: &str, more: &str) -> String {
    format!(
        "[[event_sink]]\nname = \"{name}\"\nurl = \"{url}\"\nsecret_file = \"events.key\"\ntimeout = \"1s\"\n{more}\n"
    )
}

/// A CA that tells these sinks.
async fn telling(sinks: &str) -> TestCa {
    let mut ca = TestCa::start().await;
    ca.stop().await;
    write_secret(&ca.folder.path().join("events.key"), &"6b".repeat(32));
    ca.reconfigure("[[issuer]]", &format!("{sinks}[[issuer]]"));
    ca.serve().await.unwrap();
    ca
}

async fn telling_one() -> (TestCa, Receiver) {
    let receiver = Receiver::start().await;
    let ca = telling(&sink("siem", &receiver.url, "")).await;
    (ca, receiver)
}

async fn enroll(ca: &TestCa) -> crate::support::Answer {
    let (_chromebook, response) = ca.alices_response().await;
    ca.present_alices(&response).await
}

/// Nothing waits and nothing was given up.
async fn queue_is_empty(ca: &TestCa) {
    let empty = async || ca.count("SELECT count(*) FROM deliveries").await == 0;
    eventually("the queue is empty", empty).await;
}

/// Waits until so many attempts are recorded as failed: until then none is due again.
async fn failures_are(ca: &TestCa, count: i64) {
    let sum = "SELECT CAST(coalesce(sum(failures), 0) AS BIGINT) FROM deliveries";
    eventually("the failures are recorded", async || {
        ca.count(sum).await == count
    })
    .await;
}

/// How many deliveries wait for an operator.
async fn given_up(ca: &TestCa) -> i64 {
    ca.count("SELECT count(*) FROM deliveries WHERE state = 'dead'")
        .await
}

#[tokio::test]
async fn issued_denied_and_paused_are_told_with_what_the_record_says() {
    let (ca, receiver) = telling_one().await;
    let answer = enroll(&ca).await;
    let attempt = answer.issued().json["attempt"].clone();
    let issued = receiver.hears(1).await.remove(0);
    let serial = ca
        .rows("SELECT serial FROM certificates WHERE kind = 'client'")
        .await;
    assert_eq!(issued["version"], 1);
    assert_eq!(issued["kind"], "issued");
    assert_eq!(issued["time"], START.0);
    assert_eq!(issued["timestamp"], START.0);
    assert_eq!(issued["attempt"], attempt);
    assert_eq!(issued["profile"], "wifi-user");
    assert_eq!(issued["email"], ALICE);
    assert_eq!(issued["device_permanent_id"], Value::Null);
    assert_eq!(issued["serial_number"], serial[0].as_str());
    let issuer = issued["issuer"].as_str().unwrap();
    assert_eq!(issued["subject"], format!("{issuer}/{}", serial[0]));
    assert!(issued["not_after"].as_i64().unwrap() > START.0);

    // A device, by its id.
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    let told = receiver.hears(2).await.remove(1);
    assert_eq!(told["email"], Value::Null);
    assert!(told["device_permanent_id"].as_str().unwrap().len() > 10);

    // Refused before Verified Access confirmed anybody: a claim is nobody's name.
    ca.emulator
        .faults()
        .next(Call::Verify, Fault::status("400"));
    let refused = enroll(&ca).await;
    let told = receiver.hears(3).await.remove(2);
    assert_eq!(told["kind"], "denied");
    assert_eq!(told["subject"], refused.json["attempt"]);
    assert_eq!(told["code"], refused.json["code"]);
    assert_eq!(told["email"], Value::Null);

    // Refused by policy, until the pause begins.
    ca.emulator
        .faults()
        .every(Call::Verify, Fault::DeveloperMode);
    for _ in 0..3 {
        enroll(&ca).await.is("developer_mode");
    }
    let told = receiver.hears(7).await;
    let last: Vec<_> = told[3..]
        .iter()
        .map(|event| event["kind"].as_str().unwrap())
        .collect();
    assert_eq!(last.iter().filter(|kind| **kind == "denied").count(), 3);
    let paused = told.iter().find(|event| event["kind"] == "paused").unwrap();
    assert_eq!(paused["email"], ALICE);
    assert_eq!(paused["code"], "developer_mode");
    assert!(paused["until"].as_i64().unwrap() > START.0);
    let ids: std::collections::HashSet<_> =
        told.iter().map(|event| event["id"].to_string()).collect();
    assert_eq!(ids.len(), told.len(), "an id is one event's");
    queue_is_empty(&ca).await;
    ca.check().await;
}

#[tokio::test]
async fn a_revocation_is_told_after_what_it_revokes() {
    let (ca, receiver) = telling_one().await;
    receiver.answers(|_| StatusCode::BAD_GATEWAY.into_response());
    enroll(&ca).await.issued();
    receiver.hears(1).await;
    // As a command does it, in a process of its own.
    let config = Config::load(&ca.configuration_file()).unwrap();
    let store = Store::open_and_tell(&config.database, config.subscriptions())
        .await
        .unwrap();
    let row = "SELECT id FROM certificates WHERE kind = 'client'";
    let revoke = Revoke {
        rows: vec![ca.count(row).await],
        reason: RevocationReason::KeyCompromise,
        actor: Actor::CommandLine,
        at: START,
        allowance: None,
    };
    assert_eq!(store.write(revoke).await.unwrap(), Revoked::Committed(1));
    store.close().await;
    receiver.answers(|_| taken());
    ca.clock.advance(MINUTE);
    let told = receiver.hears(3).await;
    assert_eq!(
        (&told[1]["kind"], &told[2]["kind"]),
        (&json!("issued"), &json!("revoked"))
    );
    assert_eq!(told[1]["subject"], told[2]["subject"]);
    assert_eq!(told[2]["reason"], "key_compromise");
    assert_eq!(told[2]["email"], ALICE);
    queue_is_empty(&ca).await;
    ca.check().await;
}

#[tokio::test]
async fn each_sink_is_told_what_it_wants_and_none_waits_for_another() {
    let (all, issued, down) = (
        Receiver::start().await,
        Receiver::start().await,
        "http://127.0.0.1:1/",
    );
    let sinks = [
        sink("down", down, ""),
        sink("all", &all.url, ""),
        sink("issued-alone", &issued.url, "kinds = [\"issued\"]"),
    ];
    let ca = telling(&sinks.concat()).await;
    ca.emulator
        .faults()
        .next(Call::Verify, Fault::status("400"));
    enroll(&ca).await;
    enroll(&ca).await.issued();
    all.hears(2).await;
    let told = issued.hears(1).await;
    assert_eq!(told[0]["kind"], "issued");
    let waiting = "SELECT sink FROM deliveries ORDER BY id";
    let both_failed = async || {
        let failed = "SELECT count(*) FROM deliveries WHERE failures > 0 AND problem <> ''";
        ca.count(failed).await == 2
    };
    eventually("one sink is down", both_failed).await;
    assert_eq!(ca.rows(waiting).await, ["down", "down"]);
    ca.check().await;
}

#[tokio::test]
async fn without_a_sink_nothing_is_queued() {
    let ca = TestCa::start().await;
    enroll(&ca).await.issued();
    assert_eq!(ca.count("SELECT count(*) FROM deliveries").await, 0);
    let readyz = ca.get("/readyz").await;
    assert!(!readyz.text.contains("deliveries"), "{}", readyz.text);
    ca.check().await;
}

/// Down, slow, redirecting, talking without end: tried again under the same id until it is taken.
#[tokio::test]
async fn a_receiver_that_does_not_take_it_is_asked_again_and_again() {
    let (ca, receiver) = telling_one().await;
    let slow = |_: &Value| {
        std::thread::sleep(std::time::Duration::from_millis(1300));
        taken()
    };
    let redirect =
        |_: &Value| (StatusCode::PERMANENT_REDIRECT, [("location", "/elsewhere")]).into_response();
    let behaviours: [Behaviour; 4] = [
        Box::new(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response()),
        Box::new(|_| (StatusCode::FORBIDDEN, "=cmd\u{1b}[2J".repeat(100_000)).into_response()),
        Box::new(redirect),
        Box::new(slow),
    ];
    let problems = [
        "it answered 500",
        "it answered 403",
        "it answered 308",
        "timed out",
    ];
    let mut behaviours = behaviours.into_iter();
    receiver.answers(behaviours.next().unwrap());
    enroll(&ca).await.issued();
    for (index, problem) in problems.into_iter().enumerate() {
        let failed = async || {
            let failures = ca
                .rows("SELECT problem FROM deliveries WHERE failures > 0")
                .await;
            failures.first().is_some_and(|seen| seen.contains(problem))
        };
        eventually(problem, failed).await;
        let told = receiver.told();
        assert_eq!(told.len(), index + 1);
        assert!(told.iter().all(|event| event["id"] == told[0]["id"]));
        if let Some(next) = behaviours.next() {
            receiver.answers(next);
        } else {
            receiver.answers(|_| taken());
        }
        ca.clock.advance(2 * MINUTE);
    }
    let told = receiver.hears(5).await;
    assert_eq!(told[4]["time"], START.0, "when it happened");
    assert_eq!(
        told[4]["timestamp"],
        START.0 + 8 * MINUTE,
        "when it was sent"
    );
    queue_is_empty(&ca).await;
    ca.check().await;
}

#[tokio::test]
async fn ten_mebibytes_of_thanks_are_not_read() {
    let (ca, receiver) = telling_one().await;
    receiver.answers(|_| Body::from(vec![b'a'; 10 * 1024 * 1024]).into_response());
    enroll(&ca).await.issued();
    receiver.hears(1).await;
    queue_is_empty(&ca).await;
    assert_eq!(receiver.told().len(), 1);
    ca.check().await;
}

/// A pause is told after the denial that began it, however long that takes; what is about others
/// passes.
#[tokio::test]
async fn order_is_kept_for_each_subject_and_for_no_more() {
    let (ca, receiver) = telling_one().await;
    receiver.answers(|event| match event["kind"].as_str() {
        Some("denied") => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ => taken(),
    });
    ca.emulator
        .faults()
        .every(Call::Verify, Fault::DeveloperMode);
    for _ in 0..3 {
        enroll(&ca).await.is("developer_mode");
    }
    receiver.hears(3).await;
    ca.emulator.faults().clear();
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    let told = receiver.hears(4).await;
    assert_eq!(told[3]["kind"], "issued", "another subject's");
    failures_are(&ca, 3).await;
    receiver.answers(|_| taken());
    ca.clock.advance(MINUTE);
    let told = receiver.hears(8).await;
    let place = |kind: &str, subject: &Value| {
        let found = |event: &Value| event["kind"] == kind && event["subject"] == *subject;
        told.iter().rposition(found).unwrap()
    };
    let paused = told.iter().find(|event| event["kind"] == "paused").unwrap();
    let subject = &paused["subject"];
    assert!(
        place("denied", subject) < place("paused", subject),
        "{told:?}"
    );
    ca.check().await;
}

#[tokio::test]
async fn what_is_given_up_waits_for_an_operator() {
    let (ca, receiver) = telling_one().await;
    receiver.answers(|_| StatusCode::GONE.into_response());
    enroll(&ca).await.issued();
    eventually("410 is the end of it", async || given_up(&ca).await == 1).await;
    assert!(!ca.ready("deliveries").await);
    let vaca = async |arguments: &[&str]| {
        let output = run(VACA, arguments, ca.folder.path()).await;
        (output.status.success(), said(&output))
    };
    let id = receiver.told()[0]["id"].as_str().unwrap().to_owned();
    let (listed, list) = vaca(&["deliveries", "list"]).await;
    assert!(listed && list.contains(&format!("siem/{id}")), "{list}");
    assert!(
        list.contains("it answered 410") && !list.contains(ALICE),
        "{list}"
    );
    let (_, json) = vaca(&["deliveries", "list", "--json"]).await;
    let json: Value = json
        .lines()
        .find_map(|line| serde_json::from_str(line).ok())
        .unwrap();
    assert_eq!(json["state"], "dead");
    assert_eq!(json["id"], id);

    receiver.answers(|_| taken());
    let (retried, said) = vaca(&["deliveries", "retry", &format!("siem/{id}")]).await;
    assert!(retried && said.contains("tried again: 1"), "{said}");
    // The command's time is the machine's, and the queue's the test's.
    ca.execute("UPDATE deliveries SET due_at = 0").await;
    let told = receiver.hears(2).await;
    assert_eq!(told[0]["id"], told[1]["id"]);
    queue_is_empty(&ca).await;
    assert!(ca.ready("deliveries").await);

    let (dropped, said) = vaca(&["deliveries", "drop", "--sink", "siem"]).await;
    assert!(
        !dropped && said.contains("there is no such delivery"),
        "{said}"
    );
    receiver.answers(|_| StatusCode::GONE.into_response());
    ca.clock.advance(MINUTE);
    enroll(&ca).await.issued();
    eventually("another one", async || given_up(&ca).await == 1).await;
    let (dropped, said) = vaca(&["deliveries", "drop", "--sink", "siem"]).await;
    assert!(dropped, "{said}");
    let events = "SELECT kind || ' ' || subject || ' ' || actor FROM events
        WHERE kind LIKE 'deliveries%' ORDER BY id";
    let number = id.split_once('-').unwrap().0;
    assert_eq!(
        ca.rows(events).await,
        [
            format!("deliveries_retried delivery/siem/{number} command_line"),
            "deliveries_dropped delivery/siem command_line".to_owned(),
        ]
    );
    ca.check().await;
}

#[tokio::test]
async fn after_three_days_it_is_given_up_and_a_month_later_forgotten() {
    let (ca, receiver) = telling_one().await;
    receiver.answers(|_| StatusCode::BAD_GATEWAY.into_response());
    enroll(&ca).await.issued();
    receiver.hears(1).await;
    failures_are(&ca, 1).await;
    // The sweep is once a minute, and its clock must be known to be right.
    ca.clock.advance(2 * DAY);
    ca.challenge("wifi-user").await;
    receiver.hears(2).await;
    failures_are(&ca, 2).await;
    assert_eq!(given_up(&ca).await, 0);
    ca.clock.advance(DAY + MINUTE);
    ca.challenge("wifi-user").await;
    eventually("given up", async || given_up(&ca).await == 1).await;
    ca.clock.advance(31 * DAY);
    ca.challenge("wifi-user").await;
    queue_is_empty(&ca).await;
    ca.check().await;
}

/// The queue holds no name, so what retention took out of the record is not told later either.
#[tokio::test]
async fn a_late_delivery_tells_no_more_than_the_record() {
    let receiver = Receiver::start().await;
    let retention = "[retention]\nattempts = \"3d\"\npersonal_data = \"2d\"\n\n";
    let ca = telling(&format!("{retention}{}", sink("siem", &receiver.url, ""))).await;
    receiver.answers(|_| StatusCode::BAD_GATEWAY.into_response());
    ca.emulator
        .faults()
        .every(Call::Verify, Fault::DeveloperMode);
    enroll(&ca).await.is("developer_mode");
    let told = receiver.hears(1).await;
    assert_eq!(told[0]["email"], ALICE);
    let queued = "SELECT sink || subject || coalesce(problem, '') FROM deliveries";
    assert!(!ca.rows(queued).await[0].contains('@'));
    ca.emulator.faults().clear();
    ca.clock.advance(2 * DAY + HOUR);
    ca.challenge("wifi-user").await;
    let shortened = async || {
        ca.count("SELECT count(*) FROM attempts WHERE shortened_at IS NOT NULL")
            .await
            == 1
    };
    eventually("shortened", shortened).await;
    // The try that came due is over, recorded, and the last one until the clock moves.
    let failed = async || {
        let failed = "SELECT count(*) FROM deliveries WHERE failures = 2";
        ca.count(failed).await == 1
    };
    eventually("it failed again", failed).await;
    let before = receiver.told().len();
    receiver.answers(|_| taken());
    ca.execute("UPDATE deliveries SET due_at = 0").await;
    let told = receiver.hears(before + 1).await;
    let last = told.last().unwrap();
    assert_eq!(last["id"], told[0]["id"]);
    assert_eq!(last["email"], Value::Null);
    assert_eq!(last["code"], "developer_mode");
    assert!(!last.to_string().contains('@'), "{last}");
    ca.check().await;
}

/// Each write whose event is told x {not applied, applied but reported failed}: told once, of what
/// became of it in the end.
#[tokio::test]
async fn whatever_becomes_of_a_commit_an_event_is_told_once() {
    let (ca, receiver) = telling_one().await;
    let mut told = 0;
    for (write, fault) in [
        (type_name::<Record>(), None),
        (type_name::<Deny>(), Some(Fault::DeveloperMode)),
    ] {
        for fate in [Fate::Lost, Fate::Unconfirmed] {
            ca.clock.advance(HOUR);
            if let Some(fault) = &fault {
                ca.emulator.faults().every(Call::Verify, fault.clone());
            }
            let (_chromebook, response) = ca.alices_response().await;
            ca.commits.next(write, fate);
            ca.present_alices(&response).await.is("storage_unavailable");
            assert!(ca.commits.struck());
            let last = ca.present_alices(&response).await;
            told += 1;
            let event = receiver.hears(told).await.pop().unwrap();
            assert_eq!(event["attempt"], last.json["attempt"], "{write} {fate:?}");
            queue_is_empty(&ca).await;
        }
    }
    ca.check().await;
}

/// Between the answer and the record of it: told twice under one id, and not lost.
#[tokio::test]
async fn a_delivery_that_is_not_recorded_is_sent_again() {
    let (ca, receiver) = telling_one().await;
    ca.commits.next(type_name::<Delivered>(), Fate::Lost);
    enroll(&ca).await.issued();
    let told = receiver.hears(2).await;
    assert_eq!(told[0]["id"], told[1]["id"]);
    queue_is_empty(&ca).await;
    ca.commits.next(type_name::<Delivered>(), Fate::Unconfirmed);
    ca.clock.advance(MINUTE);
    enroll(&ca).await.issued();
    queue_is_empty(&ca).await;
    assert!(ca.commits.struck());
    assert_eq!(receiver.told().len(), 3);
    ca.check().await;
}

/// A node that is killed with a delivery under way: another one sends it, once its time is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_node_goes_on_where_one_was_killed() {
    if Engine::Postgres.is_absent("several nodes") {
        return;
    }
    let receiver = Receiver::start().await;
    let mut ca = telling(&sink("siem", &receiver.url, "")).await;
    ca.stop().await;
    // What it may have leased ends.
    ca.clock.advance(MINUTE);
    let node = ca.node(7).await;
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    receiver.answers(move |_| {
        *count.lock().unwrap() += 1;
        StatusCode::BAD_GATEWAY.into_response()
    });
    ca.api.clone_from(&node.api);
    enroll(&ca).await.issued();
    receiver.hears(1).await;
    node.kill();
    receiver.answers(|_| taken());
    ca.serve().await.unwrap();
    ca.clock.advance(MINUTE);
    let told = receiver.hears(2).await;
    assert_eq!(told[0]["id"], told[1]["id"]);
    queue_is_empty(&ca).await;
    // Two that live: each event is told by one of them.
    let other = ca.node(8).await;
    ca.clock.advance(MINUTE);
    let mut chromebook = ca.chromebook(ALICE).await;
    for _ in 0..3 {
        ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa)
            .await
            .issued();
    }
    queue_is_empty(&ca).await;
    assert_eq!(receiver.told().len(), 5);
    other.stop().await;
    ca.check().await;
}

#[tokio::test]
async fn the_admin_api_shows_the_queue_and_tries_again() {
    let (ca, receiver) = telling_one().await;
    receiver.answers(|_| StatusCode::GONE.into_response());
    enroll(&ca).await.issued();
    eventually("given up", async || given_up(&ca).await == 1).await;
    let token = ca.token(vaca::model::role::Role::Operator).await;
    let ask = async |method: &str, path: &str| admin::ask(&ca, &token, method, path).await;
    let list = ask("GET", "/v1/admin/deliveries").await;
    let item = &list.json["items"][0];
    assert_eq!(
        (&item["sink"], &item["state"]),
        (&json!("siem"), &json!("dead")),
        "{}",
        list.text
    );
    assert_eq!(item["kind"], "issued");
    assert!(!list.text.contains(ALICE));
    receiver.answers(|_| taken());
    let id = item["id"].as_str().unwrap();
    let retried = ask("POST", &format!("/v1/admin/deliveries/siem/{id}/retry")).await;
    assert_eq!(
        (retried.status, &retried.json["count"]),
        (200, &json!(1)),
        "{}",
        retried.text
    );
    receiver.hears(2).await;
    queue_is_empty(&ca).await;
    let gone = ask("POST", &format!("/v1/admin/deliveries/siem/{id}/drop")).await;
    let detail = gone.is("not_found").json["detail"].as_str().unwrap();
    assert!(detail.contains("There is no such delivery."), "{detail}");
    ca.check().await;
}

#[tokio::test]
async fn metrics_tell_of_the_queue_by_configured_names() {
    let (ca, receiver) = telling_one().await;
    receiver.answers(|_| StatusCode::BAD_GATEWAY.into_response());
    enroll(&ca).await.issued();
    let failed = async || {
        ca.count("SELECT count(*) FROM deliveries WHERE failures = 1")
            .await
            == 1
    };
    eventually("it failed", failed).await;
    ca.clock.advance(4);
    let scrape = async || ca.scrape().await.text;
    let page = scrape().await;
    let series: HashMap<_, _> = page
        .lines()
        .filter_map(|line| line.rsplit_once(' '))
        .collect();
    assert_eq!(series["vaca_deliveries_waiting{sink=\"siem\"}"], "1");
    assert_eq!(series["vaca_deliveries_dead{sink=\"siem\"}"], "0");
    assert_eq!(
        series["vaca_delivery_oldest_age_seconds{sink=\"siem\"}"],
        "4"
    );
    let failed = "vaca_deliveries_total{sink=\"siem\",outcome=\"failed\"}";
    assert_eq!(series[failed], "1");
    receiver.answers(|_| taken());
    ca.clock.advance(2 * HOUR);
    assert!(!ca.ready("deliveries").await || receiver.told().len() > 1);
    queue_is_empty(&ca).await;
    let page = scrape().await;
    assert!(
        page.contains("vaca_deliveries_waiting{sink=\"siem\"} 0"),
        "{page}"
    );
    assert!(page.contains("outcome=\"delivered\"} 1"), "{page}");
    ca.check().await;
}
