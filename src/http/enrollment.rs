//! `POST /v1/challenges` and `POST /v1/certificates`.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};

use crate::admission::{Admission, HandedOut};
use crate::enrollment::{Enrolled, Enrollment, UnverifiedRequest};
use crate::http::json::{self, RequestBody, UnverifiedJson};
use crate::http::peer::Peer;
use crate::http::pem;
use crate::http::problem::Problem;
use crate::model::problem_code::ProblemCode;
use crate::model::refusal::Refusal;

/// Answers are for one device and one moment.
const NO_STORE: [(header::HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// The body of `POST /v1/challenges`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChallengeRequest {
    profile: String,
}

impl RequestBody for ChallengeRequest {
    const SHAPE: &'static str = r#"{"profile": string}"#;
}

#[derive(Debug, Serialize)]
struct ChallengeAnswer {
    challenge: String,
    expires_at: String,
}

/// Hands out a challenge: 201.
///
/// # Errors
/// The story's refusal, as a problem.
pub(super) async fn challenge(
    State(admission): State<Arc<Admission>>,
    peer: Peer,
    UnverifiedJson(request): UnverifiedJson<ChallengeRequest>,
) -> Result<Response, Problem> {
    let HandedOut {
        challenge,
        expires_at,
    } = admission.challenge(&request.profile, peer.0).await?;
    let answer = ChallengeAnswer {
        challenge: STANDARD.encode(challenge.0),
        expires_at: expires_at.rfc3339(),
    };
    Ok((StatusCode::CREATED, NO_STORE, Json(answer)).into_response())
}

/// The body of `POST /v1/certificates`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CertificateRequest {
    challenge_response: String,
    profile: String,
    #[serde(default)]
    email: Option<String>,
}

impl RequestBody for CertificateRequest {
    const SHAPE: &'static str =
        r#"{"challenge_response": base64, "profile": string, "email": string, for users only}"#;
}

impl CertificateRequest {
    /// One encoding per response: strict base64, so that a program that mangles what the browser
    /// gave it is told so rather than served by luck.
    fn decode(self, peer: Peer) -> Result<UnverifiedRequest, ProblemCode> {
        let response = STANDARD
            .decode(self.challenge_response)
            .map_err(|_| ProblemCode::MalformedChallengeResponse)?;
        if response.is_empty() {
            return Err(ProblemCode::MalformedChallengeResponse);
        }
        Ok(UnverifiedRequest {
            response,
            profile: self.profile,
            email: self.email,
            peer: peer.0,
        })
    }
}

/// What a body of `POST /v1/certificates` asks for, before anybody is asked about it. Public so that
/// the fuzz targets can reach it; the route reads its body with these same two steps.
///
/// # Errors
/// [`Refusal`]: `malformed_request` or `malformed_challenge_response`.
pub fn read_certificate_request(
    unverified_body: &[u8],
    peer: IpAddr,
) -> Result<UnverifiedRequest, Refusal> {
    let request: CertificateRequest = json::parse(unverified_body)?;
    Ok(request.decode(Peer(peer))?)
}

/// The answer, in this order: a retry must get the same octets.
#[derive(Debug, Serialize)]
struct CertificateAnswer {
    serial_number: String,
    profile: String,
    certificate: String,
    chain: Vec<String>,
    not_before: String,
    not_after: String,
    renew_after: String,
    attempt: String,
}

impl TryFrom<Enrolled> for CertificateAnswer {
    type Error = ProblemCode;

    fn try_from(enrolled: Enrolled) -> Result<Self, ProblemCode> {
        let chain: Result<Vec<String>, ProblemCode> = enrolled
            .chain
            .iter()
            .map(|certificate| pem::certificate(certificate))
            .collect();
        Ok(Self {
            serial_number: enrolled.serial.to_string(),
            profile: enrolled.profile,
            certificate: pem::certificate(&enrolled.certificate)?,
            chain: chain?,
            not_before: enrolled.validity.not_before.rfc3339(),
            not_after: enrolled.validity.not_after.rfc3339(),
            renew_after: enrolled.validity.renew_after.rfc3339(),
            attempt: enrolled.attempt.to_string(),
        })
    }
}

/// Issues a certificate: 201, or 200 where these bytes have had theirs.
///
/// # Errors
/// The story's refusal, as a problem.
pub(super) async fn certificate(
    State(enrollment): State<Arc<Enrollment>>,
    peer: Peer,
    UnverifiedJson(request): UnverifiedJson<CertificateRequest>,
) -> Result<Response, Problem> {
    answer(enrollment.enroll(request.decode(peer)?).await?)
}

fn answer(enrolled: Enrolled) -> Result<Response, Problem> {
    let status = if enrolled.fresh {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let answer = CertificateAnswer::try_from(enrolled)?;
    Ok((status, NO_STORE, Json(answer)).into_response())
}

#[cfg(test)]
mod tests;
