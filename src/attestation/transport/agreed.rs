//! REST until gRPC is proven, then gRPC as far as it is (`transport = "auto"`).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::attestation::agreement::Stance;
use crate::attestation::challenge::challenge_digest;
use crate::attestation::failure::Meaning;
use crate::attestation::raw::RawAnswer;
use crate::attestation::transport::{CALL_TIMEOUT, CallError, Question, Transports};
use crate::attestation::verdict::UnverifiedAnswer;
use crate::model::challenge::Challenge;
use crate::telemetry::{Method, Way};

/// How long a proven gRPC is waited for before REST is asked; half of what is left, if less.
const PATIENCE: Duration = Duration::from_secs(3);
/// How far two challenges that are made together may be apart, in milliseconds.
const TOGETHER: u64 = 120_000;
/// What is asked beside REST.
const GENERATE: (Method, Way) = (Method::Generate, Way::Grpc);

impl Transports {
    /// # Errors
    /// [`CallError`]; what REST says wherever gRPC is not proven.
    pub(super) async fn verify_as_agreed(
        self: &Arc<Self>,
        question: &Arc<Question>,
        time_left: Duration,
    ) -> Result<UnverifiedAnswer, CallError> {
        match self.agreement.stance(question.expected.scope(), self.now()) {
            Stance::Rest => self.ask_rest(question, time_left).await,
            Stance::Both => {
                let comparison = self.compare_beside(question);
                let answer = self.ask_rest(question, time_left).await;
                if let Some(comparison) = comparison {
                    // Whoever compares may have given up; the answer stands all the same.
                    let _ = comparison.send(answer.clone());
                }
                answer
            }
            Stance::Grpc => self.verify_by_proven_grpc(question, time_left).await,
        }
    }

    async fn verify_by_proven_grpc(
        &self,
        question: &Question,
        time_left: Duration,
    ) -> Result<UnverifiedAnswer, CallError> {
        let scope = question.expected.scope();
        let patience = PATIENCE.min(time_left / 2);
        let said = self
            .ask_grpc_once(question, &question.expected, patience)
            .await;
        match &said {
            Ok(raw) => {
                if let Some(answer) = self.agreement.believed(scope, raw, self.now()) {
                    return Ok(answer);
                }
            }
            Err(error) if error.meaning() == Some(Meaning::Refused) => {
                return Err(error.clone());
            }
            Err(_) => {}
        }
        let answer = self.ask_rest(question, time_left).await;
        self.agreement.compare(scope, &said, &answer, self.now());
        answer
    }

    /// Asks gRPC at the same time, and compares when REST has answered; the requester does not
    /// wait for it. `None` where enough of that is going on.
    fn compare_beside(
        self: &Arc<Self>,
        question: &Arc<Question>,
    ) -> Option<oneshot::Sender<Result<UnverifiedAnswer, CallError>>> {
        let permit = Arc::clone(&self.beside).try_acquire_owned().ok()?;
        let (comparison, told) = oneshot::channel();
        let (this, question) = (Arc::clone(self), Arc::clone(question));
        tokio::spawn(async move {
            let said = this
                .ask_grpc_once(&question, &question.expected, CALL_TIMEOUT)
                .await;
            // Without REST's word nothing can be compared.
            if let Ok(answer) = told.await {
                this.compare_and_probe(&question, &said, &answer).await;
            }
            drop(permit);
        });
        Some(comparison)
    }

    async fn compare_and_probe(
        &self,
        question: &Question,
        said: &Result<RawAnswer, CallError>,
        answer: &Result<UnverifiedAnswer, CallError>,
    ) {
        let scope = question.expected.scope();
        let now = self.now();
        if self.agreement.compare(scope, said, answer, now)
            && self.agreement.begin_probe(scope, now)
        {
            let found = self.probe(question).await;
            self.agreement.probed(scope, found, self.now());
        }
    }

    /// # Errors
    /// [`CallError`].
    pub(super) async fn generate_as_agreed(
        self: &Arc<Self>,
        time_left: Duration,
    ) -> Result<Challenge, CallError> {
        let stance = self.agreement.challenge_stance(self.now());
        let mut failed = "not a challenge";
        if stance == Stance::Grpc {
            let patience = PATIENCE.min(time_left / 2);
            let call = |authorization| self.grpc.generate(authorization, patience);
            match self.line.call_once(GENERATE, patience, call).await {
                Ok(challenge) if challenge_digest(&challenge).is_ok() => return Ok(challenge),
                Ok(_) => {}
                Err(error) => failed = error.status(),
            }
        }
        let challenge = self.generate_by_rest(time_left).await?;
        match stance {
            Stance::Both => self.make_challenge_beside(&challenge),
            Stance::Grpc => self.agreement.trouble(failed, self.now()),
            Stance::Rest => {}
        }
        Ok(challenge)
    }

    /// Lets gRPC make a challenge too, which nobody gets, to see whether it can.
    fn make_challenge_beside(self: &Arc<Self>, rests: &Challenge) {
        let Ok((_, rests_millis)) = challenge_digest(rests) else {
            return;
        };
        if !self.agreement.begin_challenge(self.now()) {
            return;
        }
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let call = |authorization| this.grpc.generate(authorization, CALL_TIMEOUT);
            let made = this.line.call_once(GENERATE, CALL_TIMEOUT, call).await;
            let found = match made.map(|challenge| challenge_digest(&challenge)) {
                Ok(Ok((_, millis))) if millis.abs_diff(rests_millis) <= TOGETHER => Ok(()),
                Ok(_) => Err("not a challenge of now"),
                Err(error) => Err(error.status()),
            };
            this.agreement.challenged(found, this.now());
        });
    }
}
