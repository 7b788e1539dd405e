//! `GET /v1/authorize/{gate}`: may the holder of the certificate that a proxy was shown pass? Asked for
//! each request at the proxy, and so counted and not written down.
//!
//! What decides stands in the configuration: the request names a gate, and the certificate. All else in
//! it is ignored, the query first of all: some proxies put the client's own address behind the gate.

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::authorization::{LetIn, Objection};
use crate::http::admin::client_certificate::shown;
use crate::http::admin::desk::Desk;
use crate::http::admin::entry::RelyingParty;
use crate::http::admin::holder::{Attribute, FOR_SECONDS, STATUS, describe};
use crate::http::openapi::draft::Draft;
use crate::http::openapi::signature::{Argument, Reply};
use crate::http::problem::Problem;
use crate::model::problem_code::ProblemCode;
use crate::model::refusal::Refusal;
use crate::model::status::Status;

/// What stands before the gate in the address.
const BEFORE: &str = "/v1/authorize/";
/// Why somebody is not let in, in a word.
const REASON: HeaderName = HeaderName::from_static("vaca-reason");
/// RFC 9110, section 15.5.2, wants a challenge with every 401. No scheme is registered for certificates
/// of TLS; a browser does nothing about one that it does not know.
const CHALLENGE: HeaderValue = HeaderValue::from_static("TLS-Client-Certificate");

/// The gate, and the fields that came with it. What stands behind the gate is the client's.
#[derive(Debug)]
pub(super) struct UnverifiedVisit {
    gate: String,
    fields: HeaderMap,
}

impl<S: Send + Sync> FromRequestParts<S> for UnverifiedVisit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Not decoded: a client's path may be no UTF-8, and a gate's name has nothing to decode.
        let path = parts.uri.path();
        let gate = path.strip_prefix(BEFORE).unwrap_or_default();
        Ok(Self {
            gate: gate.split('/').next().unwrap_or_default().to_owned(),
            fields: parts.headers.clone(),
        })
    }
}

impl Argument for UnverifiedVisit {
    fn describe(draft: &mut Draft) {
        draft.takes_segments();
        draft.refuses(&[
            ProblemCode::UnknownGate,
            ProblemCode::CertificateHeaderRefused,
        ]);
    }
}

/// What the proxy is told.
#[derive(Debug)]
pub(super) struct Told(Response);

impl IntoResponse for Told {
    fn into_response(self) -> Response {
        self.0
    }
}

impl Reply for Told {
    fn describe(draft: &mut Draft) {
        draft.answers_status(
            StatusCode::OK,
            "Let in. Header fields say who it is: `Vaca-Email` or `Vaca-Device`, `Vaca-Profile`, `Vaca-Issuer`, `Vaca-Serial`, and the gate's attributes.",
        );
        let codes = [
            ProblemCode::ClientCertificateRequired,
            ProblemCode::ClientCertificateRefused,
            ProblemCode::GateClosed,
        ];
        draft.refuses(&codes);
    }
}

/// `/v1/authorize/{gate}`, with whatever behind it, by whatever method: a proxy may pass on its client's.
pub(super) async fn authorize(
    RelyingParty(principal): RelyingParty,
    State(desk): State<Arc<Desk>>,
    unverified: UnverifiedVisit,
) -> Result<Told, Problem> {
    let named = principal.certificate_header.ok_or_else(|| {
        misconfigured("The proxy's credential names no header field for certificates: make a token with --certificate-header, or set certificate_header of [[admin.client]]")
    })?;
    let gate = desk.gatekeeper.gate(&unverified.gate);
    let gate = gate.ok_or(ProblemCode::UnknownGate)?;
    let shown = shown(&unverified.fields, named).map_err(|misfit| {
        tracing::warn!(actor = %principal.actor.stored(), gate = gate.name, %misfit,
            "a proxy does not pass on certificates as its credential says");
        misconfigured(misfit)
    })?;
    let answer = desk.gatekeeper.ask(gate, shown).await?;
    let mut response = match answer {
        Ok(admitted) => let_in(&admitted),
        Err(objection) => {
            tracing::debug!(actor = %principal.actor.stored(), gate = gate.name,
                reason = objection.as_str(), "a client was not let in");
            keep_out(objection)
        }
    };
    let fields = response.headers_mut();
    fields.insert(header::CACHE_CONTROL, FOR_SECONDS);
    // RFC 9440, section 2.4: whoever keeps the answer keeps it for this certificate.
    fields.append(header::VARY, HeaderValue::from_static(named.as_str()));
    fields.append(header::VARY, HeaderValue::from_static("authorization"));
    Ok(Told(response))
}

fn misconfigured(why: impl std::fmt::Display) -> Problem {
    let refusal = Refusal::new(ProblemCode::CertificateHeaderRefused);
    refusal.because(format!("{why}.")).into()
}

fn let_in(admitted: &LetIn) -> Response {
    let mut fields =
        HeaderMap::from_iter([(STATUS, HeaderValue::from_static(Status::Good.as_str()))]);
    let attributes = admitted.attributes.iter();
    let attributes = attributes.map(|(name, value)| Attribute(name, value));
    describe(&mut fields, &admitted.certificate, attributes);
    (StatusCode::OK, fields).into_response()
}

/// A decision, which may be kept for as long as the other one.
fn keep_out(objection: Objection) -> Response {
    let refused = ProblemCode::ClientCertificateRefused;
    let (code, status) = match objection {
        Objection::NoCertificate => (ProblemCode::ClientCertificateRequired, None),
        Objection::Unknown | Objection::NotYetValid => (refused, Some(Status::Unknown)),
        Objection::Expired => (refused, Some(Status::Expired)),
        Objection::Revoked => (refused, Some(Status::Revoked)),
        Objection::OtherProfile | Objection::OtherDomain => {
            (ProblemCode::GateClosed, Some(Status::Good))
        }
    };
    let because = format!("Reason: {}.", objection.as_str());
    let problem = Problem(Refusal::new(code).because(because));
    let mut response = problem.into_response();
    let status_code = response.status();
    let fields = response.headers_mut();
    fields.insert(REASON, HeaderValue::from_static(objection.as_str()));
    if let Some(status) = status {
        fields.insert(STATUS, HeaderValue::from_static(status.as_str()));
    }
    if status_code == StatusCode::UNAUTHORIZED {
        fields.insert(header::WWW_AUTHENTICATE, CHALLENGE);
    }
    response
}
