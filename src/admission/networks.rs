//! Failures count against the network that they come from, never against the name that they
//! claim: a stranger must not be able to lock Alice out by failing in her name.
//!
//! A school shares one address, so a network that fails too often is not locked out either: it gets
//! challenges at a slower rate ([`super::gate`]), and whoever got one is served like anybody.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::admission::gate::Monotonic;
use crate::clock::Clock;

/// Failures per second that a network may cause.
const RATE: NonZeroU32 = NonZeroU32::new(5).unwrap();
/// Failures that a network may cause at once.
const BURST: NonZeroU32 = NonZeroU32::new(300).unwrap();
/// How long a network counts as failing after its last failure beyond these.
const FAILING: Duration = Duration::from_secs(10);
/// Networks that are told apart; with more, all further ones count as one.
const REMEMBERED: usize = 100_000;
/// The name under which they do.
const ALL_OTHERS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

type Failures = RateLimiter<IpAddr, HashMapStateStore<IpAddr>, Monotonic, NoOpMiddleware<Duration>>;

#[derive(Debug)]
pub(super) struct Networks {
    failures: Failures,
    failing_until: Mutex<HashMap<IpAddr, Duration>>,
    clock: Arc<dyn Clock>,
}

impl Networks {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let quota = Quota::per_second(RATE).allow_burst(BURST);
        Self {
            failures: RateLimiter::hashmap_with_clock(quota, Monotonic(Arc::clone(&clock))),
            failing_until: Mutex::default(),
            clock,
        }
    }

    /// Whether this network has failed too often of late.
    pub(super) fn is_failing(&self, peer: IpAddr) -> bool {
        let now = self.clock.monotonic();
        let failing = self.failing_until.lock();
        let failing = failing.unwrap_or_else(PoisonError::into_inner);
        failing
            .get(&network(peer))
            .is_some_and(|until| *until > now)
    }

    /// Counts a failure.
    pub(super) fn failed(&self, peer: IpAddr) {
        let network = self.bucket(network(peer));
        if self.failures.check_key(&network).is_ok() {
            return;
        }
        let now = self.clock.monotonic();
        let failing = self.failing_until.lock();
        let mut failing = failing.unwrap_or_else(PoisonError::into_inner);
        if failing
            .insert(network, now.saturating_add(FAILING))
            .is_none()
        {
            tracing::warn!(%network, "too many failures from one network: it gets challenges slowly");
        }
    }

    /// Forgets networks whose failures have leaked away; called about once a second.
    pub(super) fn prune(&self) {
        let now = self.clock.monotonic();
        self.failures.retain_recent();
        let failing = self.failing_until.lock();
        let mut failing = failing.unwrap_or_else(PoisonError::into_inner);
        failing.retain(|_, until| *until > now);
    }

    fn bucket(&self, network: IpAddr) -> IpAddr {
        if self.failures.len() < REMEMBERED {
            network
        } else {
            ALL_OTHERS
        }
    }
}

/// An IPv4 address, or the /64 of an IPv6 one: what one customer of a provider holds.
pub(super) fn network(peer: IpAddr) -> IpAddr {
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
    fn one_network_fails_and_no_other() {
        let clock = TestClock::at(Timestamp(1_800_000_000));
        let networks = Networks::new(Arc::new(clock.clone()));
        let noisy: IpAddr = "2001:db8::1".parse().unwrap();
        let neighbour: IpAddr = "2001:db8::2".parse().unwrap();
        let other: IpAddr = "2001:db8:0:1::1".parse().unwrap();
        for _ in 0..BURST.get() {
            networks.failed(noisy);
        }
        assert!(!networks.is_failing(noisy));
        networks.failed(noisy);
        assert!(networks.is_failing(neighbour));
        assert!(!networks.is_failing(other));
        clock.advance(10);
        assert!(!networks.is_failing(noisy));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_forgotten() {
        let clock = TestClock::at(Timestamp(1_800_000_000));
        let networks = Networks::new(Arc::new(clock.clone()));
        for number in 0..u32::try_from(REMEMBERED + 1000).unwrap() {
            networks.failed(IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + number)));
        }
        assert!(networks.failures.len() <= REMEMBERED + 1);
        clock.advance(3600);
        networks.prune();
        assert_eq!(networks.failures.len(), 0);
    }
}
