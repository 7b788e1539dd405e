//! Verified Access over gRPC: who calls, what the answer's status is.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::clock::Clock;
use crate::faults::Script;
use crate::protocol::verified_access_server::VerifiedAccess;
use crate::protocol::{
    Challenge, GenerateChallengeRequest, VerifyChallengeResponseRequest,
    VerifyChallengeResponseResult,
};
use crate::service_accounts::{Access, ServiceAccounts, TokenError};
use crate::verified_access::{LocalVerifiedAccess, Refusal};

/// The gRPC service.
#[derive(Clone)]
pub(crate) struct GrpcService {
    pub(crate) verified_access: Arc<LocalVerifiedAccess>,
    pub(crate) accounts: Arc<ServiceAccounts>,
    pub(crate) token_clock: Clock,
}

impl GrpcService {
    /// The caller's access, from `authorization: Bearer ...` (RFC 6750 section 2.1).
    fn authenticate<T>(&self, request: &Request<T>) -> Result<Access, Status> {
        let unverified_token = request
            .metadata()
            .get("authorization")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token)
            .ok_or(TokenError::Unknown);
        unverified_token
            .and_then(|token| self.accounts.authenticate(token, (self.token_clock)()))
            .map_err(|error| Status::unauthenticated(error.to_string()))
    }
}

#[tonic::async_trait]
impl VerifiedAccess for GrpcService {
    async fn generate_challenge(
        &self,
        request: Request<GenerateChallengeRequest>,
    ) -> Result<Response<Challenge>, Status> {
        if self.authenticate(&request)? == Access::None {
            return Err(Status::permission_denied(
                "the service account is on no list",
            ));
        }
        let script = script_of(&request);
        let challenge = self.verified_access.generate(&script);
        let challenge = challenge.map_err(|error| Status::internal(error.to_string()))?;
        Ok(Response::new(Challenge { challenge }))
    }

    async fn verify_challenge_response(
        &self,
        request: Request<VerifyChallengeResponseRequest>,
    ) -> Result<Response<VerifyChallengeResponseResult>, Status> {
        let access = self.authenticate(&request)?;
        let script = script_of(&request);
        let request = request.into_inner();
        let verdict = self.verified_access.verify(
            access,
            &request.challenge_response,
            &request.expected_identity,
            &script,
        );
        match verdict {
            Ok(result) => Ok(Response::new(result)),
            Err(Refusal::Invalid(reason)) => Err(Status::invalid_argument(reason)),
            Err(Refusal::Denied(reason)) => Err(Status::permission_denied(reason)),
        }
    }
}

fn script_of<T>(request: &Request<T>) -> Script {
    request
        .extensions()
        .get::<Script>()
        .cloned()
        .unwrap_or_default()
}
