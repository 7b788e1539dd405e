//! `POST /v1/challenges` and `POST /v1/certificates`.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admission::{Admission, HandedOut};
use crate::enrollment::{Enrolled, Enrollment, UnverifiedRequest};
use crate::http::answer::{Answer, Created};
use crate::http::json::{self, RequestBody, UnverifiedJson};
use crate::http::openapi::draft::Draft;
use crate::http::openapi::signature::Reply;
use crate::http::peer::Peer;
use crate::http::pem;
use crate::http::problem::Problem;
use crate::model::problem_code::ProblemCode;
use crate::model::refusal::Refusal;

/// The body of `POST /v1/challenges`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChallengeRequest {
    /// The name of a profile, as `GET /v1/profiles` lists it.
    profile: String,
}

impl RequestBody for ChallengeRequest {
    const SHAPE: &'static str = r#"{"profile": string}"#;

    fn can_be_refused(code: ProblemCode) -> bool {
        matches!(
            code,
            ProblemCode::UnknownProfile
                | ProblemCode::Busy
                | ProblemCode::TooManyFailures
                | ProblemCode::VerifiedAccessMisconfigured
                | ProblemCode::VerifiedAccessUnavailable
                | ProblemCode::ClockUntrusted
                | ProblemCode::StorageUnavailable
        )
    }
}

/// A challenge for one device and one minute.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChallengeAnswer {
    /// What `challengeKey` is given, in base64.
    #[schema(content_encoding = "base64")]
    challenge: String,
    /// Until when a response can be posted.
    #[schema(format = DateTime)]
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
) -> Result<Created<ChallengeAnswer>, Problem> {
    let HandedOut {
        challenge,
        expires_at,
    } = admission.challenge(&request.profile, peer.0).await?;
    Ok(Created(ChallengeAnswer {
        challenge: STANDARD.encode(challenge.0),
        expires_at: expires_at.rfc3339(),
    }))
}

/// The body of `POST /v1/certificates`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CertificateRequest {
    /// What `challengeKey` returned, in base64: the standard alphabet, padded, on one line.
    #[schema(content_encoding = "base64")]
    challenge_response: String,
    /// The profile that the challenge was made for.
    profile: String,
    /// For a profile of scope `user`: the address of the signed-in user. For one of scope `machine`: absent.
    #[serde(default)]
    email: Option<String>,
}

impl RequestBody for CertificateRequest {
    const SHAPE: &'static str =
        r#"{"challenge_response": base64, "profile": string, "email": string, for users only}"#;

    /// With whatever an enrolment ends in.
    fn can_be_refused(code: ProblemCode) -> bool {
        !matches!(
            code,
            ProblemCode::MalformedQuery | ProblemCode::NotFound | ProblemCode::MethodNotAllowed
        )
    }
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
#[derive(Debug, Serialize, ToSchema)]
struct CertificateAnswer {
    /// Its number, hexadecimal.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    serial_number: String,
    /// The profile's name.
    profile: String,
    /// PEM.
    certificate: String,
    /// The issuing CA's certificate first, PEM each; the root is left out.
    #[schema(min_items = 1)]
    chain: Vec<String>,
    /// Its first second.
    #[schema(format = DateTime)]
    not_before: String,
    /// Its last second.
    #[schema(format = DateTime)]
    not_after: String,
    /// From when on its holder should enrol again, with a new key.
    #[schema(format = DateTime)]
    renew_after: String,
    /// The short id, for whoever asks for help.
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

/// A certificate: 201, or 200 where these bytes have had theirs.
#[derive(Debug)]
pub(super) struct Issued {
    fresh: bool,
    answer: CertificateAnswer,
}

impl IntoResponse for Issued {
    fn into_response(self) -> Response {
        if self.fresh {
            Created(self.answer).into_response()
        } else {
            Answer(self.answer).into_response()
        }
    }
}

impl Reply for Issued {
    fn describe(draft: &mut Draft) {
        draft.answers::<CertificateAnswer>(StatusCode::CREATED, "It was issued now.");
        let about = "These bytes have had their certificate: the same octets again.";
        draft.answers::<CertificateAnswer>(StatusCode::OK, about);
    }
}

/// Issues a certificate.
///
/// # Errors
/// The story's refusal, as a problem.
pub(super) async fn certificate(
    State(enrollment): State<Arc<Enrollment>>,
    peer: Peer,
    UnverifiedJson(request): UnverifiedJson<CertificateRequest>,
) -> Result<Issued, Problem> {
    answer(enrollment.enroll(request.decode(peer)?).await?)
}

fn answer(enrolled: Enrolled) -> Result<Issued, Problem> {
    Ok(Issued {
        fresh: enrolled.fresh,
        answer: CertificateAnswer::try_from(enrolled)?,
    })
}

#[cfg(test)]
mod tests;
