//! An attempt: one bound challenge and all that came of it.

use std::fmt;

use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::model::challenge::ChallengeDigest;
use crate::model::identity::{Email, KeyScope};
use crate::model::profile::ProfileHash;
use crate::random::{Random, RandomUnavailable};

/// How long one enrolment may take, in seconds, whatever happens.
pub const ENROLLMENT_DEADLINE: u64 = 20;

/// How long Verified Access may take to verify, in seconds, every further try included: what is left
/// of the deadline is for the record.
pub const VERIFICATION_TIME: u64 = 14;

/// How long a worker owns an attempt, in seconds: longer than an enrolment may take. A first worker
/// that is still alive after it loses at its next write, which asks who owns the attempt.
pub const OWNERSHIP: i64 = 30;

/// How long the same bytes get the same answer, in seconds.
pub const ANSWER_LIFETIME: i64 = 24 * 60 * 60;

/// Crockford's base 32: no I, L, O or U, so that an id can be read aloud.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The short id of an attempt: 8 Crockford base32 characters, shown on the Chromebook. Three tell the
/// minute, over and over every 22 days, so that an index finds together what came together (ADR 0018);
/// five are random. A name, not a secret; no public route takes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AttemptId(String);

impl AttemptId {
    /// An id drawn at `at`; the store refuses one that is taken.
    ///
    /// # Errors
    /// [`RandomUnavailable`].
    pub fn draw(at: Timestamp, random: &dyn Random) -> Result<Self, RandomUnavailable> {
        const MINUTES: u64 = 1 << 15;
        let number = at.minute(MINUTES) << 25 | u64::from(u32::from_be_bytes(random.array()?) >> 7);
        let digit = |place: u32| {
            let digit = (number >> (5 * place)) & 31;
            usize::try_from(digit)
                .ok()
                .and_then(|digit| ALPHABET.get(digit).copied())
                .unwrap_or(b'0')
        };
        Ok(Self(
            (0..8).rev().map(|place| char::from(digit(place))).collect(),
        ))
    }

    /// Reads an id as a person types it: any case, `-` and blanks ignored, O for 0, I and L for 1.
    #[must_use]
    pub fn parse(unverified: &str) -> Option<Self> {
        let id: String = unverified
            .chars()
            .filter(|letter| *letter != '-' && *letter != ' ')
            .map(|letter| match letter.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            })
            .collect();
        let fits = id.len() == 8 && id.bytes().all(|byte| ALPHABET.contains(&byte));
        fits.then_some(Self(id))
    }

    /// The eight characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// SHA-256 of a challenge response, as received: the name under which its outcome is kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResponseDigest(pub [u8; 32]);

impl fmt::Debug for ResponseDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::model::serial::write_hex(formatter, &self.0)
    }
}

/// A response that was presented: its bytes and the challenge that they answer. A response answers one
/// challenge, so the record finds it by that and then compares.
#[derive(Clone, Copy, Debug)]
pub struct Presented {
    /// Which challenge.
    pub challenge: ChallengeDigest,
    /// Which bytes.
    pub response: ResponseDigest,
}

/// What the first response presented for a challenge owns it with; nothing of it can change later.
#[derive(Clone, Debug)]
pub struct Binding {
    /// Which challenge, which bytes.
    pub presented: Presented,
    /// Whose key the profile wants.
    pub scope: KeyScope,
    /// The profile's name.
    pub profile: String,
    /// The profile as it was.
    pub profile_hash: ProfileHash,
    /// The e-mail that was claimed, normalised; `None` for a machine.
    pub unverified_email: Option<Email>,
    /// When it was bound.
    pub at: Timestamp,
}

/// How far an attempt has come. The words are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum AttemptState {
    /// Bound to a challenge; Verified Access has not answered yet.
    Bound,
    /// Verified Access has answered; its verdict is committed.
    Verified,
    /// A certificate was intended: its serial and TBS are committed.
    Intended,
    /// A certificate is recorded.
    Issued,
    /// Refused, for good.
    Denied,
}

impl AttemptState {
    /// The stored word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bound => "bound",
            Self::Verified => "verified",
            Self::Intended => "intended",
            Self::Issued => "issued",
            Self::Denied => "denied",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Bound,
            Self::Verified,
            Self::Intended,
            Self::Issued,
            Self::Denied,
        ]
        .into_iter()
        .find(|state| state.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;
    use crate::random::SeededRandom;

    #[test]
    fn an_id_can_be_read_aloud_and_typed_back() {
        let random = SeededRandom::new(1);
        let id = AttemptId::draw(Timestamp(60 * 34_817), &random).unwrap();
        assert!(id.as_str().starts_with("201"), "{id}");
        let next = AttemptId::draw(Timestamp(60 * 34_817), &random).unwrap();
        assert_ne!(id, next);
        assert_eq!(id.as_str().len(), 8);
        assert_eq!(
            AttemptId::parse(&id.as_str().to_lowercase()),
            Some(id.clone())
        );
        assert_eq!(AttemptId::parse("OIL0-1234").unwrap().as_str(), "01101234");
        assert_eq!(AttemptId::parse("UUUUUUUU"), None);
        assert_eq!(AttemptId::parse("123456789"), None);
    }
}
