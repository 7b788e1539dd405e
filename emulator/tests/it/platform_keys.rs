//! What an extension calls over loopback.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use vaca_emulator::platform_keys::PlatformKeys;
use vaca_emulator::system_clock;

use crate::support::{ALICE, TestBed, http};

const EXTENSION: &str = "chrome-extension://abcdefghijklmnopabcdefghijklmnop";

struct Extension {
    http: reqwest::Client,
    url: String,
    origin: Option<&'static str>,
}

impl Extension {
    async fn call(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let url = format!("{}/chromebook/v1{path}", self.url);
        let mut request = self.http.request(method.clone(), url);
        if method != Method::GET {
            request = request.json(&body);
        }
        if let Some(origin) = self.origin {
            request = request.header("Origin", origin);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

#[tokio::test]
async fn an_extension_answers_challenges_and_fills_tokens() {
    let bed = TestBed::start().await;
    let chromebook = bed.chromebook().await;
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let desk = PlatformKeys::bind(loopback, EXTENSION, chromebook, system_clock())
        .await
        .unwrap();
    let mut extension = Extension {
        http: http(),
        url: desk.url().unwrap(),
        origin: Some(EXTENSION),
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(desk.serve(async {
        stopped.await.ok();
    }));

    let (_, user) = extension.call(Method::GET, "/user", Value::Null).await;
    assert_eq!(user, json!({ "email": ALICE }));

    let challenge = STANDARD.encode(bed.caller.generate().await.unwrap());
    let question = json!({ "challenge": challenge, "scope": "user", "register": "ecdsa" });
    let (status, answer) = extension
        .call(Method::POST, "/challenge-key", question)
        .await;
    assert_eq!(status, StatusCode::OK);
    let response = STANDARD
        .decode(answer["response"].as_str().unwrap())
        .unwrap();
    let result = bed.caller.verify(&response, ALICE).await.unwrap();
    assert_ne!(result.signed_public_key_and_challenge, "");
    let (_, tokens) = extension.call(Method::GET, "/tokens", Value::Null).await;
    assert_eq!(tokens, json!({ "user": 1, "system": 0 }));

    // ChromeOS's words pass through.
    let question = json!({ "challenge": "AQ==", "scope": "machine", "register": "ecdsa" });
    let refused = extension
        .call(Method::POST, "/challenge-key", question)
        .await;
    let words = json!({ "error": "Failed to sign the challenge." });
    assert_eq!(refused, (StatusCode::UNPROCESSABLE_ENTITY, words));
    let held = json!({ "certificate": "AQ==" });
    let path = "/tokens/user/certificates";
    let refused = extension.call(Method::POST, path, held.clone()).await;
    let words = json!({ "error": "Certificate is not a valid X.509 certificate." });
    assert_eq!(refused, (StatusCode::UNPROCESSABLE_ENTITY, words));
    let absent = extension.call(Method::DELETE, path, held).await;
    assert_eq!(absent.0, StatusCode::NOT_FOUND);
    let (_, none) = extension.call(Method::GET, path, Value::Null).await;
    assert_eq!(none, json!([]));

    // Another page of the same browser gets nothing.
    extension.origin = Some("https://example.com");
    let stranger = extension.call(Method::GET, "/user", Value::Null).await;
    assert_eq!(stranger, (StatusCode::FORBIDDEN, Value::Null));

    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn it_listens_on_loopback_only() {
    let bed = TestBed::start().await;
    let chromebook = bed.chromebook().await;
    let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let refused = PlatformKeys::bind(everywhere, EXTENSION, chromebook, system_clock()).await;
    assert!(refused.unwrap_err().to_string().contains("loopback only"));
}
