//! The text of a token: `vaca_<id>_<64 digits of secret><8 digits of checksum>`.
//!
//! Hexadecimal, so that a double click selects it and `[0-9a-f]` finds it. The checksum, the first four
//! octets of SHA-256 over all before it, tells a leaked token from a look-alike without asking us.

use std::fmt;

use zeroize::Zeroizing;

use crate::model::digest::sha256;
use crate::model::serial::{hex, octets_of};
use crate::model::token::{Grant, TokenId};
use crate::random::{Random, RandomUnavailable};
use crate::secrets::{DeploymentKey, Purpose};

/// What every token begins with.
const PREFIX: &str = "vaca_";
/// The length of a token, in octets.
const LENGTH: usize = PREFIX.len() + 8 + 1 + SECRET_DIGITS + CHECKSUM_DIGITS;
const SECRET_DIGITS: usize = 64;
const CHECKSUM_DIGITS: usize = 8;

/// A token, secret included.
pub struct Token {
    id: TokenId,
    secret: Zeroizing<[u8; 32]>,
}

impl Token {
    /// A new one.
    ///
    /// # Errors
    /// [`RandomUnavailable`].
    pub fn draw(random: &dyn Random) -> Result<Self, RandomUnavailable> {
        let id = TokenId::draw(random)?;
        let secret = Zeroizing::new(random.array()?);
        Ok(Self { id, secret })
    }

    /// Reads what came with a request. Answers `None` for everything but the exact text of a token of
    /// whatever deployment.
    #[must_use]
    pub fn parse(unverified: &str) -> Option<Self> {
        if unverified.len() != LENGTH {
            return None;
        }
        let (body, checksum) = unverified.split_at_checked(LENGTH - CHECKSUM_DIGITS)?;
        let (id, digits) = body.strip_prefix(PREFIX)?.split_once('_')?;
        let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if !digits.bytes().all(lower) || checksum != checksum_of(body) {
            return None;
        }
        Some(Self {
            id: TokenId::parse(id)?,
            secret: Zeroizing::new(octets_of(digits)?),
        })
    }

    /// The public half.
    #[must_use]
    pub fn id(&self) -> &TokenId {
        &self.id
    }

    /// The whole text: shown once, to whoever asked for it.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        let secret = Zeroizing::new(hex(self.secret.as_slice()));
        let mut text = Zeroizing::new(format!("{PREFIX}{}_{}", self.id, *secret));
        let checksum = checksum_of(&text);
        text.push_str(&checksum);
        text
    }

    /// What is stored. The grant is in it, so that nobody who can write rows makes more of a token than
    /// it was.
    #[must_use]
    pub fn tag(&self, key: &DeploymentKey, grant: &Grant) -> [u8; 32] {
        key.tag(Purpose::Token, &self.message(grant))
    }

    /// Whether `unverified_tag` is this token's with this grant, in constant time.
    #[must_use]
    pub fn fits(&self, key: &DeploymentKey, grant: &Grant, unverified_tag: &[u8]) -> bool {
        key.verify(Purpose::Token, &self.message(grant), unverified_tag)
    }

    /// The parts before the role have a fixed length, and no role holds a zero octet: no two have the
    /// same octets.
    fn message(&self, grant: &Grant) -> Zeroizing<Vec<u8>> {
        let mut message = Zeroizing::new(Vec::with_capacity(80));
        message.extend_from_slice(self.id.as_str().as_bytes());
        message.extend_from_slice(self.secret.as_slice());
        message.extend_from_slice(&grant.expires_at.to_be_bytes());
        message.push(u8::from(grant.single_use));
        message.extend_from_slice(grant.role.as_str().as_bytes());
        if let Some(header) = grant.certificate_header {
            message.push(0);
            message.extend_from_slice(header.as_str().as_bytes());
        }
        message
    }
}

/// Without the secret.
impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Token({}, ..)", self.id)
    }
}

fn checksum_of(body: &str) -> String {
    let mut digits = hex(&sha256(body.as_bytes()));
    digits.truncate(CHECKSUM_DIGITS);
    digits
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test may fail"
    )]

    use super::*;
    use crate::model::certificate_header::CertificateHeader;
    use crate::model::role::Role;
    use crate::random::SeededRandom;

    const GRANT: Grant = Grant {
        role: Role::Operator,
        single_use: false,
        expires_at: 1_800_000_000,
        certificate_header: None,
    };

    fn token() -> Token {
        Token::draw(&SeededRandom::new(5)).unwrap()
    }

    #[test]
    fn a_token_is_read_as_it_was_written() {
        let token = token();
        let text = token.text();
        let read = Token::parse(&text).unwrap();
        assert_eq!((read.id(), &read.secret), (token.id(), &token.secret));
        assert!(!format!("{token:?}").contains(&hex(token.secret.as_slice())));
    }

    #[test]
    fn nothing_else_is_a_token() {
        let text = token().text();
        for end in 0..text.len() {
            assert!(Token::parse(&text[..end]).is_none(), "{end}");
        }
        for place in 0..text.len() {
            let mut octets = text.as_bytes().to_vec();
            octets[place] ^= 1;
            let changed = String::from_utf8(octets).unwrap();
            assert!(Token::parse(&changed).is_none(), "{changed}");
        }
        for wrong in [
            text.to_uppercase(),
            format!("{} ", *text),
            format!("{}0", *text),
            "v".repeat(text.len()),
            "\u{fc}".repeat(text.len() / 2),
            "x".repeat(10_000),
        ] {
            assert!(Token::parse(&wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_tag_is_of_one_token_one_grant_and_one_deployment() {
        let (token, key) = (token(), DeploymentKey::new([1; 32]));
        let tag = token.tag(&key, &GRANT);
        assert!(token.fits(&key, &GRANT, &tag));
        let role = Role::Administrator;
        let (single_use, expires_at) = (true, GRANT.expires_at + 1);
        let certificate_header = Some(CertificateHeader::ClientCert);
        for more in [
            Grant { role, ..GRANT },
            Grant {
                single_use,
                ..GRANT
            },
            Grant {
                expires_at,
                ..GRANT
            },
            Grant {
                certificate_header,
                ..GRANT
            },
        ] {
            assert!(!token.fits(&key, &more, &tag), "{more:?}");
        }
        assert!(!token.fits(&DeploymentKey::new([2; 32]), &GRANT, &tag));
        let other = Token::draw(&SeededRandom::new(6)).unwrap();
        assert!(!other.fits(&key, &GRANT, &tag));
        assert!(!token.fits(&key, &GRANT, &tag[..31]) && !token.fits(&key, &GRANT, &[]));
    }
}
