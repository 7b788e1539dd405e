//! What surrounds every request: its id, its line in the log, the last touch to its answer.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, header};
use tracing::Instrument as _;

use crate::clock::{Clock, Timestamp};
use crate::http::date::http_date;
use crate::http::problem::Problem;
use crate::model::problem_code::ProblemCode;
use crate::model::serial::hex;
use crate::random::Random;
use crate::telemetry::Metrics;

/// What the envelope needs: time for `Date` and durations, randomness for ids and waits, counters.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) metrics: Arc<Metrics>,
}

/// Opens a request and closes its answer. All that is logged within carries the `request_id`.
pub(super) async fn wrap(
    State(envelope): State<Envelope>,
    request: Request,
    next: Next,
) -> Response {
    let start = envelope.clock.monotonic();
    // Without randomness requests share an id; nothing rests on it.
    let id = hex(&envelope.random.array::<8>().unwrap_or_default());
    // Of the level "error", so that the id survives any filter.
    let span = tracing::error_span!("request", request_id = %id);
    let method = method_name(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).instrument(span.clone()).await;
    let (mut response, code) = finish(response, &id, &envelope);
    stamp(response.headers_mut(), envelope.clock.now());
    let took = envelope.clock.monotonic().saturating_sub(start);
    span.in_scope(|| log(method, route.as_ref(), &response, code, took));
    response
}

/// Never the path, a body or a name: strangers choose them, and they can be personal.
fn log(
    method: &'static str,
    route: Option<&MatchedPath>,
    response: &Response,
    code: Option<ProblemCode>,
    took: Duration,
) {
    tracing::info!(
        method,
        route = route.map_or("none", MatchedPath::as_str),
        status = response.status().as_u16(),
        code = code.map_or("none", ProblemCode::as_str),
        duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "answered"
    );
}

/// A problem gets its wait and its request id.
fn finish(response: Response, id: &str, envelope: &Envelope) -> (Response, Option<ProblemCode>) {
    let (mut parts, body) = response.into_parts();
    let Some(problem) = parts.extensions.remove::<Problem>() else {
        return (Response::from_parts(parts, body), None);
    };
    let problem = problem.with_wait(&*envelope.random);
    if problem.0.attempt.is_none() {
        envelope.metrics.attempts.refused(problem.0.code);
    }
    problem.describe(&mut parts.headers);
    parts.headers.remove(header::CONTENT_LENGTH);
    let body = Body::from(problem.document(Some(id)));
    (Response::from_parts(parts, body), Some(problem.0.code))
}

/// `Date` by our own clock (RFC 9110, section 6.6.1): an extension compares its clock with the one
/// that its certificate will be dated by.
fn stamp(headers: &mut HeaderMap, now: Timestamp) {
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if let Some(date) = http_date(now) {
        headers.insert(header::DATE, date);
    }
}

/// A stranger may send any token as a method.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// The answer to a panic. Its message went to the log by the panic hook, and never further.
pub(super) fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request ended in a panic");
    Problem::from(ProblemCode::InternalError).into_response()
}
