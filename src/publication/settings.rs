//! `[crl]`: how long lists are good, and how often they are made.

use std::path::PathBuf;

use serde::Deserialize;

use crate::model::span::{self, DAY, InvalidSpan};

/// How long a list is good where nobody says otherwise: a week in which a broken service can be mended
/// before relying parties refuse everybody.
const LIFETIME: i64 = 7 * DAY;
/// How often one is made.
const EVERY: i64 = DAY;
/// Shortest time between two that are made without cause, in seconds.
const EVERY_MIN: i64 = 5 * 60;
/// Longest life of a list: as long as the longest certificate.
const LIFETIME_MAX: i64 = 397 * DAY;

/// `[crl]`, which may be left out. See `docs/configuration.md`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CrlSettings {
    /// How long a list of an issuing CA is good, such as `7d`.
    pub lifetime: Option<String>,
    /// How often one is made when nothing is revoked, such as `1d`.
    pub every: Option<String>,
    /// A folder into which every list is written besides.
    pub directory: Option<PathBuf>,
}

/// Why the table does not load; each message says what to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCrl {
    /// No span of time.
    #[error("{0} {1}")]
    Span(&'static str, InvalidSpan),
    /// Too often.
    #[error("every is 5m or more: after a revocation one is made within seconds anyhow")]
    Often,
    /// Too long.
    #[error("lifetime is 397d at the most")]
    Long,
    /// No head-room.
    #[error(
        "lifetime is at least twice every: relying parties refuse everybody once a list has ended, so the next must be there long before"
    )]
    HeadRoom,
}

/// When lists are made, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From this update to the next.
    pub lifetime: i64,
    /// Between two lists, when nothing is revoked.
    pub every: i64,
}

impl CrlSettings {
    /// The times that they mean.
    ///
    /// # Errors
    /// [`InvalidCrl`].
    pub fn timing(&self) -> Result<Timing, InvalidCrl> {
        let read = |name, text: &Option<String>, usual| match text {
            None => Ok(usual),
            Some(text) => span::seconds(text).map_err(|error| InvalidCrl::Span(name, error)),
        };
        let lifetime = read("lifetime", &self.lifetime, LIFETIME)?;
        let every = read("every", &self.every, EVERY)?;
        if every < EVERY_MIN {
            return Err(InvalidCrl::Often);
        }
        if lifetime > LIFETIME_MAX {
            return Err(InvalidCrl::Long);
        }
        if lifetime < 2 * every {
            return Err(InvalidCrl::HeadRoom);
        }
        Ok(Timing { lifetime, every })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(lifetime: &str, every: &str) -> Result<Timing, InvalidCrl> {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        CrlSettings {
            lifetime: text(lifetime),
            every: text(every),
            directory: None,
        }
        .timing()
    }

    #[test]
    fn a_list_lives_long_enough_to_be_replaced_in_time() {
        let usual = Timing {
            lifetime: LIFETIME,
            every: EVERY,
        };
        assert_eq!(timing("", ""), Ok(usual));
        assert_eq!(timing("10m", "5m").map(|timing| timing.lifetime), Ok(600));
        assert_eq!(timing("", "4m"), Err(InvalidCrl::Often));
        assert_eq!(timing("47h", ""), Err(InvalidCrl::HeadRoom));
        assert_eq!(timing("398d", ""), Err(InvalidCrl::Long));
        assert_eq!(
            timing("a week", ""),
            Err(InvalidCrl::Span("lifetime", InvalidSpan))
        );
    }
}
