//! An operator's token, as far as anybody may know of it.

use std::fmt;

use crate::model::certificate_header::CertificateHeader;
use crate::model::role::Role;
use crate::model::span::DAY;
use crate::random::{Random, RandomUnavailable};

/// How long a token is good where nobody says otherwise, in seconds: a season, so that forgotten ones
/// end by themselves.
pub const TOKEN_LIFETIME: i64 = 90 * DAY;

/// How long a token is good at the most, in seconds: it is replaced once a year, with a month to spare.
pub const TOKEN_LIFETIME_MAX: i64 = 400 * DAY;

/// How long a token is good at the least, in seconds.
pub const TOKEN_LIFETIME_MIN: i64 = 60;

/// How long a bootstrap token is good, in seconds.
pub const BOOTSTRAP_LIFETIME: i64 = DAY;

/// Longest name of a token or of an operator's certificate, in octets.
const NAME_MAX: usize = 64;

/// Crockford's base 32 in lower case: no i, l, o or u, so that an id can be read aloud.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The public half of a token, by which lists and events name it: 8 Crockford base32 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenId(String);

impl TokenId {
    /// A random id; the store refuses one that is taken.
    ///
    /// # Errors
    /// [`RandomUnavailable`].
    pub fn draw(random: &dyn Random) -> Result<Self, RandomUnavailable> {
        let octets: [u8; 8] = random.array()?;
        let digit = |octet: u8| ALPHABET.get(usize::from(octet & 31)).copied();
        let digits = octets.into_iter().filter_map(digit).map(char::from);
        Ok(Self(digits.collect()))
    }

    /// Reads an id exactly as it is written.
    #[must_use]
    pub fn parse(unverified: &str) -> Option<Self> {
        let fits = unverified.len() == 8 && unverified.bytes().all(|byte| ALPHABET.contains(&byte));
        fits.then(|| Self(unverified.to_owned()))
    }

    /// The eight characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a token allows. The tag that is stored of the token covers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What its holder may do.
    pub role: Role,
    /// Whether it makes one other token, and does nothing else.
    pub single_use: bool,
    /// From this second on it is worthless, in seconds since the epoch.
    pub expires_at: i64,
    /// Where its holder, a proxy, says what certificate a client showed.
    pub certificate_header: Option<CertificateHeader>,
}

/// Whether a token or an operator's certificate may be called so: 1 to 64 of `[A-Za-z0-9._-]`.
#[must_use]
pub fn is_name(unverified: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=NAME_MAX).contains(&unverified.len()) && unverified.bytes().all(letter)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]

    use super::*;
    use crate::random::SeededRandom;

    #[test]
    fn an_id_is_read_as_it_was_drawn_and_in_no_other_spelling() {
        let random = SeededRandom::new(7);
        for _ in 0..100 {
            let id = TokenId::draw(&random).unwrap();
            assert_eq!(TokenId::parse(id.as_str()), Some(id));
        }
        for wrong in [
            "",
            "7k3m9qx",
            "7k3m9qxt0",
            "7K3M9QXT",
            "7k3m9qxi",
            "7k3m-9qxt",
        ] {
            assert_eq!(TokenId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_name_is_no_text_that_could_move_a_cursor() {
        assert!(is_name("inventory.prod-2"));
        for wrong in [
            "",
            "two words",
            "a\u{1b}[31m",
            "alice@example.com",
            &"a".repeat(65),
        ] {
            assert!(!is_name(wrong), "{wrong}");
        }
    }
}
