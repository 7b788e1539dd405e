//! How many challenges may be fetched and be out at once. A challenge lives one minute, so
//! admission belongs here, at the rate at which Google lets us verify: whoever gets a challenge can
//! expect to be served.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use serde::Deserialize;

use crate::clock::Clock;
use crate::model::challenge::{CHALLENGE_LIFETIME, ChallengeDigest};
use crate::model::problem_code::ProblemCode;
use crate::model::refusal::Refusal;

/// `[admission]` in the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GateSettings {
    /// Challenges that are fetched per second, with a burst of two seconds' worth. The operator
    /// raises it with the project's Verified Access quota.
    pub challenges_per_second: NonZeroU32,
    /// Challenges that may be out unanswered at once. The operator raises it with the fleet.
    pub outstanding_challenges: u32,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self {
            challenges_per_second: NonZeroU32::new(100).unwrap_or(NonZeroU32::MIN),
            outstanding_challenges: 10_000,
        }
    }
}

/// Our clock, as the rate limiter wants it.
#[derive(Clone, Debug)]
pub(super) struct Monotonic(pub(super) Arc<dyn Clock>);

impl GovernorClock for Monotonic {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

/// The token bucket and the bound.
#[derive(Debug)]
pub(super) struct Gate {
    rate: RateLimiter<NotKeyed, InMemoryState, Monotonic, NoOpMiddleware<Duration>>,
    clock: Arc<dyn Clock>,
    bound: usize,
    out: Mutex<Out>,
}

/// Places that are taken: by requests on their way to Google, and by challenges that are out.
#[derive(Debug, Default)]
struct Out {
    fetching: usize,
    until: HashMap<ChallengeDigest, Duration>,
}

/// A place for one challenge, given back when it is dropped without a challenge.
#[derive(Debug)]
pub(super) struct Place<'a> {
    gate: &'a Gate,
}

impl Gate {
    pub(super) fn new(settings: &GateSettings, clock: Arc<dyn Clock>) -> Self {
        let rate = settings.challenges_per_second;
        let quota = Quota::per_second(rate)
            .allow_burst(rate.saturating_mul(NonZeroU32::MIN.saturating_add(1)));
        Self {
            rate: RateLimiter::direct_with_clock(quota, Monotonic(Arc::clone(&clock))),
            clock,
            bound: usize::try_from(settings.outstanding_challenges).unwrap_or(usize::MAX),
            out: Mutex::default(),
        }
    }

    /// Takes a place, before Google is asked.
    pub(super) fn enter(&self) -> Result<Place<'_>, Refusal> {
        let now = self.clock.monotonic();
        {
            let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            if out.fetching + out.until.len() >= self.bound {
                out.until.retain(|_, until| *until > now);
            }
            if out.fetching + out.until.len() >= self.bound {
                return Err(ProblemCode::Busy.into());
            }
            out.fetching += 1;
        }
        let place = Place { gate: self };
        self.rate.check().map_err(|_| ProblemCode::Busy)?;
        Ok(place)
    }

    /// A challenge was answered: its place is free.
    pub(super) fn answered(&self, challenge: &ChallengeDigest) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.until.remove(challenge);
    }
}

impl Place<'_> {
    /// The challenge was fetched: it keeps the place until it is answered or expires.
    pub(super) fn occupy(self, challenge: ChallengeDigest) {
        let lifetime = Duration::from_secs(u64::try_from(CHALLENGE_LIFETIME).unwrap_or(0));
        let until = self.gate.clock.monotonic().saturating_add(lifetime);
        let mut out = self.gate.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.until.insert(challenge, until);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut out = self.gate.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.fetching = out.fetching.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;
    use crate::clock::{TestClock, Timestamp};

    fn gate(per_second: u32, outstanding: u32) -> (Gate, TestClock) {
        let clock = TestClock::at(Timestamp(1_800_000_000));
        let settings = GateSettings {
            challenges_per_second: NonZeroU32::new(per_second).unwrap(),
            outstanding_challenges: outstanding,
        };
        (Gate::new(&settings, Arc::new(clock.clone())), clock)
    }

    #[test]
    fn the_bucket_holds_two_seconds_and_refills() {
        let (gate, clock) = gate(2, 100);
        let admitted = (0..10).filter(|_| gate.enter().is_ok()).count();
        assert_eq!(admitted, 4);
        clock.advance(1);
        let admitted = (0..10).filter(|_| gate.enter().is_ok()).count();
        assert_eq!(admitted, 2);
    }

    #[test]
    fn a_place_is_free_again_when_its_challenge_is_answered_or_expires() {
        let (gate, clock) = gate(100, 2);
        let digest = |octet| ChallengeDigest([octet; 32]);
        gate.enter().unwrap().occupy(digest(1));
        gate.enter().unwrap().occupy(digest(2));
        assert_eq!(gate.enter().unwrap_err().code, ProblemCode::Busy);
        gate.answered(&digest(1));
        gate.enter().unwrap().occupy(digest(3));
        assert!(gate.enter().is_err());
        clock.advance(CHALLENGE_LIFETIME);
        assert!(gate.enter().is_ok());
    }

    #[test]
    fn a_request_that_fails_gives_its_place_back() {
        let (gate, _clock) = gate(100, 1);
        drop(gate.enter().unwrap());
        assert!(gate.enter().is_ok());
    }
}
