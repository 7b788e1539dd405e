//! The ways to Verified Access.

use std::time::Duration;

use http::HeaderMap;

use crate::attestation::failure::RemoteError;
use crate::attestation::grpc::Grpc;
use crate::attestation::response::UnverifiedResponse;
use crate::attestation::verdict::UnverifiedAnswer;
use crate::model::challenge::Challenge;
use crate::model::identity::ExpectedIdentity;

/// How Verified Access is spoken to. One way today; its REST twin has its place here.
pub(super) enum Transport {
    Grpc(Grpc),
}

impl Transport {
    /// The word that readiness shows.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Grpc(_) => "grpc",
        }
    }

    /// GenerateChallenge.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub(super) async fn generate(
        &self,
        authorization: HeaderMap,
        deadline: Duration,
    ) -> Result<Challenge, RemoteError> {
        match self {
            Self::Grpc(grpc) => grpc.generate(authorization, deadline).await,
        }
    }

    /// VerifyChallengeResponse.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub(super) async fn verify(
        &self,
        response: &UnverifiedResponse,
        expected: &ExpectedIdentity,
        authorization: HeaderMap,
        deadline: Duration,
    ) -> Result<UnverifiedAnswer, RemoteError> {
        match self {
            Self::Grpc(grpc) => {
                grpc.verify(response, expected, authorization, deadline)
                    .await
            }
        }
    }
}
