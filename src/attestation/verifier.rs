//! Asking Verified Access, and what its answers mean.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;

use crate::attestation::agreement::Belief;
use crate::attestation::challenge::challenge_digest;
use crate::attestation::clock_guard::{ClockGuard, Comparison};
use crate::attestation::credentials::{Credentials, CredentialsError, TokenFailure};
use crate::attestation::failure::{Failure, Meaning, code_name, meaning};
use crate::attestation::response::UnverifiedResponse;
use crate::attestation::settings::{SettingsError, Transport, VerifiedAccessSettings};
use crate::attestation::standing::{Alarm, Standing};
use crate::attestation::transport::{CallError, Peer, Transports};
use crate::attestation::trust::{Roots, TrustError};
use crate::attestation::verdict::UnverifiedAnswer;
use crate::clock::{Clock, Timestamp};
use crate::model::challenge::{Challenge, ChallengeDigest};
use crate::model::endpoint::Endpoint;
use crate::model::identity::ExpectedIdentity;
use crate::random::Random;
use crate::telemetry::Calls;

/// How long making a challenge may take, every further try included.
const GENERATE_DEADLINE: Duration = Duration::from_secs(10);

/// Why the service cannot start asking; each message says what to change.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The settings do not fit together.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Nobody is trusted to speak for the endpoint.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// There is no credential that works.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The address or TLS cannot be set up.
    #[error("the connection to Verified Access cannot be set up: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// The HTTP client for the REST twin does not start.
    #[error("requests to Verified Access cannot be set up: {cause}")]
    Client {
        /// What the library said.
        cause: String,
    },
}

/// What readiness and `vaca doctor` show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierStatus {
    /// Whose word is taken.
    pub endpoint: Endpoint,
    /// The setting's word: `auto`, `grpc` or `rest`.
    pub transport: &'static str,
    /// Which transport is believed of what, and why; empty with `rest`.
    pub beliefs: Vec<Belief>,
    /// Which roots are trusted: a setting's word, `replaced` for a test endpoint with a root of its
    /// own, `cleartext` for one on this machine without TLS.
    pub trust: &'static str,
    /// Time since Verified Access last accepted a response; `None` where it has not yet.
    pub last_success: Option<Duration>,
    /// Permission denials since then.
    pub permission_denials: u32,
    /// Why nobody can enrol, while that lasts.
    pub misconfigured: Option<String>,
    /// Our clock less Google's at the last challenge, in seconds.
    pub clock_skew_seconds: Option<i64>,
    /// Whether our clock has been near enough to Google's ever since the start.
    pub clock_trusted: bool,
}

impl VerifierStatus {
    /// The transports in one line, such as `auto: user over grpc; machine over rest (...)`. Fit for
    /// strangers: it holds names of fields and codes, no value.
    #[must_use]
    pub fn transports(&self) -> String {
        let beliefs: Vec<_> = self.beliefs.iter().map(ToString::to_string).collect();
        if beliefs.is_empty() {
            self.transport.to_owned()
        } else {
            format!("{}: {}", self.transport, beliefs.join("; "))
        }
    }
}

/// The one who asks Verified Access. Lives in the runtime that it was connected in: the token's
/// cache renews itself there.
pub struct Verifier {
    transports: Arc<Transports>,
    standing: Standing,
    clock_guard: ClockGuard,
    clock: Arc<dyn Clock>,
    endpoint: Endpoint,
    trust: &'static str,
}

