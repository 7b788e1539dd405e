//! `GET /healthz`: is the process alive? `GET /readyz`: can it do its work?

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::http::answer::{Answer, Medium, Octets};
use crate::http::openapi::draft::Draft;
use crate::http::openapi::signature::Reply;

/// How long the checks may take.
const CHECK_TIME: Duration = Duration::from_secs(5);

/// A report on its way.
pub type PendingReport<'a> = Pin<Box<dyn Future<Output = ReadinessReport> + Send + 'a>>;

/// Who knows whether the service can do its work. Any stranger can cause a call, so it must be
/// cheap: one read of the database, no call to Google.
pub trait Readiness: Send + Sync + fmt::Debug {
    /// The state of things now.
    fn report(&self) -> PendingReport<'_>;
}

/// Whether certificates can be issued, and what was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReadinessReport {
    /// Whether a load balancer should send requests here.
    pub ready: bool,
    /// Every check, the passed ones too.
    pub checks: Vec<ReadinessCheck>,
}

/// One check. Strangers read it: no path, address, account or name of a device may stand in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReadinessCheck {
    /// Stable snake_case name, such as `database`.
    pub name: &'static str,
    /// Whether it passed.
    pub passed: bool,
    /// One public sentence; may be empty.
    pub detail: String,
}

/// A sign of life.
#[derive(Debug)]
pub(super) enum Pulse {}

impl Medium for Pulse {
    const TYPE: &'static str = "text/plain; charset=utf-8";
    const KEPT: &'static str = "no-store";
    const ABOUT: &'static str = "The process serves.";
}

/// Answers as long as the process does: 200.
pub(super) async fn alive() -> Octets<Pulse> {
    Octets::new("ok\n")
}

/// The report, with 200 or 503.
#[derive(Debug)]
pub(super) struct Reported(ReadinessReport);

impl IntoResponse for Reported {
    fn into_response(self) -> Response {
        let status = if self.0.ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        (status, Answer(self.0)).into_response()
    }
}

impl Reply for Reported {
    fn describe(draft: &mut Draft) {
        draft.answers::<ReadinessReport>(StatusCode::OK, "This node can do its part.");
        let about = "This node cannot do its part.";
        draft.answers::<ReadinessReport>(StatusCode::SERVICE_UNAVAILABLE, about);
    }
}

/// Asks for the report, and does not wait for ever.
pub(super) async fn ready(State(readiness): State<Arc<dyn Readiness>>) -> Reported {
    let report = timeout(CHECK_TIME, readiness.report());
    Reported(report.await.unwrap_or_else(|_| late()))
}

fn late() -> ReadinessReport {
    ReadinessReport {
        ready: false,
        checks: vec![ReadinessCheck {
            name: "readiness",
            passed: false,
            detail: "the checks did not end in time".to_owned(),
        }],
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use axum::body::to_bytes;

    use super::*;

    #[derive(Debug)]
    struct Fixed(bool);

    impl Readiness for Fixed {
        fn report(&self) -> PendingReport<'_> {
            let ready = self.0;
            let check = ReadinessCheck {
                name: "database",
                passed: ready,
                detail: String::new(),
            };
            let checks = vec![check];
            Box::pin(async move { ReadinessReport { ready, checks } })
        }
    }

    #[tokio::test]
    async fn a_load_balancer_reads_the_status_and_a_person_the_checks() {
        for (passed, status) in [
            (true, StatusCode::OK),
            (false, StatusCode::SERVICE_UNAVAILABLE),
        ] {
            let response = ready(State(Arc::new(Fixed(passed)))).await.into_response();
            assert_eq!(response.status(), status);
            let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            let expected = format!(
                r#"{{"ready":{passed},"checks":[{{"name":"database","passed":{passed},"detail":""}}]}}"#
            );
            assert_eq!(std::str::from_utf8(&body).unwrap(), expected);
        }
    }
}
