//! A service of the organisation's own that is asked about each attempt, after Verified Access
//! vouched: whether this holder may have a certificate, and what else is known of it.
//!
//! It can take away and add facts, and nothing else; where it does not answer, nobody gets a
//! certificate.

use std::path::PathBuf;
use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;

use crate::attestation::https;
use crate::clock::Clock;
use crate::model::profile::is_configured_name;
use crate::model::span;
use crate::random::{Random, RandomUnavailable};

mod breaker;
mod line;
mod message;

use breaker::Breaker;
pub use line::{Line, SIGNATURE, is_address};
pub use message::{Answer, BadAnswer, Question, Subject, sign_answer};

/// Longest answer that is read, in octets.
const ANSWER_MAX: usize = 64 * 1024;
/// Longest time that a webhook may be given, in seconds: an enrolment answers within 20.
const TIMEOUT_MAX: i64 = 5;

/// `[[webhook]]` as it is written in the configuration. See `docs/enrichment.md`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// What profiles call it.
    pub name: String,
    /// Where it is asked: `https://`, or `http://` with a loopback address.
    pub url: String,
    /// A file with 64 hexadecimal digits that both sides know.
    pub secret_file: PathBuf,
    /// PEM of the root under which it speaks TLS; without it, the bundled public ones.
    pub root_certificate_file: Option<PathBuf>,
    /// How long it is waited for.
    #[serde(default = "default_timeout")]
    pub timeout: String,
}

fn default_timeout() -> String {
    "2s".to_owned()
}

/// Why a webhook does not load; each message says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWebhook {
    /// Not usable in a record.
    #[error("name is 1 to 64 of a-z, 0-9 and -")]
    Name,
    /// Elsewhere and in the clear, or with more than an address.
    #[error("url is https://, or http:// with a loopback address; without user and fragment")]
    Url,
    /// Too long for an enrolment.
    #[error("timeout is 1s to {TIMEOUT_MAX}s")]
    Timeout,
}

impl WebhookSettings {
    /// Whether they fit, as far as one can tell without the files.
    ///
    /// # Errors
    /// [`InvalidWebhook`].
    pub fn check(&self) -> Result<(), InvalidWebhook> {
        if !is_configured_name(&self.name) {
            return Err(InvalidWebhook::Name);
        }
        self.timeout()?;
        is_address(&self.url)
            .then_some(())
            .ok_or(InvalidWebhook::Url)
    }

    fn timeout(&self) -> Result<Duration, InvalidWebhook> {
        let seconds = span::seconds(&self.timeout).map_err(|_| InvalidWebhook::Timeout)?;
        if !(1..=TIMEOUT_MAX).contains(&seconds) {
            return Err(InvalidWebhook::Timeout);
        }
        Ok(Duration::from_secs(seconds.unsigned_abs()))
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// It failed too often of late; nobody asks for some seconds.
    #[error("it failed too often of late, and rests")]
    Resting,
    /// No connection, no TLS, no answer in time.
    #[error("{0}")]
    Unreachable(String),
    /// A redirect, a refusal, a failure.
    #[error("it answered {0}")]
    Status(StatusCode),
    /// Longer than it may be, or cut.
    #[error("{0}")]
    Body(String),
    /// An answer that counts for nothing.
    #[error("its answer counts for nothing: {0}")]
    Bad(#[from] BadAnswer),
    /// No request id could be drawn.
    #[error(transparent)]
    Random(#[from] RandomUnavailable),
}

/// One service, ready to be asked.
#[derive(Debug)]
pub struct Webhook {
    name: String,
    line: Line,
    breaker: Breaker,
}

impl Webhook {
    /// With the secret that its file held; reads the root's file where there is one.
    ///
    /// # Errors
    /// What does not fit, for the operator.
    pub fn load(settings: &WebhookSettings, secret: &[u8; 32]) -> Result<Self, String> {
        let timeout = settings.timeout().map_err(|error| error.to_string())?;
        let root = settings.root_certificate_file.as_deref();
        Ok(Self {
            name: settings.name.clone(),
            line: Line::open(&settings.url, secret, root, timeout)?,
            breaker: Breaker::default(),
        })
    }

    /// What profiles call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Asks, once, unless it rests.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn ask(
        &self,
        subject: &Subject<'_>,
        clock: &dyn Clock,
        random: &dyn Random,
    ) -> Result<Answer, Unanswered> {
        if !self.breaker.admits(clock.monotonic()) {
            return Err(Unanswered::Resting);
        }
        let question = Question::about(subject, clock.now(), random)?;
        let outcome = self.put(&question).await;
        self.breaker.tell(outcome.is_ok(), clock.monotonic());
        outcome
    }

    /// Puts one question to it, whether it rests or not.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn put(&self, question: &Question<'_>) -> Result<Answer, Unanswered> {
        let body = serde_json::to_vec(question)
            .map_err(|error| Unanswered::Unreachable(error.to_string()))?;
        let asked = self.line.post(message::QUESTION, body).await;
        let response = asked.map_err(Unanswered::Unreachable)?;
        if response.status() != StatusCode::OK {
            return Err(Unanswered::Status(response.status()));
        }
        let signature = response.headers().get(SIGNATURE).cloned();
        let signature = signature.as_ref().and_then(|value| value.to_str().ok());
        let body = https::read(response, ANSWER_MAX)
            .await
            .map_err(Unanswered::Body)?;
        Ok(message::read_answer(
            self.line.key(),
            &question.request_id,
            signature,
            &body,
        )?)
    }
}