impl Verifier {
    /// Reads credentials and roots and makes a first token; `calls` counts what follows. The
    /// connection itself is made when it is needed: the service starts, and answers what it can,
    /// while Google is away.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect(
        settings: &VerifiedAccessSettings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        calls: Calls,
    ) -> Result<Self, ConnectError> {
        settings.check()?;
        let roots = Roots::load(settings)?;
        let credentials = Credentials::load(settings, &roots, Arc::clone(&clock))?;
        credentials.prove().await?;
        let origin = settings.origin()?;
        let peer = Peer {
            endpoint: settings.endpoint,
            origin: &origin,
            roots: &roots,
        };
        let transports = Transports::new(
            settings.transport,
            &peer,
            credentials,
            Arc::clone(&clock),
            random,
            calls,
        )?;
        Ok(Self {
            transports: Arc::new(transports),
            standing: Standing::default(),
            clock_guard: ClockGuard::default(),
            clock,
            endpoint: settings.endpoint,
            trust: trust_word(settings, &origin),
        })
    }

    /// A fresh challenge and the name by which its response will be known. Holds our clock against
    /// the time in the challenge.
    ///
    /// # Errors
    /// [`Failure`]; never a refusal, since nobody was judged.
    pub async fn generate(&self) -> Result<(Challenge, ChallengeDigest), Failure> {
        self.believe_clock()?;
        let called = self.transports.generate(GENERATE_DEADLINE).await;
        let challenge = match called {
            Ok(challenge) => challenge,
            // There is no device here whose policy could be the reason.
            Err(CallError::Remote(error)) if meaning(error.code) != Meaning::Unavailable => {
                return Err(self.ours(error.to_string()).await);
            }
            Err(error) => {
                tracing::warn!(%error, "no challenge");
                return Err(self.failure(error).await);
            }
        };
        match challenge_digest(&challenge) {
            Ok((digest, googles_millis)) => {
                self.standing.generated();
                self.compare_clock(googles_millis)?;
                Ok((challenge, digest))
            }
            Err(error) => Err(self.ours(format!("the endpoint's answer is {error}")).await),
        }
    }

    /// Asks whether `response` is genuine, fresh and about `expected`; takes `time_left` at most.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn verify(
        &self,
        response: &UnverifiedResponse,
        expected: &ExpectedIdentity,
        time_left: Duration,
    ) -> Result<UnverifiedAnswer, Failure> {
        self.believe_clock()?;
        self.believe_last_comparison()?;
        if expected.as_str().is_empty() {
            // Google would skip the check of who it is, and any managed device would pass.
            let cause = "an empty expected identity is never sent".to_owned();
            return Err(Failure::Misconfigured { cause });
        }
        let called = self.transports.verify(response, expected, time_left).await;
        match called {
            Ok(answer) => {
                self.standing.accepted(self.clock.monotonic());
                Ok(answer)
            }
            Err(error) => {
                tracing::info!(response = ?response.digest(), %error, "not verified");
                Err(self.failure(error).await)
            }
        }
    }

    /// How it stands; asks nobody.
    #[must_use]
    pub fn status(&self) -> VerifierStatus {
        let (last_success, permission_denials, misconfigured) = self.standing.report();
        let now = self.clock.monotonic();
        let transport = self.transports.word();
        let beliefs = self.transports.beliefs();
        // Where REST may not decide instead, a gRPC that lies answers nobody.
        let unanswered = beliefs
            .iter()
            .find(|belief| belief.disagreement && transport == Transport::Grpc.as_str());
        VerifierStatus {
            endpoint: self.endpoint,
            transport,
            misconfigured: misconfigured.or_else(|| unanswered.map(ToString::to_string)),
            beliefs,
            trust: self.trust,
            last_success: last_success.map(|at| now.saturating_sub(at)),
            permission_denials,
            clock_skew_seconds: self.clock_guard.last_skew(),
            clock_trusted: self.clock_trusted(),
        }
    }

    /// When the access token ends, where there is one and that is known.
    #[must_use]
    pub fn token_ends(&self) -> Option<Timestamp> {
        self.transports.token_ends()
    }

    /// Whether our clock has been near enough to Google's ever since the start; nothing is signed
    /// otherwise.
    #[must_use]
    pub fn clock_trusted(&self) -> bool {
        self.believe_clock().is_ok() && self.believe_last_comparison().is_ok()
    }

    /// Whether, besides, Google's time was seen since the start: for what cannot be undone.
    #[must_use]
    pub fn clock_confirmed(&self) -> bool {
        self.clock_guard.last_skew().is_some() && self.clock_trusted()
    }

    /// The clock was not set since Google's time was last seen; the next challenge tells anew.
    fn believe_last_comparison(&self) -> Result<(), Failure> {
        let (now, monotonic) = (self.clock.now_millis(), self.clock.monotonic());
        self.clock_guard
            .jump(now, monotonic)
            .map_or(Ok(()), |skew_seconds| {
                tracing::error!(skew_seconds, "the clock was set while the service ran");
                Err(Failure::ClockUntrusted { skew_seconds })
            })
    }

    fn believe_clock(&self) -> Result<(), Failure> {
        let distrusted = self.clock_guard.distrusted_skew();
        distrusted.map_or(Ok(()), |skew_seconds| {
            Err(Failure::ClockUntrusted { skew_seconds })
        })
    }

    fn compare_clock(&self, googles_millis: i64) -> Result<(), Failure> {
        let ours_millis = self.clock.now_millis();
        if self
            .clock_guard
            .compare(ours_millis, googles_millis, self.clock.monotonic())
            == Comparison::JustLost
        {
            tracing::error!(
                ours = %Timestamp(ours_millis.div_euclid(1000)),
                googles = %Timestamp(googles_millis.div_euclid(1000)),
                "our clock and Google's are more than two minutes apart: nothing is issued until \
                 the clock was looked at and the service restarted"
            );
        }
        self.believe_clock()
    }

    /// What an error means for the one who asked, and for us.
    async fn failure(&self, error: CallError) -> Failure {
        let error = match error {
            CallError::Token(TokenFailure {
                transient: true,
                cause,
            }) => {
                return Failure::Unavailable {
                    cause,
                    retry_after: None,
                };
            }
            CallError::Token(failure) => return self.ours(failure.cause).await,
            // Of one scope, and known already: no alarm of its own, and the token is good.
            CallError::Misconfigured(cause) => return Failure::Misconfigured { cause },
            CallError::Remote(error) => error,
        };
        match meaning(error.code) {
            Meaning::Refused => Failure::Refused {
                status: code_name(error.code).to_owned(),
            },
            Meaning::Ambiguous => match self.standing.denied() {
                None => Failure::NotPermitted,
                Some(alarm) => raise(alarm, &error.to_string()),
            },
            Meaning::Unauthenticated => self.ours(error.to_string()).await,
            Meaning::Unavailable => Failure::Unavailable {
                cause: error.to_string(),
                retry_after: error.retry_after,
            },
        }
    }

    /// Something is wrong whoever asks.
    async fn ours(&self, cause: String) -> Failure {
        self.transports.forget_token().await;
        raise(self.standing.misconfigured(&cause), &cause)
    }
}

fn trust_word(settings: &VerifiedAccessSettings, origin: &Uri) -> &'static str {
    if origin.scheme_str() != Some("https") {
        "cleartext"
    } else if settings.root_certificate_file.is_some() {
        "replaced"
    } else {
        settings.trust.as_str()
    }
}

/// Tells the operator once, when it begins; the requester each time.
fn raise(alarm: Alarm, said: &str) -> Failure {
    if alarm.begins {
        tracing::error!(cause = %alarm.cause, %said, "nobody can enrol: Verified Access is misconfigured");
    }
    Failure::Misconfigured { cause: alarm.cause }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Verifier")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
