//! How many challenges may be fetched and be out at once. A challenge lives one minute, so
//! admission belongs here, at the rate at which Google lets us verify: whoever gets a challenge can
//! expect to be served.
//!
//! A network whose requests fail too often, unanswered challenges included, shares a quarter of the
//! rate and half of the places with others of its kind: it can neither starve the rest nor be shut
//! out by one of its own.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use serde::Deserialize;

use crate::admission::networks::Networks;
use crate::clock::Clock;
use crate::model::challenge::{CHALLENGE_LIFETIME, ChallengeDigest};
use crate::model::problem_code::ProblemCode;
use crate::model::refusal::Refusal;

/// How often expired challenges are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

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

type Rate = RateLimiter<NotKeyed, InMemoryState, Monotonic, NoOpMiddleware<Duration>>;

fn two_seconds_worth(rate: NonZeroU32, clock: &Arc<dyn Clock>) -> Rate {
    let two = NonZeroU32::MIN.saturating_add(1);
    let quota = Quota::per_second(rate).allow_burst(rate.saturating_mul(two));
    RateLimiter::direct_with_clock(quota, Monotonic(Arc::clone(clock)))
}

/// The token buckets and the bound.
#[derive(Debug)]
pub(super) struct Gate {
    rate: Rate,
    rate_of_failing: Rate,
    networks: Networks,
    clock: Arc<dyn Clock>,
    bound: usize,
    out: Mutex<Out>,
}

/// Places that are taken: by requests on their way to Google, and by challenges that are out.
#[derive(Debug, Default)]
struct Out {
    fetching: usize,
    challenges: HashMap<ChallengeDigest, OutstandingChallenge>,
    swept_at: Duration,
}

#[derive(Debug)]
struct OutstandingChallenge {
    until: Duration,
    peer: IpAddr,
}

/// A place for one challenge, given back when it is dropped without a challenge.
#[derive(Debug)]
pub(super) struct Place<'a> {
    gate: &'a Gate,
    peer: IpAddr,
}

impl Gate {
    pub(super) fn new(settings: &GateSettings, clock: Arc<dyn Clock>) -> Self {
        let rate = settings.challenges_per_second;
        let quarter = NonZeroU32::new(rate.get() / 4).unwrap_or(NonZeroU32::MIN);
        Self {
            rate: two_seconds_worth(rate, &clock),
            rate_of_failing: two_seconds_worth(quarter, &clock),
            networks: Networks::new(Arc::clone(&clock)),
            clock,
            bound: usize::try_from(settings.outstanding_challenges).unwrap_or(usize::MAX),
            out: Mutex::default(),
        }
    }

