#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use http::{HeaderValue, Method, StatusCode, header};
use serde::Deserialize;

use super::{RequestBody, UnverifiedJson};
use crate::http::tests::{problem, request, send, surrounded};

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Greeting {
    name: String,
    #[serde(default)]
    mood: Option<String>,
}

impl RequestBody for Greeting {
    const SHAPE: &'static str = r#"{"name": string}"#;
}

fn router() -> Router {
    let greet = |UnverifiedJson(Greeting { name, mood })| async move {
        format!("{name} {}", mood.unwrap_or_default())
    };
    surrounded(Router::new().route("/greet", post(greet)))
}

fn greeting(media_type: Option<&'static str>, body: &[u8]) -> axum::extract::Request {
    let mut request = request(Method::POST, "/greet");
    *request.body_mut() = Body::from(body.to_vec());
    if let Some(media_type) = media_type {
        let value = HeaderValue::from_static(media_type);
        request.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    request
}

#[tokio::test]
async fn a_well_formed_object_is_read() {
    for media_type in ["application/json", "Application/JSON; charset=utf-8"] {
        let request = greeting(Some(media_type), b" {\"name\": \"alice\"} ");
        let (status, _, body) = send(&router(), request).await;
        assert_eq!((status, body.as_slice()), (StatusCode::OK, &b"alice "[..]));
    }
}

#[tokio::test]
async fn every_other_body_is_malformed_and_not_repeated() {
    for body in [
        &b""[..],
        b"secret",
        b"{\"name\": \"secret\"",
        b"{\"name\": \"secret\"} {}",
        b"{\"name\": \"secret\", \"secret\": 1}",
        b"{\"name\": \"secret\", \"name\": \"secret\"}",
        b"{\"mood\": \"secret\"}",
        b"{\"name\": 7}",
        b"{\"name\": null}",
        b"[\"secret\"]",
        b"[\"secret\", null]",
        b"\"secret\"",
        b"{\"name\": \"secret\xff\"}",
        b"\xef\xbb\xbf{\"name\": \"secret\"}",
    ] {
        let problem = problem(&router(), greeting(Some("application/json"), body)).await;
        let shown = String::from_utf8_lossy(body);
        assert_eq!(problem["code"], "malformed_request", "{shown}");
        assert!(!problem.to_string().contains("secret"), "{shown}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("{\"name\": string}"), "{detail}");
    }
}

#[tokio::test]
async fn deep_nesting_is_malformed() {
    let body = [b"{\"name\": ".as_slice(), &[b'['; 60_000]].concat();
    let problem = problem(&router(), greeting(Some("application/json"), &body)).await;
    assert_eq!(problem["code"], "malformed_request");
}

#[tokio::test]
async fn what_is_not_declared_as_json_is_not_read() {
    for media_type in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/json5"),
        Some("application/problem+json"),
        Some(""),
    ] {
        let problem = problem(&router(), greeting(media_type, b"{\"name\": \"alice\"}")).await;
        assert_eq!(problem["code"], "unsupported_media_type", "{media_type:?}");
    }
}

#[tokio::test]
async fn what_is_declared_twice_is_not_read() {
    let mut request = greeting(Some("application/json"), b"{\"name\": \"alice\"}");
    let plain = HeaderValue::from_static("text/plain");
    request.headers_mut().append(header::CONTENT_TYPE, plain);
    let problem = problem(&router(), request).await;
    assert_eq!(problem["code"], "unsupported_media_type");
}
