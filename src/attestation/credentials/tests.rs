#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::attestation::fixtures::{key, key_file, key_json};
use crate::clock::{TestClock, Timestamp};
use crate::model::endpoint::Endpoint;

const NOW: i64 = 1_700_000_000;

/// Takes up to the first token.
async fn prove(
    json: &Value,
    endpoint: Endpoint,
    token: TokenMethod,
) -> (Result<Credentials, CredentialsError>, TestClock) {
    let (_folder, path) = key_file(json);
    let settings = VerifiedAccessSettings {
        endpoint,
        token,
        service_account_file: Some(path),
        ..VerifiedAccessSettings::default()
    };
    let clock = TestClock::at(Timestamp(NOW));
    let roots = Roots::load(&settings).unwrap();
    let proven = match Credentials::load(&settings, &roots, Arc::new(clock.clone())) {
        Ok(credentials) => credentials.prove().await.map(|()| credentials),
        Err(error) => Err(error),
    };
    (proven, clock)
}

fn bearer(headers: &HeaderMap) -> String {
    let value = &headers["authorization"];
    assert!(value.is_sensitive(), "a token is kept out of logs");
    value.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_wrong_key_file_is_found_at_the_start_and_not_quoted() {
    let ec = "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n";
    for (field, value) in [
        ("type", Value::Null),
        ("type", "authorized_user".into()),
        ("client_email", Value::Null),
        ("client_email", json!(["secret"])),
        ("private_key_id", "".into()),
        ("private_key", Value::Null),
        ("private_key", "secret".into()),
        ("private_key", ec.into()),
        ("project_id", Value::Null),
    ] {
        let json = key_json(field, value.clone());
        let (proven, _) = prove(&json, Endpoint::Google, TokenMethod::SelfSignedJwt).await;
        let Err(error) = proven else {
            unreachable!("{field} {value} was accepted");
        };
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(!text.contains("secret"), "{text}");
            assert!(!text.contains(&key().0[40..80]), "{text}");
        }
    }
}

#[test]
fn a_file_that_is_no_json_or_not_there_is_named() {
    let (folder, path) = key_file(&json!("secret"));
    let error = KeyFile::read(&path).err().unwrap().to_string();
    assert!(error.contains("key.json") && !error.contains("secret"));
    std::fs::write(&path, "{secret").unwrap();
    let error = KeyFile::read(&path).err().unwrap().to_string();
    assert!(
        error.contains("line 1") && !error.contains("secret"),
        "{error}"
    );
    let missing = KeyFile::read(&folder.path().join("none.json"));
    assert!(matches!(missing, Err(CredentialsError::Unreadable { .. })));
}

#[tokio::test]
async fn assertions_go_over_tls_or_stay_on_this_machine() {
    for (token_uri, endpoint, fits) in [
        ("http://oauth2.example.com/token", Endpoint::Test, false),
        ("http://127.0.0.1:9/token", Endpoint::Google, false),
        ("ftp://127.0.0.1/token", Endpoint::Test, false),
        ("", Endpoint::Google, false),
        // Nobody listens: an outage of the token server does not keep the service from starting.
        ("http://127.0.0.1:9/token", Endpoint::Test, true),
    ] {
        let json = key_json("token_uri", token_uri.into());
        let (proven, _) = prove(&json, endpoint, TokenMethod::JwtBearer).await;
        assert_eq!(proven.is_ok(), fits, "{token_uri} {endpoint:?}");
    }
}

#[derive(Default)]
struct TokenServer {
    status: Mutex<StatusCode>,
    asked: AtomicUsize,
    last_form: Mutex<String>,
}

async fn grant(State(server): State<Arc<TokenServer>>, form: String) -> (StatusCode, String) {
    let count = server.asked.fetch_add(1, Ordering::SeqCst) + 1;
    *server.last_form.lock().unwrap() = form;
    let status = *server.status.lock().unwrap();
    let body = if status == StatusCode::OK {
        json!({ "access_token": format!("token-{count}"), "expires_in": 3600, "token_type": "Bearer" })
    } else {
        json!({ "error": "invalid_grant", "error_description": "no vaca@example.com" })
    };
    (status, body.to_string())
}

