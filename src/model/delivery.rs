//! What the organisation's own services are told, and how long that is tried.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::event::EventKind;
use crate::model::profile::is_configured_name;
use crate::model::span::DAY;

/// How long a delivery is tried, in seconds; then it is given up. A long weekend is survived.
pub const PATIENCE: i64 = 3 * DAY;
/// How long one that was given up waits for a person, in seconds; then it is forgotten.
pub const DEAD_LETTER_MEMORY: i64 = 30 * DAY;

/// The first wait after a failure, in seconds; each further one is twice as long.
const FIRST_WAIT: i64 = 10;
/// The longest wait, in seconds.
const LONGEST_WAIT: i64 = 4 * 60 * 60;

/// What a service may want to be told. The words stand in configurations and in what is sent: add, never
/// rename.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryKind {
    /// A certificate was issued to a user or device.
    Issued,
    /// An attempt was refused for good.
    Denied,
    /// A verified identity was told to wait.
    Paused,
    /// A certificate of a user or device was revoked.
    Revoked,
}

/// Which events of the record are told, and as what. One line for each kind.
const TOLD: [(EventKind, DeliveryKind); 4] = [
    (EventKind::CertificateIssued, DeliveryKind::Issued),
    (EventKind::AttemptDenied, DeliveryKind::Denied),
    (EventKind::IdentityPaused, DeliveryKind::Paused),
    (EventKind::CertificateRevoked, DeliveryKind::Revoked),
];

impl DeliveryKind {
    /// What there is to tell of an event of this kind, if anything.
    #[must_use]
    pub fn of(kind: EventKind) -> Option<Self> {
        let mut told = TOLD.iter();
        told.find_map(|(event, told)| (*event == kind).then_some(*told))
    }

    /// The same for the stored word of an event's kind.
    #[must_use]
    pub fn of_stored(word: &str) -> Option<Self> {
        let mut told = TOLD.iter();
        told.find_map(|(event, told)| (event.as_str() == word).then_some(*told))
    }

    /// Every kind.
    #[must_use]
    pub fn all() -> Vec<Self> {
        TOLD.iter().map(|(_, told)| *told).collect()
    }

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Denied => "denied",
            Self::Paused => "paused",
            Self::Revoked => "revoked",
        }
    }
}

/// Which delivery: an event of the record, to one service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeliveryId {
    /// What the configuration calls the service.
    pub sink: String,
    /// The event's row in the record; never another event's.
    pub event: i64,
}

impl DeliveryId {
    /// Reads `sink/4711`, and `sink/4711-9f86d081884c7d65`, as what was sent calls it.
    #[must_use]
    pub fn parse(unverified: &str) -> Option<Self> {
        let (sink, event) = unverified.split_once('/')?;
        Self::of_parts(sink, event)
    }

    /// The same from its two parts.
    #[must_use]
    pub fn of_parts(unverified_sink: &str, unverified_event: &str) -> Option<Self> {
        let (number, _) = unverified_event
            .split_once('-')
            .unwrap_or((unverified_event, ""));
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        let event = number.parse().ok().filter(|_| digits)?;
        let sink = unverified_sink.to_owned();
        is_configured_name(unverified_sink).then_some(Self { sink, event })
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.sink, self.event)
    }
}

/// How long a delivery that has failed so often waits, in seconds. `random` spreads the waits over their
/// second half, so that what failed together does not come back together.
#[must_use]
pub fn wait(failures: i64, random: u32) -> i64 {
    let doublings = u32::try_from(failures.clamp(1, 20) - 1).unwrap_or(0);
    let whole = (FIRST_WAIT << doublings).min(LONGEST_WAIT);
    let half = whole / 2;
    half + i64::from(random) % (whole - half + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_are_spread_and_end_growing_at_hours() {
        for (failures, longest) in [(1, 10), (2, 20), (3, 40), (11, 10_240), (12, 14_400)] {
            for random in [0, 1, 77, u32::MAX] {
                let seconds = wait(failures, random);
                assert!((longest / 2..=longest).contains(&seconds), "{failures}");
            }
        }
        for failures in [i64::MIN, 0, 1] {
            assert!((5..=10).contains(&wait(failures, 3)));
        }
        assert!((7200..=14_400).contains(&wait(i64::MAX, 9)));
        assert_ne!(wait(9, 1), wait(9, 2));
    }

    #[test]
    fn a_delivery_has_a_name_that_can_be_typed() {
        let parsed = DeliveryId::parse("siem/4711-9f86d081884c7d65");
        assert_eq!(
            parsed.map(|id| id.to_string()).as_deref(),
            Some("siem/4711")
        );
        assert!(DeliveryId::parse("siem/4711").is_some());
        for wrong in [
            "siem", "siem/", "/1", "siem/-1", "siem/+1", "SIEM/1", "siem/1/2", "siem/x",
        ] {
            assert_eq!(DeliveryId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_stored_word_leads_to_what_is_told() {
        for kind in [
            EventKind::CertificateIssued,
            EventKind::IdentityPaused,
            EventKind::RecordRead,
        ] {
            assert_eq!(
                DeliveryKind::of_stored(kind.as_str()),
                DeliveryKind::of(kind)
            );
        }
    }
}
