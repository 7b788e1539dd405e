//! Why somebody is not let in: one word for programs, one sentence for them, and one for the operator.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

/// A refusal, whether it was one of TLS or of HTTP.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// A word of docs/mtls-webhook.md.
    pub(crate) code: &'static str,
    /// What was wrong and what to install, for the log. Strangers' text in it is quoted.
    pub(crate) cause: String,
    status: StatusCode,
}

impl Refusal {
    /// Of the certificate: at the handshake, or of a request on a connection that is open.
    pub(crate) fn certificate(code: &'static str, cause: impl Into<String>) -> Self {
        Self::of(StatusCode::FORBIDDEN, code, cause)
    }

    /// Of the identity token.
    pub(crate) fn token(code: &'static str, cause: impl Into<String>) -> Self {
        Self::of(StatusCode::UNAUTHORIZED, code, cause)
    }

    /// Of the request itself, or of ours: then it may be sent again.
    pub(crate) fn of(status: StatusCode, code: &'static str, cause: impl Into<String>) -> Self {
        Self {
            code,
            cause: cause.into(),
            status,
        }
    }

    fn told(&self) -> &'static str {
        match self.status {
            StatusCode::FORBIDDEN => "The certificate is not accepted. Ask the operator.",
            StatusCode::UNAUTHORIZED => "The identity token is not accepted. Ask the operator.",
            status if status.is_server_error() => "Try again later.",
            _ => "The request is not accepted.",
        }
    }
}

impl IntoResponse for Refusal {
    /// Of what was sent nothing comes back; the cause is the operator's.
    fn into_response(self) -> Response {
        let body = Json(json!({ "code": self.code, "message": self.told() }));
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        // What was not read to its end must not be taken for the next request; and who is refused has to
        // shake hands anew.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        response.extensions_mut().insert(self);
        response
    }
}
