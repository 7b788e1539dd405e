//! Time is an argument (`docs/architecture.md`, "Time and randomness").
//!
//! Wall time is what is recorded, written into certificates, and agreed on between processes (a
//! challenge's minute, who owns an attempt); rates and waits inside one process use monotonic time,
//! which no one can set back.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Whole seconds since the Unix epoch, UTC: the unit of every recorded time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This time `seconds` later.
    #[must_use]
    pub fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// This time `seconds` earlier.
    #[must_use]
    pub fn minus(self, seconds: i64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }

    /// Seconds from `earlier` to this time; negative where `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The minute since the epoch, counted up to `wrap` and then from 0 again.
    pub(crate) fn minute(self, wrap: u64) -> u64 {
        self.0.div_euclid(60).cast_unsigned() % wrap
    }

    /// RFC 3339, UTC, whole seconds: `2026-11-22T10:00:00Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        jiff::Timestamp::from_second(self.0)
            .map_or_else(|_| self.0.to_string(), |time| time.to_string())
    }

    /// Duration since the Unix epoch, as the X.509 encoders want it; times before it are the epoch.
    #[must_use]
    pub fn since_epoch(self) -> Duration {
        Duration::from_secs(u64::try_from(self.0).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.rfc3339())
    }
}

/// Where the service learns the time.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Milliseconds since the Unix epoch, UTC.
    fn now_millis(&self) -> i64;

    /// Time since an arbitrary start, never set back: for deadlines and rates.
    fn monotonic(&self) -> Duration;

    /// Wall time in the unit that is recorded.
    fn now(&self) -> Timestamp {
        Timestamp(self.now_millis().div_euclid(1000))
    }
}

/// The machine's own clock.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// The clock of production.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    fn now_millis(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(elapsed) => i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
        }
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// A clock that stands still until a test moves it. Clones share the time.
#[derive(Clone, Debug)]
pub struct TestClock {
    wall_millis: Arc<AtomicI64>,
    monotonic_millis: Arc<AtomicI64>,
}

impl TestClock {
    /// Starts at `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self {
            wall_millis: Arc::new(AtomicI64::new(now.0.saturating_mul(1000))),
            monotonic_millis: Arc::new(AtomicI64::new(0)),
        }
    }

    /// Lets `seconds` pass on both clocks.
    pub fn advance(&self, seconds: i64) {
        let millis = seconds.saturating_mul(1000);
        self.wall_millis.fetch_add(millis, Ordering::SeqCst);
        self.monotonic_millis.fetch_add(millis, Ordering::SeqCst);
    }

    /// Sets the wall clock wrong (or right) by `seconds`; no time passes.
    pub fn jump(&self, seconds: i64) {
        self.wall_millis
            .fetch_add(seconds.saturating_mul(1000), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now_millis(&self) -> i64 {
        self.wall_millis.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> Duration {
        let millis = self.monotonic_millis.load(Ordering::SeqCst);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}
