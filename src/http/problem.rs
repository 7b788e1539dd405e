//! The one error map: every failure leaves the house as a problem document (RFC 9457) with a
//! stable code, a status, and what a program may do next.

pub mod action;
pub mod page;
pub mod table;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::http::problem::action::Action;
use crate::http::problem::table::row;
use crate::model::attempt::AttemptId;
use crate::model::problem_code::ProblemCode;
use crate::model::refusal::Refusal;
use crate::random::Random;

/// The media type of a problem document (RFC 9457, section 3).
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A refusal on its way to the requester.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(pub Refusal);

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<ProblemCode> for Problem {
    fn from(code: ProblemCode) -> Self {
        Self(Refusal::new(code))
    }
}

/// The members of the document, in this order.
#[derive(Debug, Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: String,
    code: ProblemCode,
    action: Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial_number: Option<String>,
}

impl Problem {
    /// The same problem with its wait decided: the step's own, else the table's, and no less than a
    /// pause.
    #[must_use]
    pub fn with_wait(mut self, random: &dyn Random) -> Self {
        let wait = row(self.0.code).wait;
        let usual = self.0.retry_after.or_else(|| wait.draw(random));
        self.0.retry_after = usual.max(self.0.at_least);
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(row(self.0.code).status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The JSON text. `request_id` is shown only where there is no attempt to ask about: one id
    /// per failure is what a person can read aloud.
    #[must_use]
    pub fn document(&self, request_id: Option<&str>) -> String {
        let Refusal {
            code,
            detail,
            attempt,
            retry_after,
            at_least: _,
            serial_number,
        } = &self.0;
        let row = row(*code);
        let because = detail
            .as_ref()
            .map(|detail| format!("{detail} "))
            .unwrap_or_default();
        let document = Document {
            r#type: format!("/problems/{}", code.as_str()),
            title: row.title,
            status: row.status,
            detail: format!("{} {because}{}.", row.meaning, row.remedy),
            code: *code,
            action: row.action,
            retry_after: *retry_after,
            attempt: attempt.as_ref().map(AttemptId::as_str),
            request_id: request_id.filter(|_| attempt.is_none()),
            serial_number: serial_number.map(|serial| serial.to_string()),
        };
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// Sets the header fields that go with the document.
    pub(super) fn describe(&self, headers: &mut HeaderMap) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.0.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
}

/// The document without a request id or a drawn wait; the envelope around every route finds the
/// problem in the response's extensions and writes both in.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.document(None).into_response();
        *response.status_mut() = self.status();
        self.describe(response.headers_mut());
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests;
