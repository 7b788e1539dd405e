//! Verified Access v2 as JSON over HTTP: fields by name, so right by construction.

mod answer;
mod refusal;

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode, Uri};
use reqwest::Response;
use serde::Serialize;
use serde_json::json;
use tonic::Code;

use crate::attestation::failure::{RemoteError, chain, wait};
use crate::attestation::https;
use crate::attestation::response::UnverifiedResponse;
use crate::attestation::rest::answer::parse_challenge;
use crate::attestation::rest::refusal::code;
use crate::attestation::trust::Roots;
use crate::attestation::verdict::UnverifiedAnswer;
use crate::model::challenge::Challenge;
use crate::model::endpoint::Endpoint;
use crate::model::identity::ExpectedIdentity;

/// Longest answer that is read, in octets; genuine ones have a few thousand.
const ANSWER_MAX: usize = 256 * 1024;

/// The twin of [`Grpc`](crate::attestation::grpc::Grpc): same questions, same errors.
pub(super) struct Rest {
    http: reqwest::Client,
    generate: String,
    verify: String,
}

impl Rest {
    /// Prepares requests to `origin`, of `longest` each; TLS is held to `roots`.
    ///
    /// # Errors
    /// What the HTTP library said.
    pub(super) fn new(
        origin: &Uri,
        endpoint: Endpoint,
        roots: &Roots,
        longest: Duration,
    ) -> Result<Self, String> {
        let origin = origin.to_string();
        let origin = origin.trim_end_matches('/');
        Ok(Self {
            http: https::client(endpoint, roots, longest)?,
            generate: format!("{origin}/v2/challenge:generate"),
            verify: format!("{origin}/v2/challenge:verify"),
        })
    }

    /// `POST /v2/challenge:generate`.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub(super) async fn generate(
        &self,
        authorization: HeaderMap,
    ) -> Result<Challenge, RemoteError> {
        let body = self.post(&self.generate, authorization, &json!({})).await?;
        parse_challenge(&body).ok_or_else(|| outage("the answer holds no challenge".to_owned()))
    }

    /// `POST /v2/challenge:verify`.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub(super) async fn verify(
        &self,
        response: &UnverifiedResponse,
        expected: &ExpectedIdentity,
        authorization: HeaderMap,
    ) -> Result<UnverifiedAnswer, RemoteError> {
        let question = json!({
            "challengeResponse": BASE64_STANDARD.encode(response.bytes()),
            "expectedIdentity": expected.as_str(),
        });
        let body = self.post(&self.verify, authorization, &question).await?;
        UnverifiedAnswer::from_rest(&body)
            .ok_or_else(|| outage("the answer cannot be read".to_owned()))
    }

    async fn post(
        &self,
        url: &str,
        authorization: HeaderMap,
        question: &impl Serialize,
    ) -> Result<Vec<u8>, RemoteError> {
        let request = self.http.post(url).headers(authorization).json(question);
        let response = request.send().await.map_err(|error| RemoteError {
            code: if error.is_timeout() {
                Code::DeadlineExceeded
            } else {
                Code::Unavailable
            },
            unverified_message: chain(&error.without_url()),
            retry_after: None,
        })?;
        let status = response.status();
        let retry_after = asked_wait(&response);
        let body = https::read(response, ANSWER_MAX).await.map_err(outage)?;
        if status == StatusCode::OK {
            return Ok(body);
        }
        let (code, unverified_message) = code(status, &body);
        Err(RemoteError {
            code,
            unverified_message,
            retry_after,
        })
    }
}

fn asked_wait(response: &Response) -> Option<u64> {
    wait(response.headers().get(RETRY_AFTER)?.to_str().ok()?)
}

/// What cannot be read says nothing of the response that was asked about: it is no refusal.
fn outage(cause: String) -> RemoteError {
    RemoteError {
        code: Code::Internal,
        unverified_message: cause,
        retry_after: None,
    }
}