    /// Takes a place, before Google is asked.
    pub(super) fn enter(&self, peer: IpAddr) -> Result<Place<'_>, Refusal> {
        self.sweep();
        let failing = self.networks.is_failing(peer);
        let (bound, full) = if failing {
            (self.bound.div_ceil(2), ProblemCode::TooManyFailures)
        } else {
            (self.bound, ProblemCode::Busy)
        };
        {
            let mut out = self.out();
            if out.fetching + out.challenges.len() >= bound {
                return Err(full.into());
            }
            out.fetching += 1;
        }
        let place = Place { gate: self, peer };
        if failing {
            self.rate_of_failing.check().map_err(|_| full)?;
        }
        self.rate.check().map_err(|_| ProblemCode::Busy)?;
        Ok(place)
    }

    /// Whether this node handed the challenge out and has seen no answer to it yet.
    pub(super) fn is_outstanding(&self, challenge: &ChallengeDigest) -> bool {
        self.out().challenges.contains_key(challenge)
    }

    /// How many challenges are out.
    pub(super) fn outstanding(&self) -> usize {
        self.sweep();
        self.out().challenges.len()
    }

    /// A challenge was answered: its place is free.
    pub(super) fn answered(&self, challenge: &ChallengeDigest) {
        self.out().challenges.remove(challenge);
    }

    /// A request failed before Verified Access had said "genuine".
    pub(super) fn failed(&self, peer: IpAddr) {
        self.networks.failed(peer);
    }

    /// Frees the places of challenges that nobody answered; each counts as a failure of the network
    /// that asked for it.
    fn sweep(&self) {
        let now = self.clock.monotonic();
        let expired: Vec<IpAddr> = {
            let mut out = self.out();
            if now.saturating_sub(out.swept_at) < SWEEP_EVERY {
                return;
            }
            out.swept_at = now;
            out.challenges
                .extract_if(|_, challenge| challenge.until <= now)
                .map(|(_, challenge)| challenge.peer)
                .collect()
        };
        self.networks.prune();
        expired
            .into_iter()
            .for_each(|peer| self.networks.failed(peer));
    }

    fn out(&self) -> MutexGuard<'_, Out> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// The challenge was fetched: it keeps the place until it is answered or expires.
    pub(super) fn occupy(self, challenge: ChallengeDigest) {
        let lifetime = Duration::from_secs(u64::try_from(CHALLENGE_LIFETIME).unwrap_or(0));
        let outstanding = OutstandingChallenge {
            until: self.gate.clock.monotonic().saturating_add(lifetime),
            peer: self.peer,
        };
        self.gate.out().challenges.insert(challenge, outstanding);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut out = self.gate.out();
        out.fetching = out.fetching.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use std::net::Ipv4Addr;

    use super::*;
    use crate::clock::{TestClock, Timestamp};

    const SCHOOL: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));

    fn gate(per_second: u32, outstanding: u32) -> (Gate, TestClock) {
        let clock = TestClock::at(Timestamp(1_800_000_000));
        let settings = GateSettings {
            challenges_per_second: NonZeroU32::new(per_second).unwrap(),
            outstanding_challenges: outstanding,
        };
        (Gate::new(&settings, Arc::new(clock.clone())), clock)
    }

    fn digest(number: u32) -> ChallengeDigest {
        let mut octets = [0; 32];
        octets[..4].copy_from_slice(&number.to_be_bytes());
        ChallengeDigest(octets)
    }

    #[test]
    fn the_bucket_holds_two_seconds_and_refills() {
        let (gate, clock) = gate(2, 100);
        let admitted = (0..10).filter(|_| gate.enter(SCHOOL).is_ok()).count();
        assert_eq!(admitted, 4);
        clock.advance(1);
        let admitted = (0..10).filter(|_| gate.enter(SCHOOL).is_ok()).count();
        assert_eq!(admitted, 2);
    }

    #[test]
    fn a_place_is_free_again_when_its_challenge_is_answered_or_expires() {
        let (gate, clock) = gate(100, 2);
        gate.enter(SCHOOL).unwrap().occupy(digest(1));
        gate.enter(SCHOOL).unwrap().occupy(digest(2));
        assert_eq!(gate.enter(SCHOOL).unwrap_err().code, ProblemCode::Busy);
        assert!(gate.is_outstanding(&digest(1)));
        gate.answered(&digest(1));
        assert!(!gate.is_outstanding(&digest(1)));
        gate.enter(SCHOOL).unwrap().occupy(digest(3));
        assert!(gate.enter(SCHOOL).is_err());
        clock.advance(CHALLENGE_LIFETIME);
        assert!(gate.enter(SCHOOL).is_ok());
    }

    #[test]
    fn a_request_that_fails_gives_its_place_back() {
        let (gate, _clock) = gate(100, 1);
        drop(gate.enter(SCHOOL).unwrap());
        assert!(gate.enter(SCHOOL).is_ok());
    }

    #[test]
    fn a_network_that_hoards_challenges_starves_nobody_and_is_not_shut_out() {
        let (gate, clock) = gate(1000, 2000);
        for number in 0..400 {
            gate.enter(HOME).unwrap().occupy(digest(number));
        }
        clock.advance(CHALLENGE_LIFETIME);
        let mut of_home = 0;
        for number in 1000..4000 {
            match gate.enter(HOME) {
                Ok(place) => {
                    place.occupy(digest(number));
                    of_home += 1;
                }
                Err(refusal) => assert_eq!(refusal.code, ProblemCode::TooManyFailures),
            }
        }
        assert_eq!(of_home, 500, "two seconds' worth of a quarter");
        assert!(gate.enter(SCHOOL).is_ok());
    }
}
