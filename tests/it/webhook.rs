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
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use vaca::enrichment::webhook::{SIGNATURE, sign_answer};
use vaca_emulator::{Call, Fault, KeyAlgorithm, Scope};

use crate::support::openssl::{run, said};
use crate::support::service::VACA;
use crate::support::{ALICE, Answer, TestCa, eventually, write_secret};

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
    (consulting_at(&receiver.url).await, receiver)
}

/// The same, of whatever listens there.
async fn consulting_at(url: &str) -> TestCa {
    let mut ca = TestCa::start().await;
    ca.stop().await;
    let secret = ca.folder.path().join("webhook.key");
    write_secret(&secret, &"5a".repeat(32));
    let webhook = format!(
        "[[webhook]]\nname = \"inventory\"\nurl = \"{url}\"\nsecret_file = \"webhook.key\"\ntimeout = \"1s\"\n\n[[issuer]]"
    );
    ca.reconfigure("[[issuer]]", &webhook);
    let profile = "name = \"wifi-user\"\nscope = \"user\"\n";
    ca.reconfigure(profile, &format!("{profile}webhook = \"inventory\"\n"));
    let next = "[[profile]]\nname = \"vpn-user\"";
    let certificate =
        "[profile.certificate]\nsubject = [\"OU={organizational_unit}\", \"CN={email}\"]\n\n";
    ca.reconfigure(next, &format!("{certificate}{next}"));
    ca.serve().await.unwrap();
    ca
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

/// Answers each connection with these octets, and then says no more. Answers the address.
async fn says_and_stalls(octets: &'static [u8], hangs_up: bool) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/vaca", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 8192];
            let asked = stream.read(&mut request).await.unwrap_or(0);
            assert!(asked > 0, "a question");
            stream.write_all(octets).await.ok();
            if !hangs_up {
                kept.push(stream);
            }
        }
    });
    url
}

