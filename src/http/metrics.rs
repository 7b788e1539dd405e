//! `GET /metrics` on the admin listener: what is measured, for a monitoring system.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::State;
use prometheus_client::encoding::text::encode;

use crate::http::admin::entry::Auditor;
use crate::http::answer::{Medium, Octets};
use crate::http::problem::Problem;
use crate::model::problem_code::ProblemCode;
use crate::telemetry::{Metrics, Reading};

/// The text format of OpenMetrics 1.0.
#[derive(Debug)]
pub(super) enum OpenMetrics {}

impl Medium for OpenMetrics {
    const TYPE: &'static str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    const KEPT: &'static str = "no-store";
    const ABOUT: &'static str = "Every family, in the text format of OpenMetrics 1.0.";
}

/// A reading on its way.
pub type PendingReading<'a> = Pin<Box<dyn Future<Output = Reading> + Send + 'a>>;

/// Who looks at the service when somebody asks. It must answer in a second, whatever is down.
pub trait Readings: Send + Sync + fmt::Debug {
    /// One look.
    fn take(&self) -> PendingReading<'_>;
}

/// Every family as text. Nothing of it is about a person: nobody writes down who looks, a few times a
/// minute for ever.
///
/// # Errors
/// `internal_error`, which no value of ours causes.
pub(super) async fn show(
    Auditor(_): Auditor,
    State(metrics): State<Arc<Metrics>>,
    State(readings): State<Arc<dyn Readings>>,
) -> Result<Octets<OpenMetrics>, Problem> {
    metrics.show(&readings.take().await);
    let mut text = String::new();
    encode(&mut text, metrics.registry()).map_err(|_| ProblemCode::InternalError)?;
    Ok(Octets::new(text))
}
