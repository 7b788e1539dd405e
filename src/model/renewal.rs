//! When a certificate is to be renewed: what the suggestions of RFC 9773, section 4.2, are made of.

use crate::clock::Timestamp;
use crate::model::certificate::Validity;

/// Seconds within which the holder of a revoked certificate asks for another: at once, but a thousand
/// holders not in one second.
pub const AT_ONCE: i64 = 10 * 60;

/// From when to when a renewal is suggested. The end is behind the start (RFC 9773, section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From here on it is welcome.
    pub start: Timestamp,
    /// Whoever has not renewed by then does it at once.
    pub end: Timestamp,
}

impl Window {
    /// The window of a certificate that nothing happened to. `renew_after` is the moment that was drawn
    /// for it, in the first half of its profile's renewal window; the suggestion ends in the middle of
    /// what is left from there, so that whoever fails at first has time.
    #[must_use]
    pub fn of(validity: &Validity) -> Self {
        let start = validity.renew_after;
        let left = validity.not_after.since(start);
        Self::between(start, start.plus(left / 2))
    }

    /// The window of a certificate that is not good any more before its time.
    #[must_use]
    pub fn from_now(now: Timestamp) -> Self {
        Self::between(now, now.plus(AT_ONCE))
    }

    fn between(start: Timestamp, end: Timestamp) -> Self {
        let end = end.max(start.plus(1));
        Self { start, end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_begins_at_the_drawn_moment_and_leaves_time_behind_it() {
        let window = |renew_after, not_after| {
            let window = Window::of(&Validity {
                not_before: Timestamp(0),
                not_after: Timestamp(not_after),
                renew_after: Timestamp(renew_after),
            });
            (window.start.0, window.end.0)
        };
        assert_eq!(window(700, 1000), (700, 850));
        assert_eq!(window(999, 1000), (999, 1000));
        assert_eq!(window(1000, 1000), (1000, 1001));
    }
}
