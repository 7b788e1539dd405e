//! Reading a JSON body that a stranger sent.

use axum::extract::{FromRequest, Request};
use http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::http::body;
use crate::http::openapi::draft::Draft;
use crate::http::openapi::signature::Argument;
use crate::http::problem::Problem;
use crate::model::problem_code::ProblemCode;
use crate::model::refusal::Refusal;

/// A request body: a JSON object with exactly these members. Types that implement it refuse
/// unknown fields.
pub(super) trait RequestBody: DeserializeOwned + ToSchema {
    /// How the object looks, for whoever got it wrong.
    const SHAPE: &'static str;

    /// Whether a body that is well-formed can be refused for what it asks for, with this code.
    fn can_be_refused(_: ProblemCode) -> bool {
        false
    }
}

/// A JSON object of at most 64 KiB, declared as such, of the expected shape. Nothing in it is
/// verified.
#[derive(Debug)]
pub(super) struct UnverifiedJson<T>(pub(super) T);

impl<T: RequestBody, S: Send + Sync> FromRequest<S> for UnverifiedJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        // Also what keeps web sites out: a browser sends this type across origins only after a
        // preflight.
        if !is_json(&parts.headers) {
            return Err(ProblemCode::UnsupportedMediaType.into());
        }
        let bytes = body::read(&parts.headers, body).await?;
        Ok(Self(parse(&bytes)?))
    }
}

impl<T: RequestBody> Argument for UnverifiedJson<T> {
    fn describe(draft: &mut Draft) {
        draft.takes::<T>();
        draft.refuses(&[
            ProblemCode::MalformedRequest,
            ProblemCode::BodyTooLarge,
            ProblemCode::RequestTimeout,
            ProblemCode::UnsupportedMediaType,
        ]);
        let all = ProblemCode::ALL.iter().copied();
        let refused: Vec<_> = all.filter(|code| T::can_be_refused(*code)).collect();
        draft.refuses(&refused);
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let essence = value.as_bytes().split(|byte| *byte == b';').next();
    essence.is_some_and(|essence| {
        essence
            .trim_ascii()
            .eq_ignore_ascii_case(b"application/json")
    })
}

/// Reads `T` from a whole body.
///
/// # Errors
/// [`Refusal`]: `malformed_request`.
pub(super) fn parse<T: RequestBody>(bytes: &[u8]) -> Result<T, Refusal> {
    // serde reads a struct from an array too; one way to say a thing is enough.
    let is_object = bytes.trim_ascii_start().starts_with(b"{");
    match serde_json::from_slice(bytes) {
        Ok(value) if is_object => Ok(value),
        Ok(_) => Err(malformed::<T>("It is not an object")),
        Err(error) => Err(malformed::<T>(&position(&error))),
    }
}

/// Where, never what: the parser's own message quotes the body.
fn position(error: &serde_json::Error) -> String {
    let what = if error.is_data() {
        "A member is unknown, missing, repeated or of another type"
    } else {
        "It is not JSON"
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

fn malformed<T: RequestBody>(why: &str) -> Refusal {
    Refusal::new(ProblemCode::MalformedRequest).because(format!("{why}. Expected: {}.", T::SHAPE))
}

#[cfg(test)]
mod tests;
