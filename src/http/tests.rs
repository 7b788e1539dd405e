//! What surrounds every route, tried on routes of its own.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::clock::{TestClock, Timestamp};
use crate::http::envelope::Envelope;
use crate::http::settings::{ExtensionId, HttpSettings};
use crate::http::{bounded, enveloped, limits};
use crate::random::SeededRandom;
use crate::telemetry::{Metrics, Names};

mod log;
mod wire;

pub(super) const EXTENSION: &str = "abcdefghijklmnopabcdefghijklmnop";

/// 2026-11-22T10:00:00Z.
const NOW: Timestamp = Timestamp(1_795_341_600);

/// `routes` as production surrounds them.
pub(super) fn surrounded(routes: Router) -> Router {
    let settings = HttpSettings {
        extension_ids: vec![ExtensionId::parse(EXTENSION).unwrap()],
        ..HttpSettings::default()
    };
    let envelope = Envelope {
        clock: Arc::new(TestClock::at(NOW)),
        random: Arc::new(SeededRandom::new(1)),
        metrics: Arc::new(Metrics::new(&Names::default())),
    };
    enveloped(routes, envelope, &settings)
}

/// Status, header and body of one answer.
pub(super) async fn send(router: &Router, request: Request) -> (StatusCode, HeaderMap, Vec<u8>) {
    let response: Response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (parts.status, parts.headers, body.to_vec())
}

/// The problem that an answer is; panics where it is none.
pub(super) async fn problem(router: &Router, request: Request) -> Value {
    let (status, headers, body) = send(router, request).await;
    assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["status"], status.as_u16());
    let retry_after = headers.get(header::RETRY_AFTER);
    assert_eq!(
        problem["retry_after"].as_u64().map(|wait| wait.to_string()),
        retry_after.map(|wait| wait.to_str().unwrap().to_owned())
    );
    if let Some(length) = headers.get(header::CONTENT_LENGTH) {
        assert_eq!(length.to_str().unwrap(), body.len().to_string());
    }
    problem
}

pub(super) fn request(method: Method, path: &str) -> Request {
    let request = Request::builder().method(method).uri(path);
    let mut request = request.body(Body::empty()).unwrap();
    let peer: SocketAddr = "198.51.100.7:50000".parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    request
}

fn routes() -> Router {
    Router::new()
        .route("/read", get(|| async { "read" }))
        .route("/write", post(|| async { "written" }))
        .route("/panic", get(panic_with_a_secret))
}

async fn panic_with_a_secret() {
    panic!("alice@example.com");
}

#[tokio::test]
async fn every_answer_is_dated_by_our_clock_and_not_sniffed() {
    let router = surrounded(routes());
    for path in ["/read", "/nothing", "/panic"] {
        let (_, headers, _) = send(&router, request(Method::GET, path)).await;
        assert_eq!(headers[header::DATE], "Sun, 22 Nov 2026 10:00:00 GMT");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
}

#[tokio::test]
async fn a_wrong_address_and_a_wrong_method_are_problems() {
    let router = surrounded(routes());
    let missing = problem(&router, request(Method::GET, "/alice@example.com")).await;
    assert_eq!(missing["code"], "not_found");
    assert!(!missing.to_string().contains("alice"));
    let wrong = problem(&router, request(Method::GET, "/write")).await;
    assert_eq!(wrong["code"], "method_not_allowed");
    let (status, headers, _) = send(&router, request(Method::GET, "/write")).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(headers[header::ALLOW], "POST");
}

#[tokio::test]
async fn a_panic_is_a_problem_that_says_nothing() {
    let router = surrounded(routes());
    let problem = problem(&router, request(Method::GET, "/panic")).await;
    assert_eq!(problem["code"], "internal_error");
    assert!(!problem.to_string().contains("alice"));
    let (status, _, _) = send(&router, request(Method::GET, "/read")).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn each_failure_has_an_id_of_its_own() {
    let router = surrounded(routes());
    let first = problem(&router, request(Method::GET, "/nothing")).await;
    let second = problem(&router, request(Method::GET, "/nothing")).await;
    let id = first["request_id"].as_str().unwrap();
    assert_eq!(id.len(), 16);
    assert!(id.bytes().all(|digit| digit.is_ascii_hexdigit()));
    assert_ne!(first["request_id"], second["request_id"]);
}

#[tokio::test]
async fn only_a_configured_extension_may_read_and_ask() {
    let router = surrounded(routes());
    let preflight = |origin: &str| {
        let mut request = request(Method::OPTIONS, "/write");
        let headers = request.headers_mut();
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        headers.insert("access-control-request-method", "POST".parse().unwrap());
        headers.insert(
            "access-control-request-headers",
            "content-type".parse().unwrap(),
        );
        request
    };
    let ours = format!("chrome-extension://{EXTENSION}");
    let (status, headers, _) = send(&router, preflight(&ours)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers["access-control-allow-origin"], ours.as_str());
    assert_eq!(headers["access-control-allow-methods"], "GET,POST");
    assert_eq!(headers["access-control-allow-headers"], "content-type");
    for stranger in [
        "https://example.com",
        "null",
        "chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba",
    ] {
        let (_, headers, _) = send(&router, preflight(stranger)).await;
        assert!(!headers.contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn an_extension_can_read_a_problem_with_its_date_and_wait() {
    let router = surrounded(routes());
    let mut request = request(Method::GET, "/panic");
    let ours = format!("chrome-extension://{EXTENSION}");
    let headers = request.headers_mut();
    headers.insert(header::ORIGIN, ours.parse().unwrap());
    let (_, headers, _) = send(&router, request).await;
    assert_eq!(headers["access-control-allow-origin"], ours.as_str());
    assert_eq!(headers["access-control-expose-headers"], "date,retry-after");
    assert!(!headers.contains_key("access-control-allow-credentials"));
}

#[tokio::test]
async fn a_request_without_a_place_is_turned_away_and_told_when_to_return() {
    let (entered, mut inside) = tokio::sync::mpsc::channel(limits::CONCURRENT_REQUESTS);
    let hold = get(move || async move {
        entered.send(()).await.unwrap();
        std::future::pending::<()>().await;
    });
    let routes = Router::new().route("/hold", hold);
    let router = surrounded(bounded(routes, &Arc::default()));
    let from = |client: usize| {
        let octet = u8::try_from(client / limits::CONCURRENT_REQUESTS_OF_ONE).unwrap();
        let mut request = request(Method::GET, "/hold");
        let peer = SocketAddr::from(([192, 0, 2, octet], 443));
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    };
    let mut held = tokio::task::JoinSet::new();
    for client in 0..limits::CONCURRENT_REQUESTS {
        held.spawn(router.clone().oneshot(from(client)));
    }
    for _ in 0..limits::CONCURRENT_REQUESTS {
        inside.recv().await.unwrap();
    }
    let busy = problem(&router, from(limits::CONCURRENT_REQUESTS)).await;
    assert_eq!(busy["code"], "busy");
    assert_eq!(busy["action"], "retry_same");
    assert!((1..=5).contains(&busy["retry_after"].as_u64().unwrap()));
    held.shutdown().await;
    let free = router.clone().oneshot(from(0));
    let free = tokio::spawn(free);
    inside.recv().await.unwrap();
    free.abort();
}
