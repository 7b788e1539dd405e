//! One question, in one call or several, within its time.

use std::fmt;
use std::time::Duration;

use http::HeaderMap;
use tonic::Code;

use crate::attestation::credentials::TokenFailure;
use crate::attestation::failure::RemoteError;
use crate::attestation::retry;
use crate::attestation::verifier::Verifier;

/// How long one call may take, its token included.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(6);

/// Why a call gave nothing.
pub(super) enum CallError {
    Remote(RemoteError),
    Token(TokenFailure),
}

impl CallError {
    /// The code by which a further try is decided.
    fn code(&self) -> Code {
        match self {
            Self::Remote(error) => error.code,
            Self::Token(failure) if failure.transient => Code::Unavailable,
            Self::Token(_) => Code::Unauthenticated,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(error) => error.fmt(formatter),
            Self::Token(failure) => write!(formatter, "no token: {}", failure.cause),
        }
    }
}

impl Verifier {
    /// Calls until there is an answer, an error that another call would not change, or no time.
    pub(super) async fn call<T, F>(
        &self,
        time_left: Duration,
        question: impl Fn(HeaderMap) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, RemoteError>>,
    {
        let mut last = None;
        let calls = async {
            for made in 1.. {
                let error = match self.call_once(&question).await {
                    Ok(answer) => return Some(Ok(answer)),
                    Err(error) => error,
                };
                let Some(pause) = retry::pause(error.code(), made, self.random.as_ref()) else {
                    return Some(Err(error));
                };
                last = Some(error);
                tokio::time::sleep(pause).await;
            }
            None
        };
        let ended = tokio::time::timeout(time_left, calls).await.ok().flatten();
        ended.unwrap_or_else(|| Err(last.unwrap_or_else(|| CallError::Remote(out_of_time()))))
    }

    async fn call_once<T, F>(&self, question: impl Fn(HeaderMap) -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, RemoteError>>,
    {
        let call = async {
            let authorization = self.credentials.headers().await.map_err(CallError::Token)?;
            question(authorization).await.map_err(CallError::Remote)
        };
        tokio::time::timeout(CALL_TIMEOUT, call)
            .await
            .unwrap_or_else(|_| Err(CallError::Remote(out_of_time())))
    }
}

fn out_of_time() -> RemoteError {
    RemoteError {
        code: Code::DeadlineExceeded,
        unverified_message: "no answer in time".to_owned(),
        retry_after: None,
    }
}
