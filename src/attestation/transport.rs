//! The ways to Verified Access, and which of them answers.

mod agreed;
mod grpc_alone;
mod line;
mod probe;

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use tokio::sync::Semaphore;

use crate::attestation::agreement::{Agreement, Belief};
use crate::attestation::credentials::Credentials;
use crate::attestation::failure::out_of_time;
use crate::attestation::grpc::Grpc;
use crate::attestation::raw::RawAnswer;
use crate::attestation::response::UnverifiedResponse;
use crate::attestation::rest::Rest;
use crate::attestation::settings::Transport;
use crate::attestation::transport::line::Line;
use crate::attestation::trust::Roots;
use crate::attestation::verdict::UnverifiedAnswer;
use crate::attestation::verifier::ConnectError;
use crate::clock::{Clock, Timestamp};
use crate::model::challenge::Challenge;
use crate::model::endpoint::Endpoint;
use crate::model::identity::ExpectedIdentity;
use crate::random::Random;
use crate::telemetry::{Calls, Method, Way};

pub(super) use line::CallError;

/// How long one call may take, its token included.
const CALL_TIMEOUT: Duration = Duration::from_secs(6);
/// Most comparisons that run beside answers at one time; what comes on top is answered without.
const COMPARISONS: usize = 16;

/// Both transports, with the credentials and the findings that they share.
pub(super) struct Transports {
    choice: Transport,
    line: Line,
    grpc: Grpc,
    rest: Rest,
    agreement: Agreement,
    beside: Arc<Semaphore>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// What is asked about one response.
struct Question {
    response: UnverifiedResponse,
    expected: ExpectedIdentity,
}

/// What the transports need.
pub(super) struct Peer<'a> {
    pub(super) endpoint: Endpoint,
    pub(super) origin: &'a Uri,
    pub(super) roots: &'a Roots,
}

impl Transports {
    /// Prepares both, whatever the choice; connects neither.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub(super) fn new(
        choice: Transport,
        peer: &Peer<'_>,
        credentials: Credentials,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        calls: Calls,
    ) -> Result<Self, ConnectError> {
        let rest = Rest::new(peer.origin, peer.endpoint, peer.roots, CALL_TIMEOUT);
        Ok(Self {
            choice,
            line: Line::new(credentials, Arc::clone(&random), Arc::clone(&clock), calls),
            grpc: Grpc::new(peer.origin, peer.roots)?,
            rest: rest.map_err(|cause| ConnectError::Client { cause })?,
            agreement: Agreement::new(peer.endpoint, &peer.origin.to_string()),
            beside: Arc::new(Semaphore::new(COMPARISONS)),
            clock,
            random,
        })
    }

    /// The setting's word.
    pub(super) fn word(&self) -> &'static str {
        self.choice.as_str()
    }

    /// Which transport is believed of what; empty where there is no question.
    pub(super) fn beliefs(&self) -> Vec<Belief> {
        match self.choice {
            Transport::Auto => self.agreement.beliefs(self.now()),
            Transport::Grpc => self.agreement.identity_checks(self.now()),
            Transport::Rest => Vec::new(),
        }
    }

    /// Verified Access did not take the token.
    pub(super) async fn forget_token(&self) {
        self.line.forget_token().await;
    }

    /// When the token ends, where that is known.
    pub(super) fn token_ends(&self) -> Option<Timestamp> {
        self.line.token_ends()
    }

    /// GenerateChallenge, within `time_left`.
    ///
    /// # Errors
    /// [`CallError`].
    pub(super) async fn generate(
        self: &Arc<Self>,
        time_left: Duration,
    ) -> Result<Challenge, CallError> {
        match self.choice {
            Transport::Auto => self.generate_as_agreed(time_left).await,
            Transport::Grpc => self.generate_by_grpc(time_left).await,
            Transport::Rest => self.generate_by_rest(time_left).await,
        }
    }

    /// VerifyChallengeResponse, within `time_left`.
    ///
    /// # Errors
    /// [`CallError`].
    pub(super) async fn verify(
        self: &Arc<Self>,
        response: &UnverifiedResponse,
        expected: &ExpectedIdentity,
        time_left: Duration,
    ) -> Result<UnverifiedAnswer, CallError> {
        let question = Arc::new(Question {
            response: response.clone(),
            expected: expected.clone(),
        });
        let asked = async {
            match self.choice {
                Transport::Auto => self.verify_as_agreed(&question, time_left).await,
                Transport::Grpc => self.verify_by_grpc(&question, time_left).await,
                Transport::Rest => self.ask_rest(&question, time_left).await,
            }
        };
        let ended = tokio::time::timeout(time_left, asked).await;
        ended.unwrap_or_else(|_| Err(CallError::Remote(out_of_time())))
    }

    fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    async fn generate_by_grpc(&self, time_left: Duration) -> Result<Challenge, CallError> {
        let call = |authorization| self.grpc.generate(authorization, CALL_TIMEOUT);
        let what = (Method::Generate, Way::Grpc);
        self.line.call(what, time_left, call).await
    }

    async fn generate_by_rest(&self, time_left: Duration) -> Result<Challenge, CallError> {
        let call = |authorization| self.rest.generate(authorization);
        let what = (Method::Generate, Way::Rest);
        self.line.call(what, time_left, call).await
    }

    async fn ask_rest(
        &self,
        question: &Question,
        time_left: Duration,
    ) -> Result<UnverifiedAnswer, CallError> {
        let Question { response, expected } = question;
        let call = |authorization| self.rest.verify(response, expected, authorization);
        let what = (Method::Verify, Way::Rest);
        self.line.call(what, time_left, call).await
    }

    async fn ask_grpc(
        &self,
        question: &Question,
        expected: &ExpectedIdentity,
        time_left: Duration,
    ) -> Result<RawAnswer, CallError> {
        let response = &question.response;
        let call = |authorization| {
            self.grpc
                .verify(response, expected, authorization, CALL_TIMEOUT)
        };
        let what = (Method::Verify, Way::Grpc);
        self.line.call(what, time_left, call).await
    }

    /// One call, for a comparison.
    async fn ask_grpc_once(
        &self,
        question: &Question,
        expected: &ExpectedIdentity,
        time_left: Duration,
    ) -> Result<RawAnswer, CallError> {
        let response = &question.response;
        let call = |authorization| {
            self.grpc
                .verify(response, expected, authorization, CALL_TIMEOUT)
        };
        let what = (Method::Verify, Way::Grpc);
        self.line.call_once(what, time_left, call).await
    }
}
