//! `[[event_sink]]` in the configuration.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::enrichment::webhook::is_address;
use crate::model::delivery::DeliveryKind;
use crate::model::profile::is_configured_name;
use crate::model::span;

/// Longest time that a service may be given, in seconds: a node delivers under a lease.
const TIMEOUT_MAX: i64 = 10;

/// `[[event_sink]]` as it is written in the configuration. See `docs/events.md`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventSinkSettings {
    /// What the queue and the metrics call it.
    pub name: String,
    /// Where it is told: `https://`, or `http://` with a loopback address.
    pub url: String,
    /// A file with 64 hexadecimal digits that both sides know.
    pub secret_file: PathBuf,
    /// What it wants to be told.
    #[serde(default = "DeliveryKind::all")]
    pub kinds: Vec<DeliveryKind>,
    /// PEM of the root under which it speaks TLS; without it, the bundled public ones.
    pub root_certificate_file: Option<PathBuf>,
    /// How long an answer is waited for.
    #[serde(default = "default_timeout")]
    pub timeout: String,
}

fn default_timeout() -> String {
    "5s".to_owned()
}

/// Why a sink does not load; each message says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEventSink {
    /// Not usable in a record.
    #[error("name is 1 to 64 of a-z, 0-9 and -")]
    Name,
    /// Elsewhere and in the clear, or with more than an address.
    #[error("url is https://, or http:// with a loopback address; without user and fragment")]
    Url,
    /// Nothing would ever be told.
    #[error("kinds names at least one; leave it out for all")]
    Kinds,
    /// Too long for who delivers.
    #[error("timeout is 1s to {TIMEOUT_MAX}s")]
    Timeout,
}

impl EventSinkSettings {
    /// Whether they fit, as far as one can tell without the files.
    ///
    /// # Errors
    /// [`InvalidEventSink`].
    pub fn check(&self) -> Result<(), InvalidEventSink> {
        if !is_configured_name(&self.name) {
            return Err(InvalidEventSink::Name);
        }
        self.timeout()?;
        if self.kinds.is_empty() {
            return Err(InvalidEventSink::Kinds);
        }
        is_address(&self.url)
            .then_some(())
            .ok_or(InvalidEventSink::Url)
    }

    pub(super) fn timeout(&self) -> Result<Duration, InvalidEventSink> {
        let seconds = span::seconds(&self.timeout).map_err(|_| InvalidEventSink::Timeout)?;
        if !(1..=TIMEOUT_MAX).contains(&seconds) {
            return Err(InvalidEventSink::Timeout);
        }
        Ok(Duration::from_secs(seconds.unsigned_abs()))
    }
}
