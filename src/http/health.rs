//! `GET /healthz`: is the process alive? `GET /readyz`: can it do its work?

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use serde::Serialize;
use tokio::time::timeout;

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadinessReport {
    /// Whether a load balancer should send requests here.
    pub ready: bool,
    /// Every check, the passed ones too.
    pub checks: Vec<ReadinessCheck>,
}

/// One check. Strangers read it: no path, address, account or name of a device may stand in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadinessCheck {
    /// Stable snake_case name, such as `database`.
    pub name: &'static str,
    /// Whether it passed.
    pub passed: bool,
    /// One public sentence; may be empty.
    pub detail: String,
}

/// Answers as long as the process does: 200.
pub(super) async fn alive() -> Response {
    ([(header::CACHE_CONTROL, "no-store")], "ok\n").into_response()
}

/// The report, with 200 or 503.
pub(super) async fn ready(State(readiness): State<Arc<dyn Readiness>>) -> Response {
    let report = timeout(CHECK_TIME, readiness.report())
        .await
        .unwrap_or_else(|_| late());
    let status = if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let headers = [(header::CACHE_CONTROL, "no-store")];
    (status, headers, Json(report)).into_response()
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
            let response = ready(State(Arc::new(Fixed(passed)))).await;
            assert_eq!(response.status(), status);
            let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            let expected = format!(
                r#"{{"ready":{passed},"checks":[{{"name":"database","passed":{passed},"detail":""}}]}}"#
            );
            assert_eq!(std::str::from_utf8(&body).unwrap(), expected);
        }
    }
}
