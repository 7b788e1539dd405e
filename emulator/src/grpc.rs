//! The public API: who calls, what the answer's status is; and its gRPC side.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::clock::Clock;
use crate::faults::Script;
use crate::protocol::verified_access_server::VerifiedAccess;
use crate::protocol::{
    Challenge, GenerateChallengeRequest, VerifyChallengeResponseRequest,
    VerifyChallengeResponseResult,
};
use crate::service_accounts::{Access, ServiceAccounts};
use crate::verified_access::{LocalVerifiedAccess, Refusal};

/// What serves both transports: the gRPC service itself, and what its REST twin asks.
#[derive(Clone)]
pub(crate) struct PublicApi {
    pub(crate) verified_access: Arc<LocalVerifiedAccess>,
    pub(crate) accounts: Arc<ServiceAccounts>,
    pub(crate) token_clock: Clock,
}

impl PublicApi {
    /// The caller's access.
    pub(crate) fn admit(&self, unverified_authorization: Option<&str>) -> Result<Access, Status> {
        self.accounts
            .admit(unverified_authorization, (self.token_clock)())
            .map_err(|error| Status::unauthenticated(error.to_string()))
    }

    /// `GenerateChallenge`, however it was called.
    pub(crate) fn generate(&self, access: Access, script: &Script) -> Result<Challenge, Status> {
        if access == Access::None {
            return Err(Status::permission_denied(
                "the service account is on no list",
            ));
        }
        let challenge = self.verified_access.generate(script);
        let challenge = challenge.map_err(|error| Status::internal(error.to_string()))?;
        Ok(Challenge { challenge })
    }

    /// `VerifyChallengeResponse`, however it was called.
    pub(crate) fn verify(
        &self,
        access: Access,
        question: &VerifyChallengeResponseRequest,
        script: &Script,
    ) -> Result<VerifyChallengeResponseResult, Status> {
        let verdict = self.verified_access.verify(
            access,
            &question.challenge_response,
            &question.expected_identity,
            script,
        );
        verdict.map_err(|refusal| match refusal {
            Refusal::Invalid(reason) => Status::invalid_argument(reason),
            Refusal::Denied(reason) => Status::permission_denied(reason),
        })
    }
}

#[tonic::async_trait]
impl VerifiedAccess for PublicApi {
    async fn generate_challenge(
        &self,
        request: Request<GenerateChallengeRequest>,
    ) -> Result<Response<Challenge>, Status> {
        let access = self.admit(authorization(&request))?;
        let script = script_of(&request);
        self.generate(access, &script).map(Response::new)
    }

    async fn verify_challenge_response(
        &self,
        request: Request<VerifyChallengeResponseRequest>,
    ) -> Result<Response<VerifyChallengeResponseResult>, Status> {
        let access = self.admit(authorization(&request))?;
        let script = script_of(&request);
        self.verify(access, &request.into_inner(), &script)
            .map(Response::new)
    }
}

fn authorization<T>(request: &Request<T>) -> Option<&str> {
    request.metadata().get("authorization")?.to_str().ok()
}

fn script_of<T>(request: &Request<T>) -> Script {
    request
        .extensions()
        .get::<Script>()
        .cloned()
        .unwrap_or_default()
}
