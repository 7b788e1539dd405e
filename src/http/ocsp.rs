//! `POST /ocsp` and `GET /ocsp/{request}` (RFC 6960, appendix A; RFC 5019, section 6). What goes wrong is
//! said in an OCSP response of status 200: clients read no problem documents.

use std::sync::Arc;

use axum::extract::{FromRequest, Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, HeaderValue, header};

use crate::ca::ocsp::{self, Failure};
use crate::http::body;
use crate::http::date::http_date;
use crate::http::limits::BODY_BYTES;
use crate::http::openapi::draft::Draft;
use crate::http::openapi::signature::{Argument, Reply};
use crate::http::problem::Problem;
use crate::http::segment::UnverifiedSegment;
use crate::model::digest::sha256;
use crate::model::problem_code::ProblemCode;
use crate::model::serial::hex;
use crate::responder::{Answer, Responder};

const MEDIA_TYPE: &str = "application/ocsp-response";
/// How long a cache between us and the client may repeat an answer, in seconds: longer than an instant, so
/// that it is of use, and well before the answer's own end.
const MAX_AGE: i64 = 60;

/// Clients leave the padding out, or a server before us takes it off.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// `POST /ocsp`. Its media type is not asked: the octets say what they are.
///
/// # Errors
/// [`ProblemCode::RequestTimeout`], where the request does not arrive.
pub(super) async fn post(
    State(responder): State<Arc<Responder>>,
    UnverifiedMessage(unverified): UnverifiedMessage,
) -> Told {
    written(&responder.answer(&unverified).await, false)
}

/// The octets of a request; none where they were too many, or broke off.
#[derive(Debug)]
pub(super) struct UnverifiedMessage(Vec<u8>);

impl<S: Send + Sync> FromRequest<S> for UnverifiedMessage {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        match body::read(&parts.headers, body).await {
            Ok(unverified) => Ok(Self(unverified)),
            Err(ProblemCode::RequestTimeout) => Err(ProblemCode::RequestTimeout.into()),
            Err(_) => Ok(Self(Vec::new())),
        }
    }
}

impl Argument for UnverifiedMessage {
    fn describe(draft: &mut Draft) {
        draft.refuses(&[ProblemCode::RequestTimeout]);
    }
}

/// An OCSP response, with what caches are told of it.
#[derive(Debug)]
pub(super) struct Told(Response);

impl IntoResponse for Told {
    fn into_response(self) -> Response {
        self.0
    }
}

impl Reply for Told {
    fn describe(draft: &mut Draft) {
        draft.answers_octets(MEDIA_TYPE, "An OCSP response; failures are said in it.");
    }
}

/// `GET /ocsp/{base64 of the request}`: as it is, with its slashes, or percent-encoded.
///
/// # Errors
/// None of its own.
pub(super) async fn get(
    State(responder): State<Arc<Responder>>,
    UnverifiedSegment(unverified_text): UnverifiedSegment,
) -> Told {
    let unverified = decoded(&unverified_text).unwrap_or_default();
    written(&responder.answer(&unverified).await, true)
}

fn decoded(unverified_text: &str) -> Option<Vec<u8>> {
    if unverified_text.len() > BODY_BYTES {
        return None;
    }
    BASE64.decode(unverified_text).ok()
}

/// Only what everybody gets who asks by this address may be kept by caches (RFC 5019, section 6.2).
fn written(answer: &Answer, by_address: bool) -> Told {
    let (der, headers) = match answer {
        Answer::Shared(response) if by_address => (response.der.clone(), cached(response)),
        Answer::Shared(response) => (response.der.clone(), not_cached()),
        Answer::Fresh(response) => (response.der.clone(), not_cached()),
        Answer::Failed(failure) => (Failure::to_der(*failure), not_cached()),
    };
    let media_type = [(header::CONTENT_TYPE, MEDIA_TYPE)];
    Told((media_type, headers, der).into_response())
}

fn not_cached() -> HeaderMap {
    HeaderMap::from_iter([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))])
}

fn cached(response: &ocsp::Response) -> HeaderMap {
    let life = response.next_update.since(response.this_update);
    let age = MAX_AGE.min(life / 2);
    let control = format!("max-age={age}, public, no-transform, must-revalidate");
    let tag = format!("\"{}\"", hex(&sha256(&response.der)));
    let fields = [
        (header::CACHE_CONTROL, control.parse().ok()),
        (header::ETAG, tag.parse().ok()),
        (header::LAST_MODIFIED, http_date(response.this_update)),
        (header::EXPIRES, http_date(response.next_update)),
    ];
    let present = fields.into_iter();
    HeaderMap::from_iter(present.filter_map(|(name, value)| Some((name, value?))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_in_an_address_is_read_however_it_is_padded() {
        let octets = [0x30, 0x03, 0xff, 0xfe];
        for text in ["MAP//g==", "MAP//g", "MAP//g="] {
            assert_eq!(decoded(text).as_deref(), Some(&octets[..]), "{text}");
        }
        for text in ["MAP__g==", "MAP//g==\n", "%", &"A".repeat(BODY_BYTES + 1)] {
            assert_eq!(decoded(text), None);
        }
    }
}
