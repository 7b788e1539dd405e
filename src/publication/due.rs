//! When the next list is due.

use crate::clock::Timestamp;
use crate::model::certificate::IssuerId;
use crate::model::digest::sha256;
use crate::publication::Timing;
use crate::store::crls::CrlRow;

/// How long the first revocation that no list has waits for others, in seconds: one list serves them all.
pub(super) const DEBOUNCE: i64 = 5;
/// How far two clocks may stand apart, in seconds.
const SKEW: i64 = 120;

impl Timing {
    /// Whether a CA's next list is due at `now`; `last` is its last one, `pending` the time of the first
    /// revocation that it lacks.
    pub(super) fn is_due(
        self,
        issuer: &IssuerId,
        last: Option<&CrlRow>,
        pending: Option<Timestamp>,
        now: Timestamp,
    ) -> bool {
        let Some(last) = last else {
            return true;
        };
        // Made under a clock that has been set back since: to others it has not begun.
        let ahead = last.this_update.since(now) > SKEW;
        let old = now.since(last.this_update) >= self.every - self.jitter(issuer, last.number);
        // A mass revocation goes on for minutes under the time of its beginning.
        let rested = now.since(last.this_update) >= DEBOUNCE;
        let waited = pending.is_some_and(|at| now.since(at) >= DEBOUNCE || at.since(now) > SKEW);
        ahead || old || (waited && rested)
    }

    /// 0 to a tenth of the time between two lists, another one for each list, so that many services do not
    /// make theirs at the same moment for ever.
    fn jitter(self, issuer: &IssuerId, number: i64) -> i64 {
        let [a, b, c, d, ..] = sha256(format!("{issuer}/{number}").as_bytes());
        i64::from(u32::from_be_bytes([a, b, c, d])) % (self.every / 10 + 1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000);
    const TIMING: Timing = Timing {
        lifetime: 7 * 86_400,
        every: 86_400,
    };

    fn due(age: i64, pending: Option<i64>) -> bool {
        let issuer = IssuerId::parse("0123456789abcdef").unwrap();
        let last = CrlRow {
            row: 1,
            number: 7,
            this_update: NOW.minus(age),
            next_update: NOW.minus(age).plus(TIMING.lifetime),
            covers: 3,
            kept_since: Timestamp(0),
            entries: 0,
        };
        let pending = pending.map(|age| NOW.minus(age));
        TIMING.is_due(&issuer, Some(&last), pending, NOW)
    }

    #[test]
    fn a_list_is_due_after_a_day_or_soon_after_a_revocation() {
        let issuer = IssuerId::parse("0123456789abcdef").unwrap();
        assert!(TIMING.is_due(&issuer, None, None, NOW));
        assert!(!due(0, None));
        assert!(!due(86_400 * 9 / 10 - 1, None));
        assert!(due(86_400, None));
        assert!(!due(60, Some(0)));
        assert!(!due(60, Some(DEBOUNCE - 1)));
        assert!(due(60, Some(DEBOUNCE)));
        assert!(!due(DEBOUNCE - 1, Some(60)), "one list is just made");
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nothing_from_being_listed() {
        assert!(!due(-100, None));
        assert!(due(-121, None), "a list that begins in the future");
        assert!(due(60, Some(-121)), "a revocation of the future");
    }
}
