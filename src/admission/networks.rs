//! Failures count against the network that they come from, never against the name that they
//! claim: a stranger must not be able to lock Alice out by failing in her name.
//!
//! A school shares one address, so the bound is a slow leak rather than a lock-out, and it stands
//! only before a first binding: what is bound already is answered.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::admission::gate::Monotonic;
use crate::clock::Clock;
use crate::model::problem_code::ProblemCode;
use crate::model::refusal::Refusal;

/// Failures per second that a network may cause without being paused.
const RATE: NonZeroU32 = NonZeroU32::new(5).unwrap();
/// Failures that a network may cause at once.
const BURST: NonZeroU32 = NonZeroU32::new(300).unwrap();
/// How long a network is paused, beyond its failures leaking away.
const PAUSE: Duration = Duration::from_secs(10);
/// Networks that are remembered before old ones are forgotten.
const REMEMBERED: usize = 100_000;

#[derive(Debug)]
pub(super) struct Networks {
    failures: RateLimiter<IpAddr, HashMapStateStore<IpAddr>, Monotonic, NoOpMiddleware<Duration>>,
    paused_until: Mutex<HashMap<IpAddr, Duration>>,
    clock: Arc<dyn Clock>,
}

impl Networks {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let quota = Quota::per_second(RATE).allow_burst(BURST);
        Self {
            failures: RateLimiter::hashmap_with_clock(quota, Monotonic(Arc::clone(&clock))),
            paused_until: Mutex::default(),
            clock,
        }
    }

    /// Refuses a first binding from a network that fails too often.
    pub(super) fn admit(&self, peer: IpAddr) -> Result<(), Refusal> {
        let now = self.clock.monotonic();
        let network = network(peer);
        let mut paused = self
            .paused_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match paused.get(&network) {
            Some(until) if *until > now => {
                let left = until.saturating_sub(now).as_secs().saturating_add(1);
                Err(Refusal::new(ProblemCode::TooManyFailures).after(left))
            }
            Some(_) => {
                paused.remove(&network);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Counts a failure.
    pub(super) fn failed(&self, peer: IpAddr) {
        let network = network(peer);
        if self.failures.check_key(&network).is_ok() {
            return;
        }
        let now = self.clock.monotonic();
        let mut paused = self
            .paused_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if paused.len() >= REMEMBERED {
            paused.retain(|_, until| *until > now);
        }
        paused.insert(network, now.saturating_add(PAUSE));
        drop(paused);
        if self.failures.len() >= REMEMBERED {
            self.failures.retain_recent();
        }
        tracing::warn!(%network, "too many failures from one network");
    }
}

/// An IPv4 address, or the /64 of an IPv6 one: what one customer of a provider holds.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let prefix = u128::from(address) & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from(prefix))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;
    use crate::clock::{TestClock, Timestamp};

    #[test]
    fn one_network_is_paused_and_no_other() {
        let clock = TestClock::at(Timestamp(1_800_000_000));
        let networks = Networks::new(Arc::new(clock.clone()));
        let noisy: IpAddr = "2001:db8::1".parse().unwrap();
        let neighbour: IpAddr = "2001:db8::2".parse().unwrap();
        let other: IpAddr = "2001:db8:0:1::1".parse().unwrap();
        for _ in 0..=BURST.get() {
            networks.failed(noisy);
        }
        let refusal = networks.admit(neighbour).unwrap_err();
        assert_eq!(refusal.code, ProblemCode::TooManyFailures);
        assert!(networks.admit(other).is_ok());
        clock.advance(i64::try_from(refusal.retry_after.unwrap()).unwrap());
        assert!(networks.admit(noisy).is_ok());
    }
}
