//! A service of the organisation's own that has a say: what it may add, what it may refuse, and that
//! nothing is issued where its answer does not count.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use vaca::enrichment::webhook::{SIGNATURE, sign_answer};
use vaca_emulator::{KeyAlgorithm, Scope};

use crate::support::openssl::{run, said};
use crate::support::{ALICE, Answer, TestCa, write_secret};

const SECRET: [u8; 32] = [0x5a; 32];

/// What the receiver does with a question.
type Behaviour = Box<dyn FnMut(&Value) -> Response + Send>;

/// A receiver on a port of its own, and every question that it got.
struct Receiver {
    url: String,
    behaviour: Arc<Mutex<Behaviour>>,
    questions: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
}

#[derive(Clone)]
struct Shared {
    behaviour: Arc<Mutex<Behaviour>>,
    questions: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
}

async fn receive(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let question: Value = serde_json::from_slice(&body).unwrap();
    shared.questions.lock().unwrap().push((headers, body));
    let mut behaviour = shared.behaviour.lock().unwrap();
    (*behaviour)(&question)
}

impl Receiver {
    async fn start() -> Self {
        let shared = Shared {
            behaviour: Arc::new(Mutex::new(Box::new(|question| allow(question, &json!({}))))),
            questions: Arc::default(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/vaca", listener.local_addr().unwrap());
        let routes = Router::new()
            .route("/vaca", post(receive))
            .with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self {
            url,
            behaviour: shared.behaviour,
            questions: shared.questions,
        }
    }

    fn answers(&self, behaviour: impl FnMut(&Value) -> Response + Send + 'static) {
        *self.behaviour.lock().unwrap() = Box::new(behaviour);
    }

    fn asked(&self) -> usize {
        self.questions.lock().unwrap().len()
    }
}

fn signed(body: &Value) -> Response {
    let body = body.to_string();
    let signature = sign_answer(&SECRET, body.as_bytes());
    ([(SIGNATURE, signature)], body).into_response()
}

fn allow(question: &Value, facts: &Value) -> Response {
    signed(&json!({ "request_id": question["request_id"], "allow": true, "facts": facts }))
}

/// A CA whose first profile asks the receiver, and whose certificates hold what it supplies.
async fn consulting() -> (TestCa, Receiver) {
    let receiver = Receiver::start().await;
    let mut ca = TestCa::start().await;
    ca.stop().await;
    let secret = ca.folder.path().join("webhook.key");
    write_secret(&secret, &"5a".repeat(32));
    let webhook = format!(
        "[[webhook]]\nname = \"inventory\"\nurl = \"{}\"\nsecret_file = \"webhook.key\"\ntimeout = \"1s\"\n\n[[issuer]]",
        receiver.url
    );
    ca.reconfigure("[[issuer]]", &webhook);
    let profile = "name = \"wifi-user\"\nscope = \"user\"\n";
    ca.reconfigure(profile, &format!("{profile}webhook = \"inventory\"\n"));
    let next = "[[profile]]\nname = \"vpn-user\"";
    let certificate =
        "[profile.certificate]\nsubject = [\"OU={organizational_unit}\", \"CN={email}\"]\n\n";
    ca.reconfigure(next, &format!("{certificate}{next}"));
    ca.serve().await.unwrap();
    (ca, receiver)
}

async fn enroll(ca: &TestCa) -> (Vec<u8>, Answer) {
    let (_chromebook, response) = ca.alices_response().await;
    let answer = ca.present_alices(&response).await;
    (response, answer)
}

#[tokio::test]
async fn it_is_told_everything_and_may_add_facts() {
    let (ca, receiver) = consulting().await;
    receiver.answers(|question| allow(question, &json!({ "organizational_unit": "/Staff" })));
    let mut chromebook = ca.chromebook(ALICE).await;
    let response = ca
        .response(&mut chromebook, "wifi-user", Scope::User, KeyAlgorithm::Rsa)
        .await;
    let answer = ca.present_alices(&response).await;
    answer.issued();
    let pem = answer.json["certificate"].as_str().unwrap();
    let file = ca.folder.path().join("leaf.pem");
    std::fs::write(&file, pem).unwrap();
    let shown = run(
        "openssl",
        &["x509", "-in", "leaf.pem", "-noout", "-subject"],
        ca.folder.path(),
    )
    .await;
    assert!(
        said(&shown).contains("OU = vaca user, OU = /Staff, CN = alice@example.com"),
        "{}",
        said(&shown)
    );

    let scraped = ca.scrape().await;
    for stage in ["webhook", "policy"] {
        let count = format!("vaca_stage_duration_seconds_count{{stage=\"{stage}\"}}");
        assert_eq!(scraped.of(&count), 1.0, "{stage}");
    }

    let (headers, body) = receiver.questions.lock().unwrap()[0].clone();
    let question: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(question["version"], 1);
    assert_eq!(question["dry_run"], false);
    assert_eq!(question["attempt"], answer.json["attempt"]);
    assert_eq!(question["timestamp"], 1_800_000_000);
    assert_eq!(question["facts"]["email"], ALICE);
    assert_eq!(
        question["facts"]["key_trust_level"],
        "CHROME_OS_VERIFIED_MODE"
    );
    assert_eq!(question["attestation_checks"][0]["passed"], true);
    for member in ["public_key", "signed_public_key_and_challenge"] {
        assert!(question[member].as_str().unwrap().len() > 100, "{member}");
    }
    assert!(headers[SIGNATURE].to_str().unwrap().starts_with("v1="));
    // What it said is part of the record, and nobody asks again for the same bytes.
    assert_eq!(ca.present_alices(&response).await.status, 200);
    assert_eq!(receiver.asked(), 1);
    let facts = ca.rows("SELECT facts FROM attempts").await;
    assert!(
        facts[0].contains("\"organizational_unit\":\"/Staff\""),
        "{facts:?}"
    );
    ca.check().await;
}

#[tokio::test]
async fn its_objection_is_final_and_its_words_reach_the_person() {
    let (ca, receiver) = consulting().await;
    receiver.answers(|question| {
        signed(&json!({
            "request_id": question["request_id"],
            "allow": false,
            "message": "This Chromebook was returned to the store.",
        }))
    });
    let (response, answer) = enroll(&ca).await;
    answer.is("refused_by_webhook");
    let detail = answer.json["detail"].as_str().unwrap();
    assert!(detail.contains("was returned to the store."), "{detail}");
    receiver.answers(|question| allow(question, &json!({})));
    let again = ca.present_alices(&response).await;
    assert_eq!(again.is("refused_by_webhook").json, answer.json);
    assert_eq!(receiver.asked(), 1);
    ca.nothing_issued().await;
    ca.check().await;
}

/// Each of these, and the same bytes afterwards.
#[tokio::test]
async fn an_answer_that_does_not_count_issues_nothing_and_ends_nothing() {
    let (ca, receiver) = consulting().await;
    let good = json!({ "organizational_unit": "/Staff" });
    let old: Arc<Mutex<Option<Value>>> = Arc::default();
    let kept = Arc::clone(&old);
    receiver.answers(move |question| {
        *kept.lock().unwrap() = Some(question["request_id"].clone());
        allow(question, &json!({ "organizational_unit": "/Staff" }))
    });
    enroll(&ca).await.1.issued();
    let replayed = old.lock().unwrap().clone().unwrap();

    let unsigned = |question: &Value| {
        json!({ "request_id": question["request_id"], "allow": true })
            .to_string()
            .into_response()
    };
    let wrong = |question: &Value| {
        let body = json!({ "request_id": question["request_id"], "allow": true }).to_string();
        let signature = sign_answer(&[1; 32], body.as_bytes());
        ([(SIGNATURE, signature)], body).into_response()
    };
    let replay = move |_: &Value| signed(&json!({ "request_id": replayed, "allow": true }));
    let long = |question: &Value| {
        let facts = json!({ "asset_id": "a".repeat(10 * 1024 * 1024) });
        allow(question, &facts)
    };
    let redirect =
        |_: &Value| (StatusCode::TEMPORARY_REDIRECT, [("location", "/vaca")]).into_response();
    let slow = |question: &Value| {
        std::thread::sleep(std::time::Duration::from_millis(1300));
        allow(question, &json!({}))
    };
    let other = |question: &Value| allow(question, &json!({ "email": "root@example.com" }));
    let behaviours: [Behaviour; 7] = [
        Box::new(unsigned),
        Box::new(wrong),
        Box::new(replay),
        Box::new(long),
        Box::new(redirect),
        Box::new(slow),
        Box::new(other),
    ];
    for (index, behaviour) in behaviours.into_iter().enumerate() {
        // Past the breaker's rest, and past the minute in which one person may ask so often.
        ca.clock.advance(70);
        *receiver.behaviour.lock().unwrap() = behaviour;
        let asked = receiver.asked();
        let (response, answer) = enroll(&ca).await;
        assert_eq!(answer.is("webhook_unavailable").status, 503, "{index}");
        assert_eq!(receiver.asked(), asked + 1, "{index}");
        assert_eq!(answer.header("retry-after"), "5");
        let facts = good.clone();
        receiver.answers(move |question| allow(question, &facts));
        ca.clock.advance(11);
        ca.present_alices(&response).await.issued();
    }
    ca.check().await;
}

#[tokio::test]
async fn a_webhook_that_is_down_rests() {
    let (ca, receiver) = consulting().await;
    receiver.answers(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    let (response, answer) = enroll(&ca).await;
    answer.is("webhook_unavailable");
    for _ in 0..6 {
        ca.present_alices(&response).await.is("webhook_unavailable");
    }
    assert_eq!(receiver.asked(), 5, "after five failures nobody asks");
    receiver.answers(|question| allow(question, &json!({ "organizational_unit": "/Staff" })));
    ca.present_alices(&response).await.is("webhook_unavailable");
    ca.clock.advance(10);
    ca.present_alices(&response).await.issued();
    ca.check().await;
}
