//! The clock judges itself: a certificate's dates are only as good as this machine's clock.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How far our clock may be from Google's, in milliseconds.
const TOLERANCE: i64 = 120_000;

/// Compares our time with the time in each challenge. Once it has found them apart it stays so
/// until the service is restarted: the operator's confirmation that somebody has looked.
///
/// Between two challenges the wall clock is held against the monotonic one: a jump of either makes
/// the last comparison worth nothing, until the next challenge brings Google's time again.
#[derive(Debug, Default)]
pub(super) struct ClockGuard(Mutex<State>);

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// Ours less Google's at the last comparison, in milliseconds.
    last: Option<i64>,
    /// The first difference that was too large.
    distrusted: Option<i64>,
    /// Wall time less monotonic time at the last comparison, in milliseconds.
    offset: Option<i64>,
}

/// What one comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// Near enough, and it always was.
    Trusted,
    /// Too far apart, for the first time.
    JustLost,
    /// It was too far apart before.
    Lost,
}

impl ClockGuard {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Compares two readings of the same moment, in milliseconds since the Unix epoch; `monotonic` is
    /// a third, of the clock that cannot be set.
    pub(super) fn compare(&self, ours: i64, googles: i64, monotonic: Duration) -> Comparison {
        let mut state = self.state();
        state.offset = Some(offset(ours, monotonic));
        let skew = ours.saturating_sub(googles);
        state.last = Some(skew);
        match state.distrusted {
            Some(_) => Comparison::Lost,
            None if skew.unsigned_abs() <= TOLERANCE.unsigned_abs() => Comparison::Trusted,
            None => {
                state.distrusted = Some(skew);
                Comparison::JustLost
            }
        }
    }

    /// The difference for which our clock is no longer believed, in seconds; `None` while it is.
    pub(super) fn distrusted_skew(&self) -> Option<i64> {
        self.state().distrusted.map(|millis| millis / 1000)
    }

    /// By how much the wall clock was set since the last comparison, in seconds, where that is more
    /// than may be.
    pub(super) fn jump(&self, ours: i64, monotonic: Duration) -> Option<i64> {
        let jump = offset(ours, monotonic).saturating_sub(self.state().offset?);
        (jump.unsigned_abs() > TOLERANCE.unsigned_abs()).then_some(jump / 1000)
    }

    /// Ours less Google's at the last comparison, in seconds.
    pub(super) fn last_skew(&self) -> Option<i64> {
        self.state().last.map(|millis| millis / 1000)
    }
}

fn offset(wall: i64, monotonic: Duration) -> i64 {
    wall.saturating_sub(i64::try_from(monotonic.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(7);

    const GOOGLE: i64 = 1_700_000_000_000;

    #[test]
    fn two_minutes_either_way_are_near_enough() {
        let guard = ClockGuard::default();
        for skew in [0, TOLERANCE, -TOLERANCE] {
            assert_eq!(
                guard.compare(GOOGLE + skew, GOOGLE, START),
                Comparison::Trusted
            );
        }
        assert_eq!(guard.last_skew(), Some(-120));
        assert_eq!(guard.distrusted_skew(), None);
    }

    #[test]
    fn distrust_lasts_even_when_the_clocks_agree_again() {
        for skew in [TOLERANCE + 1, -TOLERANCE - 1] {
            let guard = ClockGuard::default();
            assert_eq!(
                guard.compare(GOOGLE + skew, GOOGLE, START),
                Comparison::JustLost
            );
            assert_eq!(guard.compare(GOOGLE, GOOGLE, START), Comparison::Lost);
            assert_eq!(guard.distrusted_skew(), Some(skew / 1000));
            assert_eq!(guard.last_skew(), Some(0));
        }
    }

    #[test]
    fn a_clock_that_is_set_between_two_challenges_is_noticed_until_the_next() {
        let guard = ClockGuard::default();
        assert_eq!(guard.jump(GOOGLE, START), None);
        guard.compare(GOOGLE, GOOGLE, START);
        let later = START + Duration::from_secs(3600);
        assert_eq!(guard.jump(GOOGLE + 3_600_000, later), None);
        assert_eq!(guard.jump(GOOGLE, later), Some(-3600));
        assert_eq!(guard.jump(GOOGLE + 3_600_000, START), Some(3600));
        assert_eq!(guard.compare(GOOGLE, GOOGLE, later), Comparison::Trusted);
        assert_eq!(guard.jump(GOOGLE, later), None);
    }

    #[test]
    fn nonsense_is_far_away() {
        let guard = ClockGuard::default();
        assert_eq!(
            guard.compare(i64::MAX, i64::MIN, START),
            Comparison::JustLost
        );
        let guard = ClockGuard::default();
        assert_eq!(
            guard.compare(i64::MIN, i64::MAX, START),
            Comparison::JustLost
        );
    }
}
