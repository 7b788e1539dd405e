//! `[revocation]`: how much may be revoked without a second look, and who gets nothing afterwards.

use serde::Deserialize;

use crate::model::revocation::{InvalidReason, RevocationReason};

/// Per cent of the certificates that are good: a class, not a school.
const PERCENT: u8 = 2;
/// So many may always be revoked within a day: a fleet of thirty has devices that get lost, too.
const ALWAYS: i64 = 25;

/// `[revocation]`, which may be left out. See `docs/configuration.md`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RevocationSettings {
    /// How much of what is good may be revoked within a day without a confirmation, in per cent.
    pub confirm_above_percent: Option<u8>,
    /// Reasons for which a revoked device, or a user who is named by e-mail, gets no new certificate.
    pub blocking_reasons: Option<Vec<String>>,
}

/// Why the table does not load; each message says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRevocation {
    /// No share.
    #[error("confirm_above_percent is 0 to 100")]
    Percent,
    /// No reason of ours.
    #[error("blocking_reasons: {0}")]
    Reason(#[from] InvalidReason),
}

/// What they mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationPolicy {
    percent: u8,
    blocking: Vec<RevocationReason>,
}

impl RevocationPolicy {
    /// How many may be revoked within a day without confirmation, where so many are good.
    #[must_use]
    pub fn at_most(&self, live: i64) -> i64 {
        let share = live.saturating_mul(i64::from(self.percent)) / 100;
        share.max(ALWAYS)
    }

    /// Whether a device that is revoked for this reason gets no new certificate.
    #[must_use]
    pub fn blocks(&self, reason: RevocationReason) -> bool {
        self.blocking.contains(&reason)
    }
}

impl TryFrom<RevocationSettings> for RevocationPolicy {
    type Error = InvalidRevocation;

    fn try_from(settings: RevocationSettings) -> Result<Self, InvalidRevocation> {
        let percent = settings.confirm_above_percent.unwrap_or(PERCENT);
        if percent > 100 {
            return Err(InvalidRevocation::Percent);
        }
        let blocking = match settings.blocking_reasons {
            Some(words) => words
                .iter()
                .map(|word| RevocationReason::parse(word))
                .collect::<Result<_, _>>()?,
            // What was superseded has a successor already.
            None => RevocationReason::ALL
                .into_iter()
                .filter(|reason| *reason != RevocationReason::Superseded)
                .collect(),
        };
        Ok(Self { percent, blocking })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]

    use super::*;

    #[test]
    fn a_small_fleet_has_room_and_a_large_one_a_share() {
        let policy = RevocationPolicy::try_from(RevocationSettings::default()).unwrap();
        assert_eq!(policy.at_most(0), ALWAYS);
        assert_eq!(policy.at_most(1000), ALWAYS);
        assert_eq!(policy.at_most(300_000), 6_000);
        let none = RevocationSettings {
            confirm_above_percent: Some(101),
            ..RevocationSettings::default()
        };
        assert!(RevocationPolicy::try_from(none).is_err());
    }

    #[test]
    fn whoever_has_a_successor_is_not_blocked() {
        let policy = RevocationPolicy::try_from(RevocationSettings::default()).unwrap();
        for reason in RevocationReason::ALL {
            let blocks = policy.blocks(reason);
            assert_eq!(blocks, reason != RevocationReason::Superseded);
        }
        let few = RevocationSettings {
            blocking_reasons: Some(vec!["keyCompromise".to_owned()]),
            ..RevocationSettings::default()
        };
        let policy = RevocationPolicy::try_from(few).unwrap();
        assert!(policy.blocks(RevocationReason::KeyCompromise));
        assert!(!policy.blocks(RevocationReason::PrivilegeWithdrawn));
        let wrong = RevocationSettings {
            blocking_reasons: Some(vec!["certificateHold".to_owned()]),
            ..RevocationSettings::default()
        };
        let refused = RevocationPolicy::try_from(wrong).unwrap_err();
        assert!(refused.to_string().contains("un-revoke"), "{refused}");
    }
}