/// Nobody there, nothing said, half of it said, something else said: the device is told to come back.
#[tokio::test]
async fn whatever_is_no_http_answer_issues_nothing() {
    const HALF: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n{\"request_id\":";
    let nobody = "http://127.0.0.1:1/vaca".to_owned();
    let urls = [
        nobody,
        says_and_stalls(b"", true).await,
        says_and_stalls(b"", false).await,
        says_and_stalls(HALF, true).await,
        says_and_stalls(HALF, false).await,
        says_and_stalls(b"SSH-2.0-OpenSSH_9.2\r\n", true).await,
        says_and_stalls(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", true).await,
    ];
    let (mut ca, receiver) = consulting().await;
    let mut before = receiver.url.clone();
    for url in urls {
        ca.stop().await;
        ca.reconfigure(&before, &url);
        ca.serve().await.unwrap();
        ca.clock.advance(70);
        let answer = enroll(&ca).await.1;
        assert_eq!(answer.is("webhook_unavailable").status, 503, "{url}");
        before = url;
    }
    ca.nothing_issued().await;
    assert_eq!(receiver.asked(), 0);
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

/// What `vaca webhook try` prints, and its exit code.
async fn tries(ca: &TestCa, arguments: &[&str]) -> (Option<i32>, String) {
    let all = [&["webhook", "try"], arguments].concat();
    let output = run(VACA, &all, ca.folder.path()).await;
    (output.status.code(), said(&output))
}

#[tokio::test]
async fn a_trial_shows_question_and_answer_and_changes_nothing() {
    let (ca, receiver) = consulting().await;
    receiver.answers(|question| allow(question, &json!({ "organizational_unit": "/Staff" })));
    let (_, answer) = enroll(&ca).await;
    let attempt = answer.issued().json["attempt"].as_str().unwrap().to_owned();
    let record =
        "SELECT kind || subject FROM events UNION ALL SELECT state || checks FROM attempts";
    let before = ca.rows(record).await;
    let trial = ["inventory", "--attempt", &attempt];

    receiver.answers(|question| {
        allow(
            question,
            &json!({ "asset_id": "=1+1\u{202e}", "organizational_unit": "/Staff" }),
        )
    });
    let (code, printed) = tries(&ca, &trial).await;
    assert_eq!(code, Some(0), "{printed}");
    for part in [
        "the record stays as it is",
        "\"dry_run\": true",
        ALICE,
        "it has no objection",
        "\"=1+1\\u{202e}\"",
        "\"/Staff\"",
        "policy would approve",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    let (_, body) = receiver.questions.lock().unwrap()[1].clone();
    let question: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(question["dry_run"], true, "it is part of what is signed");
    assert_eq!(question["attempt"], attempt.as_str());
    assert_eq!(question["facts"]["email"], ALICE);

    let as_json = [&trial[..], &["--json"]].concat();
    let (code, printed) = tries(&ca, &as_json).await;
    assert_eq!(code, Some(0), "{printed}");
    let shown = printed
        .lines()
        .find_map(|line| serde_json::from_str(line).ok());
    let shown: Value = shown.unwrap();
    assert_eq!(shown["answer"]["facts"]["organizational_unit"], "/Staff");
    assert_eq!(shown["question"]["dry_run"], true);
    assert_eq!(shown["problem"], Value::Null);

    // Nothing supplies what the certificate's name needs: policy would refuse.
    receiver.answers(|question| allow(question, &json!({})));
    let (code, printed) = tries(&ca, &trial).await;
    assert_eq!(code, Some(0), "{printed}");
    assert!(
        printed.contains("policy would refuse all the same"),
        "{printed}"
    );

    receiver.answers(|question| {
        let answer = json!({
            "request_id": question["request_id"], "allow": false, "message": "=HYPERLINK(1)",
        });
        signed(&answer)
    });
    let (code, printed) = tries(&ca, &trial).await;
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("it objects"), "{printed}");
    assert!(
        printed.contains("would read: \"=HYPERLINK(1)\""),
        "{printed}"
    );

    receiver.answers(|_| StatusCode::FOUND.into_response());
    let (code, printed) = tries(&ca, &trial).await;
    assert_eq!(code, Some(1), "{printed}");
    assert!(
        printed.contains("no answer that counts: it answered 302"),
        "{printed}"
    );
    assert_eq!(ca.rows(record).await, before);
    ca.check().await;
}

#[tokio::test]
async fn a_trial_says_what_is_not_there_to_ask_about() {
    let (mut ca, receiver) = consulting().await;
    receiver.answers(|question| allow(question, &json!({ "organizational_unit": "/Staff" })));
    let (_, answer) = enroll(&ca).await;
    let attempt = answer.issued().json["attempt"].as_str().unwrap().to_owned();
    let asked = receiver.asked();
    let (code, printed) = tries(&ca, &["stock", "--attempt", &attempt]).await;
    assert_eq!(code, Some(1));
    assert!(
        printed.contains("no [[webhook]] is named \"stock\"; there is: inventory"),
        "{printed}"
    );
    let (_, printed) = tries(&ca, &["inventory", "--attempt", "00000000"]).await;
    assert!(printed.contains("no attempt has the id"), "{printed}");
    ca.emulator
        .faults()
        .next(Call::Verify, Fault::OtherCustomer);
    let refused = enroll(&ca).await.1;
    let refused = refused.is("wrong_customer").json["attempt"]
        .as_str()
        .unwrap();
    let (_, printed) = tries(&ca, &["inventory", "--attempt", refused]).await;
    assert!(
        printed.contains("Verified Access did not vouch for it"),
        "{printed}"
    );

    ca.stop().await;
    let retention = "[retention]\nattempts = \"60d\"\npersonal_data = \"30d\"\n\n[http]";
    ca.reconfigure("[http]", retention);
    ca.clock.advance(31 * 24 * 60 * 60);
    ca.serve().await.unwrap();
    // Google's time confirms the clock.
    ca.challenge("wifi-user").await;
    let whole = "SELECT count(*) FROM attempts WHERE shortened_at IS NULL";
    let shortened = async || ca.count(whole).await == 0;
    eventually("both are shortened", shortened).await;
    let (code, printed) = tries(&ca, &["inventory", "--attempt", &attempt]).await;
    assert_eq!(code, Some(1));
    assert!(
        printed.contains("is no longer recorded: its personal data was shortened on"),
        "{printed}"
    );
    assert_eq!(receiver.asked(), asked);
    ca.check().await;
}
