//! One line per request, without a stranger's words.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::post;
use http::Method;

use crate::http::problem::Problem;
use crate::http::tests::{problem, request, surrounded};
use crate::model::problem_code::ProblemCode;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_request_leaves_one_line_with_its_route_and_never_its_path() {
    // Where there is one subscriber only, tracing asks the thread that first meets an event whether
    // anybody wants it; other tests' threads would say no for ever.
    let _another = tracing::Dispatch::new(tracing_subscriber::registry());
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let busy = post(|| async { Problem::from(ProblemCode::Busy) });
    let router = surrounded(Router::new().route("/of/{name}", busy));
    let answer = problem(&router, request(Method::POST, "/of/alice?email=alice")).await;
    problem(&router, request(Method::POST, "/alice")).await;
    let strange = Method::from_bytes(b"ALICE").unwrap();
    problem(&router, request(strange, "/of/alice")).await;
    drop(guard);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(text.lines().count(), 3, "{text}");
    assert_eq!(first["fields"]["method"], "POST");
    assert_eq!(first["fields"]["route"], "/of/{name}");
    assert_eq!(first["fields"]["status"], 503);
    assert_eq!(first["fields"]["code"], "busy");
    assert_eq!(first["fields"]["duration_ms"], 0);
    assert_eq!(first["span"]["request_id"], answer["request_id"]);
    assert!(!text.to_lowercase().contains("alice"), "{text}");
}
