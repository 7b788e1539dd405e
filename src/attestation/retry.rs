//! When a call to Verified Access is made again, and after which pause.

use std::time::Duration;

use tonic::Code;

use crate::random::Random;

/// Calls for one question, the first included.
const CALLS: u32 = 4;
/// Longest pause before the second call; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// How often a code may be met before it is believed. Verifying is safe to repeat within the
/// minute: Verified Access keeps no state about challenges.
fn calls(code: Code) -> u32 {
    match code {
        Code::Unavailable
        | Code::DeadlineExceeded
        | Code::Cancelled
        | Code::Internal
        | Code::Aborted
        | Code::Unknown => CALLS,
        // A quota: pressing on makes it worse.
        Code::ResourceExhausted => 2,
        _ => 1,
    }
}

/// The pause before the call after `made` calls, the last of which ended in `code`; `None` where
/// there is to be no further one. Random ("full jitter"), so that a fleet that was cut off together
/// does not come back together.
pub(super) fn pause(code: Code, made: u32, random: &dyn Random) -> Option<Duration> {
    if made >= calls(code) {
        return None;
    }
    let longest = FIRST_PAUSE.saturating_mul(1 << made.saturating_sub(1).min(8));
    let share = random
        .array::<2>()
        .map_or(u16::MAX, u16::from_be_bytes)
        .saturating_add(1);
    Some(longest.mul_f64(f64::from(share) / f64::from(u16::MAX)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;
    use crate::random::{RandomUnavailable, SeededRandom};

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let random = SeededRandom::new(3);
        for number in 0..17 {
            let code = Code::from_i32(number);
            let calls = (1..10)
                .take_while(|made| pause(code, *made, &random).is_some())
                .count()
                + 1;
            let expected = match code {
                Code::Unavailable
                | Code::DeadlineExceeded
                | Code::Cancelled
                | Code::Internal
                | Code::Aborted
                | Code::Unknown => 4,
                Code::ResourceExhausted => 2,
                _ => 1,
            };
            assert_eq!(calls, expected, "{code:?}");
        }
    }

    #[test]
    fn pauses_grow_and_differ() {
        let random = SeededRandom::new(3);
        for (made, longest) in [(1, 250), (2, 500), (3, 1000)] {
            let pauses: Vec<_> = (0..50)
                .map(|_| pause(Code::Unavailable, made, &random).unwrap())
                .collect();
            let longest = Duration::from_millis(longest);
            assert!(pauses.iter().all(|pause| *pause <= longest));
            assert!(pauses.iter().any(|pause| *pause > longest / 2));
            assert!(pauses.iter().any(|pause| *pause < longest / 2));
        }
    }

    #[test]
    fn without_randomness_the_pause_is_the_longest() {
        #[derive(Debug)]
        struct Broken;
        impl Random for Broken {
            fn fill(&self, _: &mut [u8]) -> Result<(), RandomUnavailable> {
                Err(RandomUnavailable)
            }
        }
        assert_eq!(pause(Code::Unavailable, 1, &Broken), Some(FIRST_PAUSE));
    }
}
