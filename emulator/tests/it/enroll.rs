//! The enrolment client against an authority of a few lines.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use spki::SubjectPublicKeyInfoRef;
use spki::der::Decode as _;
use tokio::net::TcpListener;
use vaca_emulator::chromebook::Enrollment;
use vaca_emulator::enroll::{self, EnrollRequest, Problem};
use vaca_emulator::{Emulator, KeyAlgorithm, Options, Scope, VirtualChromebook, spkac};

use crate::support::{ALICE, Caller, bearer, scope_claims};

/// An authority that asks the emulator and certifies what it confirms.
struct Authority {
    caller: Caller,
    /// Answers to give before the first certificate: status and problem.
    obstacles: Mutex<Vec<(u16, Value)>>,
    /// Bodies of the requests for certificates.
    requests: Mutex<Vec<Value>>,
    /// Certifies a key of its own instead.
    swaps_keys: bool,
}

struct Leaf(Vec<u8>);

impl rcgen::PublicKeyData for Leaf {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

async fn challenge(State(authority): State<Arc<Authority>>) -> Response {
    let challenge = STANDARD.encode(authority.caller.generate().await.unwrap());
    let body = json!({"challenge": challenge, "expires_at": "2026-01-01T00:01:00Z"});
    (StatusCode::CREATED, Json(body)).into_response()
}

async fn certificate(State(authority): State<Arc<Authority>>, Json(body): Json<Value>) -> Response {
    authority.requests.lock().unwrap().push(body.clone());
    let obstacle = {
        let mut obstacles = authority.obstacles.lock().unwrap();
        (!obstacles.is_empty()).then(|| obstacles.remove(0))
    };
    if let Some((status, problem)) = obstacle {
        let status = StatusCode::from_u16(status).unwrap();
        return (status, [("retry-after", "1")], Json(problem)).into_response();
    }
    let response = STANDARD
        .decode(body["challenge_response"].as_str().unwrap())
        .unwrap();
    let identity = body["email"].as_str().unwrap_or("example.com");
    let result = authority.caller.verify(&response, identity).await.unwrap();
    let request = STANDARD
        .decode(result.signed_public_key_and_challenge)
        .unwrap();
    let spki = spkac::verify(&request).unwrap();
    let spki = SubjectPublicKeyInfoRef::from_der(&spki).unwrap();
    let point = spki.subject_public_key.raw_bytes().to_vec();

    let own = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::default();
    let certificate = if authority.swaps_keys {
        params.self_signed(&own).unwrap()
    } else {
        let issuer = rcgen::Issuer::new(rcgen::CertificateParams::default(), own);
        params.signed_by(&Leaf(point), &issuer).unwrap()
    };
    let body = json!({
        "serial_number": "01ab", "profile": body["profile"], "certificate": certificate.pem(),
        "chain": ["-----BEGIN CERTIFICATE-----\n"], "not_before": "a", "not_after": "b",
        "renew_after": "c", "attempt": "ABCD1234",
    });
    (StatusCode::CREATED, Json(body)).into_response()
}

struct Scene {
    emulator: Emulator,
    authority: Arc<Authority>,
    url: String,
    chromebook: VirtualChromebook,
}

impl Scene {
    async fn start(obstacles: Vec<(u16, Value)>, swaps_keys: bool) -> Self {
        let emulator = Emulator::start(Options {
            shared_keys: true,
            ..Options::default()
        })
        .await
        .unwrap();
        let token = bearer(&emulator.service_account_json(), scope_claims);
        let authority = Arc::new(Authority {
            caller: Caller::connect(&emulator, &token).await,
            obstacles: Mutex::new(obstacles),
            requests: Mutex::default(),
            swaps_keys,
        });
        let router = Router::new()
            .route("/v1/challenges", post(challenge))
            .route("/v1/certificates", post(certificate))
            .with_state(authority.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let enrollment = Enrollment {
            machine_key: KeyAlgorithm::Ecdsa,
            ..Enrollment::default()
        };
        let control = emulator.control_url();
        let chromebook = VirtualChromebook::enrolled_as(&control, ALICE, enrollment)
            .await
            .unwrap();
        Self {
            emulator,
            authority,
            url,
            chromebook,
        }
    }

    async fn enroll(&mut self) -> anyhow::Result<enroll::Enrolled> {
        let request = EnrollRequest {
            profile: "wifi-user".to_owned(),
            scope: Scope::User,
            key: KeyAlgorithm::Ecdsa,
            email: Some(ALICE.to_owned()),
        };
        let enrolled = enroll::enroll(&self.url, &mut self.chromebook, &request);
        tokio::time::timeout(Duration::from_secs(60), enrolled)
            .await
            .unwrap()
    }

    fn requests(&self) -> Vec<Value> {
        self.authority.requests.lock().unwrap().clone()
    }
}

fn problem(action: &str) -> Value {
    json!({
        "type": "/problems/in_progress", "title": "Busy", "status": 503, "code": "in_progress",
        "detail": "Another request is at work.", "action": action, "attempt": "ABCD1234",
    })
}

#[tokio::test]
async fn a_certificate_for_the_registered_key() {
    let mut scene = Scene::start(Vec::new(), false).await;
    let enrolled = scene.enroll().await.unwrap();
    assert_eq!(enrolled.serial_number, "01ab");
    assert_eq!(
        Some(enrolled.private_key_pkcs8.as_slice()),
        scene.chromebook.registered_key_pkcs8()
    );
    let requests = scene.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0]["email"], ALICE);
}

