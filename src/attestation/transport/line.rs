//! One question, in one call or several, within its time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use tonic::Code;

use crate::attestation::credentials::{Credentials, TokenFailure};
use crate::attestation::failure::{Meaning, RemoteError, code_name, meaning, out_of_time};
use crate::attestation::retry;
use crate::attestation::transport::CALL_TIMEOUT;
use crate::clock::{Clock, Timestamp};
use crate::random::Random;
use crate::telemetry::{Calls, Method, Way};

/// Why a call gave nothing.
#[derive(Clone, Debug)]
pub(in crate::attestation) enum CallError {
    /// Verified Access, or the way to it, says no.
    Remote(RemoteError),
    /// There is no token to call with.
    Token(TokenFailure),
    /// gRPC alone is to be asked, and it was seen to lie.
    Misconfigured(String),
}

impl CallError {
    /// What the code means; `None` where Verified Access was not asked.
    pub(in crate::attestation) fn meaning(&self) -> Option<Meaning> {
        match self {
            Self::Remote(error) => Some(meaning(error.code)),
            Self::Token(_) | Self::Misconfigured(_) => None,
        }
    }

    /// A word for readiness, which strangers may read: the peer's own text is for the log.
    pub(in crate::attestation) fn status(&self) -> &'static str {
        match self {
            Self::Remote(error) => code_name(error.code),
            Self::Token(_) => "no token",
            Self::Misconfigured(_) => "misconfigured",
        }
    }

    /// A word for a metric, from a closed table.
    fn result(&self) -> &'static str {
        match self {
            Self::Remote(error) => code_name(error.code),
            // Whoever is misconfigured does not call at all.
            Self::Token(_) | Self::Misconfigured(_) => "NO_TOKEN",
        }
    }

    /// The code by which a further try is decided.
    fn code(&self) -> Code {
        match self {
            Self::Remote(error) => error.code,
            Self::Token(failure) if failure.transient => Code::Unavailable,
            Self::Token(_) | Self::Misconfigured(_) => Code::Unauthenticated,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(error) => error.fmt(formatter),
            Self::Token(failure) => write!(formatter, "no token: {}", failure.cause),
            Self::Misconfigured(cause) => formatter.write_str(cause),
        }
    }
}

/// Authorizes calls and repeats them.
pub(super) struct Line {
    credentials: Credentials,
    random: Arc<dyn Random>,
    clock: Arc<dyn Clock>,
    calls: Calls,
}

impl Line {
    pub(super) fn new(
        credentials: Credentials,
        random: Arc<dyn Random>,
        clock: Arc<dyn Clock>,
        calls: Calls,
    ) -> Self {
        Self {
            credentials,
            random,
            clock,
            calls,
        }
    }

    /// When the token ends, where that is known.
    pub(super) fn token_ends(&self) -> Option<Timestamp> {
        self.credentials.token_ends()
    }

    /// A cached token is not offered again.
    pub(super) async fn forget_token(&self) {
        self.credentials.forget().await;
    }

    /// Calls until there is an answer, an error that another call would not change, or no time.
    ///
    /// # Errors
    /// The last call's.
    pub(super) async fn call<T, F>(
        &self,
        what: (Method, Way),
        time_left: Duration,
        question: impl Fn(HeaderMap) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, RemoteError>>,
    {
        let mut last = None;
        let calls = async {
            for made in 1.. {
                let error = match self.call_once(what, CALL_TIMEOUT, &question).await {
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

    /// Calls once, its token included in the time.
    ///
    /// # Errors
    /// [`CallError`].
    pub(super) async fn call_once<T, F>(
        &self,
        (method, way): (Method, Way),
        time_left: Duration,
        question: impl Fn(HeaderMap) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, RemoteError>>,
    {
        let counted = self.calls.begin(method, way, Arc::clone(&self.clock));
        let call = async {
            let authorization = self.credentials.headers().await.map_err(CallError::Token)?;
            question(authorization).await.map_err(CallError::Remote)
        };
        let ended = tokio::time::timeout(time_left, call)
            .await
            .unwrap_or_else(|_| Err(CallError::Remote(out_of_time())));
        counted.ended(ended.as_ref().map_or_else(CallError::result, |_| "OK"));
        ended
    }
}
