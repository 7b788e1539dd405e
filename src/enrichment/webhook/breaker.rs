//! Lets a service that is down rest, and its callers fail at once.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Failures in a row after which nobody asks for a while.
const FAILURES: u32 = 5;
/// How long nobody asks; then one caller tries.
pub(super) const REST: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Before when nobody asks, in monotonic time.
    closed_until: Option<Duration>,
}

/// One for each service. No crate that is kept does it: it is a count and a time.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

impl Breaker {
    /// Whether to ask now. After a rest, the first caller tries and the others rest on.
    pub(super) fn admits(&self, now: Duration) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.closed_until {
            Some(until) if now < until => false,
            Some(_) => {
                state.closed_until = Some(now + REST);
                true
            }
            None => true,
        }
    }

    /// What came of asking.
    pub(super) fn tell(&self, answered: bool, now: Duration) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answered {
            *state = State::default();
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES {
            state.closed_until = Some(now + REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_is_down_rests_and_is_tried_by_one() {
        let breaker = Breaker::default();
        let at = Duration::from_secs;
        for _ in 0..FAILURES {
            assert!(breaker.admits(at(1)));
            breaker.tell(false, at(1));
        }
        assert!(!breaker.admits(at(2)));
        assert!(!breaker.admits(at(10)));
        assert!(breaker.admits(at(11)));
        assert!(!breaker.admits(at(11)), "one tries, the others rest on");
        breaker.tell(false, at(12));
        assert!(!breaker.admits(at(21)));
        assert!(breaker.admits(at(22)));
        breaker.tell(true, at(22));
        assert!(breaker.admits(at(22)) && breaker.admits(at(22)));
    }

    #[test]
    fn failures_that_are_not_in_a_row_do_not_count() {
        let breaker = Breaker::default();
        let now = Duration::ZERO;
        for _ in 0..3 {
            for _ in 1..FAILURES {
                breaker.tell(false, now);
            }
            breaker.tell(true, now);
        }
        assert!(breaker.admits(now));
    }
}