#[tokio::test]
async fn the_same_bytes_again_where_the_authority_says_so() {
    let obstacles = vec![(503, problem("retry_same")); 2];
    let mut scene = Scene::start(obstacles, false).await;
    scene.enroll().await.unwrap();
    let requests = scene.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| *request == requests[0]));
}

#[tokio::test]
async fn not_again_where_it_does_not() {
    let mut scene = Scene::start(vec![(403, problem("ask_admin"))], false).await;
    let error = scene.enroll().await.unwrap_err();
    let problem = error.downcast_ref::<Problem>().unwrap();
    assert_eq!(problem.code, "in_progress");
    assert_eq!(problem.status, 403);
    let shown = error.to_string();
    assert!(
        shown.contains("administrator") && shown.contains("ABCD1234"),
        "{shown}"
    );
    assert_eq!(scene.requests().len(), 1);
}

#[tokio::test]
async fn at_most_three_times_again() {
    let mut scene = Scene::start(vec![(503, problem("retry_same")); 9], false).await;
    scene.enroll().await.unwrap_err();
    assert_eq!(scene.requests().len(), 4);
}

#[tokio::test]
async fn no_certificate_for_another_key() {
    let mut scene = Scene::start(Vec::new(), true).await;
    let error = scene.enroll().await.unwrap_err().to_string();
    assert!(error.contains("another key"), "{error}");
}

async fn run_emulator(arguments: &[&str]) -> (bool, String) {
    let program = tokio::process::Command::new(env!("CARGO_BIN_EXE_emulator"))
        .args(arguments)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(60), program)
        .await
        .unwrap()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn the_command_writes_key_certificate_and_chain() {
    let scene = Scene::start(vec![(503, problem("retry_same"))], false).await;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("device");
    let control = scene.emulator.control_url();
    let arguments = [
        "enroll",
        "--ca",
        &scene.url,
        "--verified-access",
        &control,
        "--scope",
        "machine",
        "--key",
        "ecdsa",
        "--out",
        out.to_str().unwrap(),
    ];
    let (succeeded, text) = run_emulator(&arguments).await;
    assert!(succeeded, "{text}");
    assert!(
        text.contains("trying again in 1 s") && text.contains("01ab"),
        "{text}"
    );
    assert_eq!(scene.requests()[0]["profile"], "wifi-device");
    assert_eq!(scene.requests()[0].get("email"), None);

    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    assert!(read("chain.pem").starts_with(read("cert.pem").trim_end()));
    let key = rcgen::KeyPair::from_pem(&read("key.pem")).unwrap();
    let certificate = x509_cert::Certificate::load_pem_chain(read("cert.pem").as_bytes()).unwrap();
    let certified = certificate[0].tbs_certificate().subject_public_key_info();
    assert_eq!(
        certified.subject_public_key.raw_bytes(),
        key.public_key_raw()
    );
    let mode = std::fs::metadata(out.join("key.pem"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn the_command_fails_with_the_problem() {
    let scene = Scene::start(vec![(403, problem("stop"))], false).await;
    let folder = tempfile::tempdir().unwrap();
    let control = scene.emulator.control_url();
    let arguments = [
        "enroll",
        "--ca",
        &scene.url,
        "--verified-access",
        &control,
        "--scope",
        "user",
        "--key",
        "ecdsa",
        "--out",
        folder.path().to_str().unwrap(),
    ];
    let (succeeded, text) = run_emulator(&arguments).await;
    assert!(!succeeded);
    assert!(
        text.contains("in_progress") && text.contains("will not help"),
        "{text}"
    );
    assert!(!folder.path().join("key.pem").exists());
}