/// A token server on loopback, and a key that names it.
async fn token_server() -> (Arc<TokenServer>, Value) {
    let server = Arc::new(TokenServer::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/token", listener.local_addr().unwrap());
    let routes = axum::Router::new().route("/token", axum::routing::post(grant));
    let routes = routes.with_state(Arc::clone(&server));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (server, key_json("token_uri", uri.into()))
}

#[tokio::test]
async fn an_assertion_is_exchanged_once_and_again_before_the_token_ends() {
    let (server, json) = token_server().await;
    let (proven, clock) = prove(&json, Endpoint::Test, TokenMethod::JwtBearer).await;
    let credentials = proven.unwrap();
    for _ in 0..3 {
        assert_eq!(
            bearer(&credentials.headers().await.unwrap()),
            "Bearer token-1"
        );
    }
    clock.advance(3600 - 301);
    assert_eq!(
        bearer(&credentials.headers().await.unwrap()),
        "Bearer token-1"
    );
    clock.advance(1);
    assert_eq!(
        bearer(&credentials.headers().await.unwrap()),
        "Bearer token-2"
    );

    // A token that is still good bridges an outage, and not longer.
    *server.status.lock().unwrap() = StatusCode::SERVICE_UNAVAILABLE;
    clock.advance(3600 - 1);
    assert_eq!(
        bearer(&credentials.headers().await.unwrap()),
        "Bearer token-2"
    );
    clock.advance(1);
    assert!(credentials.headers().await.unwrap_err().transient);

    *server.status.lock().unwrap() = StatusCode::OK;
    let before = bearer(&credentials.headers().await.unwrap());
    credentials.forget().await;
    assert_ne!(bearer(&credentials.headers().await.unwrap()), before);
}

#[tokio::test]
async fn the_assertion_is_the_one_of_rfc_7523() {
    let (server, json) = token_server().await;
    prove(&json, Endpoint::Test, TokenMethod::JwtBearer)
        .await
        .0
        .unwrap();
    let form = server.last_form.lock().unwrap().clone();
    let (grant_type, assertion) = form.split_once('&').unwrap();
    assert_eq!(
        grant_type,
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
    );
    let assertion = assertion.strip_prefix("assertion=").unwrap();
    let (message, signature) = assertion.rsplit_once('.').unwrap();
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &key().1)
        .verify(message.as_bytes(), &signature)
        .unwrap();
    let part = |text: &str| -> Value {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    };
    let (header, claims) = message.split_once('.').unwrap();
    assert_eq!(
        part(header),
        json!({ "alg": "RS256", "typ": "JWT", "kid": "key-1" })
    );
    assert_eq!(
        part(claims),
        json!({
            "iss": "vaca@example.com",
            "scope": "https://www.googleapis.com/auth/verifiedaccess",
            "aud": json["token_uri"],
            "iat": NOW - 10,
            "exp": NOW - 10 + 3600,
        })
    );
}

#[tokio::test]
async fn a_key_that_the_token_server_refuses_is_found_at_the_start() {
    let (server, json) = token_server().await;
    *server.status.lock().unwrap() = StatusCode::BAD_REQUEST;
    let (proven, _) = prove(&json, Endpoint::Test, TokenMethod::JwtBearer).await;
    let Err(CredentialsError::Refused { cause }) = proven else {
        unreachable!("the key was accepted");
    };
    assert_eq!(
        cause,
        "the token server answered 400: invalid_grant no [address]"
    );
    *server.status.lock().unwrap() = StatusCode::TOO_MANY_REQUESTS;
    let (proven, _) = prove(&json, Endpoint::Test, TokenMethod::JwtBearer).await;
    assert!(proven.is_ok());
}

#[tokio::test]
async fn a_self_signed_token_is_made_without_a_server() {
    let json = key_json("token_uri", Value::Null);
    let (proven, _) = prove(&json, Endpoint::Google, TokenMethod::SelfSignedJwt).await;
    let headers = proven.unwrap().headers().await.unwrap();
    let token = bearer(&headers);
    let (message, signature) = token
        .strip_prefix("Bearer ")
        .unwrap()
        .rsplit_once('.')
        .unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &key().1)
        .verify(
            message.as_bytes(),
            &BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap(),
        )
        .unwrap();
}
