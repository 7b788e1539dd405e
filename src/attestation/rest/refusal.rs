//! Errors as Google's front end writes them: `google.rpc.Status` inside `error`.

use http::StatusCode;
use serde::Deserialize;
use tonic::Code;

use crate::attestation::failure::{Meaning, code_name, meaning};

#[derive(Deserialize)]
struct Body {
    error: Said,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    status: String,
    #[serde(default)]
    message: String,
}

/// What an answer other than 200 says: by the name of its status, else by its HTTP status. Only
/// Google's own words refuse: a proxy's page with a 400 or 404 is an outage.
pub(super) fn code(status: StatusCode, unverified: &[u8]) -> (Code, String) {
    let by_http = by_http(status);
    match serde_json::from_slice::<Body>(unverified) {
        Ok(Body { error }) => (by_name(&error.status).unwrap_or(by_http), error.message),
        Err(_) => {
            let message = format!("HTTP status {} without Google's words", status.as_u16());
            let refused = meaning(by_http) == Meaning::Refused;
            (if refused { Code::Unknown } else { by_http }, message)
        }
    }
}

fn by_name(name: &str) -> Option<Code> {
    // OK is no error.
    (1..17)
        .map(Code::from_i32)
        .find(|code| code_name(*code) == name)
}

/// The mapping of google.rpc.Code, read backwards.
fn by_http(status: StatusCode) -> Code {
    match status.as_u16() {
        400 => Code::InvalidArgument,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::NotFound,
        409 => Code::Aborted,
        429 => Code::ResourceExhausted,
        499 => Code::Cancelled,
        500 => Code::Internal,
        501 => Code::Unimplemented,
        502 | 503 => Code::Unavailable,
        504 => Code::DeadlineExceeded,
        _ => Code::Unknown,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;

    fn of(status: u16, body: &str) -> Code {
        code(StatusCode::from_u16(status).unwrap(), body.as_bytes()).0
    }

    #[test]
    fn the_name_decides_and_the_http_status_stands_in() {
        let said = |status: &str| {
            format!(r#"{{"error": {{"code": 400, "message": "m", "status": "{status}"}}}}"#)
        };
        for (status, name, expected) in [
            (400, "INVALID_ARGUMENT", Code::InvalidArgument),
            (400, "FAILED_PRECONDITION", Code::FailedPrecondition),
            (400, "OUT_OF_RANGE", Code::OutOfRange),
            (400, "NEWER_CODE", Code::InvalidArgument),
            (400, "OK", Code::InvalidArgument),
            (403, "PERMISSION_DENIED", Code::PermissionDenied),
            (404, "", Code::NotFound),
            (503, "", Code::Unavailable),
            (418, "", Code::Unknown),
        ] {
            assert_eq!(of(status, &said(name)), expected, "{status} {name}");
        }
        let (code, message) = code(StatusCode::BAD_REQUEST, said("ABORTED").as_bytes());
        assert_eq!((code, message.as_str()), (Code::Aborted, "m"));
    }

    #[test]
    fn a_page_of_somebody_else_refuses_nobody() {
        for body in [
            "",
            "<html>",
            "{}",
            r#"{"error": "no"}"#,
            r#"{"error": {"status": 5}}"#,
        ] {
            assert_eq!(of(400, body), Code::Unknown, "{body}");
            assert_eq!(of(404, body), Code::Unknown, "{body}");
            assert_eq!(of(401, body), Code::Unauthenticated, "{body}");
            assert_eq!(of(429, body), Code::ResourceExhausted, "{body}");
            assert_eq!(of(502, body), Code::Unavailable, "{body}");
            assert_eq!(of(302, body), Code::Unknown, "{body}");
        }
    }
}
