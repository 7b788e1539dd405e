//! What is remembered of a certificate, and who signed it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// An issuer's id: the first 16 hexadecimal digits of SHA-256 over its SubjectPublicKeyInfo. Paths
/// inside certificates name it, so it must outlive names and renewals.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IssuerId(String);

impl IssuerId {
    /// The id of the key whose SPKI has this SHA-256.
    #[must_use]
    pub fn of_spki_digest(digest: &[u8; 32]) -> Self {
        let mut id = crate::model::serial::hex(digest);
        id.truncate(16);
        Self(id)
    }

    /// Reads a stored or requested id: 16 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(unverified: &str) -> Option<Self> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (unverified.len() == 16 && unverified.bytes().all(digit))
            .then(|| Self(unverified.to_owned()))
    }

    /// The sixteen digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IssuerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// From when to when a certificate is good, both ends included (RFC 5280, section 4.1.2.5), and
/// from when its holder should ask for the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First second.
    pub not_before: Timestamp,
    /// Last second.
    pub not_after: Timestamp,
    /// From here on a renewal is welcome.
    pub renew_after: Timestamp,
}

/// What a certificate is for; the words are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateKind {
    /// A client certificate, from an attempt.
    Client,
    /// The root's own.
    Root,
    /// An issuing CA's, signed by the root.
    Issuing,
    /// A signer's of OCSP responses, signed by the issuing CA.
    Ocsp,
    /// One that turned up: it verifies under our key, and nobody here meant to sign it.
    Unrecorded,
}

impl CertificateKind {
    /// The stored word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Root => "root",
            Self::Issuing => "issuing",
            Self::Ocsp => "ocsp",
            Self::Unrecorded => "unrecorded",
        }
    }
}
