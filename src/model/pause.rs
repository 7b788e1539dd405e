//! Back-off: how often a verified identity may ask, and how long it waits after denials in a row.
//!
//! Everything here is about who Verified Access vouched for. Nothing is ever counted against a name
//! that was only claimed, or a stranger could shut its owner out.

use crate::clock::Timestamp;
use crate::model::attempt::AttemptId;
use crate::model::facts::Check;
use crate::model::identity::{DeviceId, Email, InvalidIdentity};
use crate::model::problem_code::ProblemCode;
use crate::model::span::DAY;

/// What `attempts_per_minute` counts within, in seconds. It begins with the first attempt after the
/// one before it has ended.
pub const MINUTE: i64 = 60;

/// Denials in a row from which on an identity waits: the first may be an accident and the second the
/// look whether it was one; the third is a loop.
const DENIALS: i64 = 3;

/// The first pause, in seconds: a person who mends something at the Chromebook hardly notices it.
const FIRST: i64 = 60;

/// The longest pause, in seconds: what was mended is found out within a day, without anybody's help.
const LONGEST: i64 = DAY;

/// How long denials are remembered after the last of them, or after the end of its pause, in seconds:
/// whoever comes no oftener than that is no burden and need not wait.
pub const MEMORY: i64 = DAY;

/// How long an identity waits after so many denials in a row, in seconds; `None` where it does not.
#[must_use]
pub fn wait(denials: i64) -> Option<i64> {
    let doublings = denials.checked_sub(DENIALS).filter(|more| *more >= 0)?;
    let factor = 2_i64.saturating_pow(u32::try_from(doublings).unwrap_or(u32::MAX));
    Some(FIRST.saturating_mul(factor).min(LONGEST))
}

/// The text under which an identity is counted, `user:EMAIL` or `device:ID`, from what a person types:
/// an e-mail or a device's id alone will do.
///
/// # Errors
/// [`InvalidIdentity`].
pub fn identity_of(unverified: &str) -> Result<String, InvalidIdentity> {
    let user = |email| Email::parse(email).map(|email| format!("user:{}", email.as_str()));
    let device = |id| DeviceId::parse(id).map(|id| format!("device:{}", id.as_str()));
    if let Some(email) = unverified.strip_prefix("user:") {
        user(email)
    } else if let Some(id) = unverified.strip_prefix("device:") {
        device(id)
    } else if unverified.contains('@') {
        user(unverified)
    } else {
        device(unverified)
    }
}

/// An identity that was told to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// When it was first told so.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// How many denials in a row.
    pub denials: i64,
    /// Why the last of them.
    pub code: ProblemCode,
    /// Which attempt that was.
    pub attempt: AttemptId,
}

/// What keeps a verified identity from a certificate for now, whatever policy would say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// What the requester is told.
    pub code: ProblemCode,
    /// What the record says of it.
    pub check: Check,
    /// Until when.
    pub until: Timestamp,
}

impl Hold {
    /// The identity waits: it was denied too often in a row.
    #[must_use]
    pub fn paused(pause: &Pause) -> Self {
        let seen = format!(
            "told to wait until {} after {} denials in a row, the last of them {} ({})",
            pause.until,
            pause.denials,
            pause.code.as_str(),
            pause.attempt
        );
        let remedy = format!(
            "find out why {} was denied; once that is mended, `vaca paused release` ends the wait",
            pause.attempt
        );
        Self {
            code: ProblemCode::Paused,
            check: Check::new("pause", "none", seen, false, &remedy),
            until: pause.until,
        }
    }

    /// The identity started more than `limit` attempts in its minute, which began at `since`.
    #[must_use]
    pub fn too_many_attempts(limit: u32, attempts: i64, since: Timestamp) -> Self {
        let check = Check::new(
            "attempts_per_minute",
            format!("at most {limit}"),
            attempts.to_string(),
            false,
            "find out what asks so often, or raise the profile's attempts_per_minute",
        );
        Self {
            code: ProblemCode::TooManyAttempts,
            check,
            until: since.plus(MINUTE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_denial_waits_a_minute_and_each_further_one_twice_as_long() {
        assert_eq!([i64::MIN, -1, 0, 1, 2].map(wait), [None; 5]);
        let minutes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
        for (denials, minutes) in (3..).zip(minutes) {
            assert_eq!(wait(denials), Some(60 * minutes), "{denials}");
        }
    }

    #[test]
    fn nobody_waits_longer_than_a_day_however_often_it_was_denied() {
        for denials in [14, 15, 60, 61, 64, 65, 66, 67, 68, 1000, i64::MAX] {
            assert_eq!(wait(denials), Some(86_400), "{denials}");
        }
    }

    #[test]
    fn whoever_is_listed_or_typed_is_the_same() {
        for (text, who) in [
            ("user:alice@example.com", "user:alice@example.com"),
            ("Alice@Example.com", "user:alice@example.com"),
            ("device:1a2B", "device:1a2B"),
            ("1a2B", "device:1a2B"),
        ] {
            assert_eq!(identity_of(text).as_deref(), Ok(who), "{text}");
        }
        for text in [
            "",
            "user:",
            "user:alice",
            "device:",
            "device:a@b",
            "a b",
            "group:x",
        ] {
            assert!(identity_of(text).is_err(), "{text}");
        }
    }
}
