//! `GET /v1/certificates/{issuer}/{serial}/renewal-info`: when a certificate is to be renewed, for its
//! holder.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::openapi::draft::Draft;
use crate::http::openapi::signature::Reply;
use crate::http::problem::Problem;
use crate::http::segment::UnverifiedSegments;
use crate::model::certificate::IssuerId;
use crate::model::problem_code::ProblemCode;
use crate::model::serial::SerialNumber;
use crate::model::status::Status;
use crate::renewal::{RenewalInfo, Renewals};

#[derive(Debug, Serialize, ToSchema)]
struct RenewalAnswer {
    profile: String,
    status: Status,
    #[schema(format = DateTime)]
    not_after: String,
    suggested_window: Window,
    #[schema(required)]
    superseded_by: Option<Name>,
    retry_after: u64,
}

#[derive(Debug, Serialize, ToSchema)]
struct Window {
    #[schema(format = DateTime)]
    start: String,
    #[schema(format = DateTime)]
    end: String,
}

/// What a certificate is called everywhere.
#[derive(Debug, Serialize, ToSchema)]
struct Name {
    issuer: String,
    serial: String,
}

impl From<RenewalInfo> for RenewalAnswer {
    fn from(info: RenewalInfo) -> Self {
        let named = |(issuer, serial): (IssuerId, SerialNumber)| Name {
            issuer: issuer.to_string(),
            serial: serial.to_string(),
        };
        Self {
            profile: info.profile,
            status: info.status,
            not_after: info.not_after.rfc3339(),
            suggested_window: Window {
                start: info.window.start.rfc3339(),
                end: info.window.end.rfc3339(),
            },
            superseded_by: info.superseded_by.map(named),
            retry_after: info.retry_after,
        }
    }
}

/// The answer, with the wait as a header field too.
#[derive(Debug)]
pub(super) struct Told(Response);

impl IntoResponse for Told {
    fn into_response(self) -> Response {
        self.0
    }
}

impl Reply for Told {
    fn describe(draft: &mut Draft) {
        draft.answers::<RenewalAnswer>(StatusCode::OK, "When, and what has become of it.");
    }
}

/// Tells when to renew. Whatever is no client certificate of ours is an address at which there is nothing.
///
/// # Errors
/// The story's refusal, as a problem.
pub(super) async fn info(
    State(renewals): State<Arc<Renewals>>,
    UnverifiedSegments(unverified_issuer, unverified_serial): UnverifiedSegments,
) -> Result<Told, Problem> {
    let issuer = IssuerId::parse(&unverified_issuer);
    let named = issuer.zip(SerialNumber::parse(&unverified_serial));
    let (issuer, serial) = named.ok_or(ProblemCode::NotFound)?;
    let info = renewals.info(&issuer, serial).await?;
    let headers = [
        // Kept by nobody: its `Date` is held against the clock of whoever asks.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::RETRY_AFTER, HeaderValue::from(info.retry_after)),
    ];
    let answer = Json(RenewalAnswer::from(info));
    Ok(Told((headers, answer).into_response()))
}
