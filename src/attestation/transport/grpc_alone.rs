//! gRPC, believed by assumed numbers, after it has refused a wrong identity (`transport = "grpc"`).

use std::time::Duration;

use crate::attestation::agreement::Probed;
use crate::attestation::failure::{Meaning, RemoteError};
use crate::attestation::raw::RawAnswer;
use crate::attestation::transport::probe::impossible;
use crate::attestation::transport::{CallError, Question, Transports};
use crate::attestation::verdict::UnverifiedAnswer;

impl Transports {
    /// # Errors
    /// [`CallError`]; [`CallError::Misconfigured`] where a wrong identity is accepted: anybody
    /// could have any name.
    pub(super) async fn verify_by_grpc(
        &self,
        question: &Question,
        time_left: Duration,
    ) -> Result<UnverifiedAnswer, CallError> {
        let scope = question.expected.scope();
        let raw = match self.agreement.wrong_identity_refused(scope, self.now()) {
            Ok(true) => {
                self.ask_grpc(question, &question.expected, time_left)
                    .await?
            }
            Ok(false) => {
                self.ask_grpc_for_the_first_time(question, time_left)
                    .await?
            }
            Err(what) => return Err(misconfigured(&what)),
        };
        raw.answer().cloned().ok_or_else(unreadable)
    }

    /// A wrong identity first: before that is refused, no answer is believed.
    async fn ask_grpc_for_the_first_time(
        &self,
        question: &Question,
        time_left: Duration,
    ) -> Result<RawAnswer, CallError> {
        let scope = question.expected.scope();
        let wrong = impossible(&question.expected, self.random.as_ref())?;
        let refusal = match self.ask_grpc(question, &wrong, time_left).await {
            Ok(raw) => {
                let found = Probed::Accepted(raw.dump());
                self.agreement.probed(scope, found, self.now());
                return Err(misconfigured("gRPC accepts a wrong expected_identity"));
            }
            Err(error) => error,
        };
        let refused = match refusal.meaning() {
            Some(Meaning::Refused) => true,
            Some(Meaning::Ambiguous) => false,
            _ => return Err(refusal),
        };
        let raw = self
            .ask_grpc(question, &question.expected, time_left)
            .await?;
        if !refused {
            return Err(misconfigured(
                "a wrong expected_identity gets PERMISSION_DENIED over gRPC, which proves nothing",
            ));
        }
        self.agreement.probed(scope, Probed::Refused, self.now());
        Ok(raw)
    }
}

fn misconfigured(what: &str) -> CallError {
    CallError::Misconfigured(format!("{what}: set verified_access.transport = \"auto\""))
}

fn unreadable() -> CallError {
    CallError::Remote(RemoteError {
        code: tonic::Code::Internal,
        unverified_message: "the answer cannot be read by the assumed numbers".to_owned(),
        retry_after: None,
    })
}
