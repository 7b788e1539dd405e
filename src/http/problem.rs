//! The one error map: every failure leaves the house as a problem document (RFC 9457) with a
//! stable code, a status, and what a program may do next.

pub mod action;
pub mod page;
pub mod table;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

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

/// A problem (RFC 9457). The members stand in this order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Document<'a> {
    /// The address of a page about the code.
    #[schema(pattern = "^/problems/[a-z_]+$")]
    r#type: String,
    /// The same for every occurrence of the code.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What happened, and what to do next.
    detail: String,
    /// What went wrong, for a program.
    code: ProblemCode,
    /// What a program may do next.
    action: Action,
    /// How many seconds to wait first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    retry_after: Option<u64>,
    /// The short id of the attempt, for whoever asks for help.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    attempt: Option<&'a str>,
    /// Where there is no attempt: the id under which the service's log has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    request_id: Option<&'a str>,
    /// The certificate that is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    serial_number: Option<String>,
}

/// Every code, from the one list that there is.
impl PartialSchema for ProblemCode {
    fn schema() -> RefOr<Schema> {
        let words = Self::ALL.iter().map(|code| code.as_str());
        Object::builder()
            .schema_type(Type::String)
            .description(Some("A stable code: more are added, none is renamed."))
            .enum_values(Some(words))
            .into()
    }
}

impl ToSchema for ProblemCode {}

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

    /// Sets the header fields that go with the document. Nobody keeps it, where its handler did not say for
    /// how long.
    pub(super) fn describe(&self, headers: &mut HeaderMap) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        let kept = headers.entry(header::CACHE_CONTROL);
        kept.or_insert(HeaderValue::from_static("no-store"));
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
