//! What a program may do about a problem, and when.

use serde::Serialize;
use utoipa::ToSchema;

use crate::random::Random;

/// What a client can safely do without a person. A client that meets a word it does not know stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Send the same bytes again, after the wait.
    RetrySame,
    /// Begin with a new challenge (and, where a key was registered, a new key).
    Restart,
    /// A person who administers the device, the domain or this service must act first.
    AskAdmin,
    /// The client itself is wrong; sending this again cannot help.
    Stop,
}

impl Action {
    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RetrySame => "retry_same",
            Self::Restart => "restart",
            Self::AskAdmin => "ask_admin",
            Self::Stop => "stop",
        }
    }
}

/// How long a client should wait, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Waiting alone does not help, or nobody knows.
    Unknown,
    /// So long.
    Seconds(u64),
    /// Somewhere between the two, both included: a fleet that was turned away together must not
    /// come back together.
    Between(u64, u64),
}

impl Wait {
    /// The wait of one answer.
    #[must_use]
    pub fn draw(self, random: &dyn Random) -> Option<u64> {
        match self {
            Self::Unknown => None,
            Self::Seconds(seconds) => Some(seconds),
            Self::Between(low, high) => {
                let span = high.saturating_sub(low).saturating_add(1);
                // Without randomness everyone waits the longest.
                let Ok(octets) = random.array::<8>() else {
                    return Some(high);
                };
                let step = u64::from_be_bytes(octets).checked_rem(span);
                Some(low.saturating_add(step.unwrap_or(0)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SeededRandom;

    #[test]
    fn a_drawn_wait_reaches_both_ends_and_nothing_beyond() {
        let random = SeededRandom::new(3);
        let drawn: std::collections::BTreeSet<_> = (0..200)
            .map(|_| Wait::Between(1, 5).draw(&random))
            .collect();
        assert_eq!(drawn, (1..=5).map(Some).collect());
        assert_eq!(Wait::Seconds(7).draw(&random), Some(7));
        assert_eq!(Wait::Unknown.draw(&random), None);
    }
}
