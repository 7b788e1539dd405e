//! Where relying parties fetch what certificates point to.

use std::fmt;

use serde::Deserialize;
use url::Url;

use crate::model::certificate::IssuerId;

/// Longest text that may stand in a certificate, in octets.
const LONGEST: usize = 200;

/// No address that can stand in a certificate for years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is an http:// address without user, query and slash at its end, such as http://pki.example.com: certificates point there for as long as they live, and https:// could need itself to be checked"
)]
pub struct InvalidPkiBase;

/// The address below which the PKI's files are, in the clear (RFC 5280, section 8). The paths behind it
/// are pinned: certificates name them for as long as they live.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PkiBase(String);

impl PkiBase {
    /// Takes the address as it shall stand in certificates.
    ///
    /// # Errors
    /// [`InvalidPkiBase`].
    pub fn parse(text: &str) -> Result<Self, InvalidPkiBase> {
        let url = Url::parse(text).map_err(|_| InvalidPkiBase)?;
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        // What the parser would write otherwise is no text to put into a certificate.
        let same = url.as_str().trim_end_matches('/') == text;
        if url.scheme() != "http" || !bare || !same || text.len() > LONGEST {
            return Err(InvalidPkiBase);
        }
        Ok(Self(text.to_owned()))
    }

    /// Where a CA's certificate is.
    #[must_use]
    pub fn certificate(&self, issuer: &IssuerId) -> String {
        format!("{}/ca/{issuer}.crt", self.0)
    }

    /// Where a CA's CRL is.
    #[must_use]
    pub fn crl(&self, issuer: &IssuerId) -> String {
        format!("{}/crl/{issuer}.crl", self.0)
    }

    /// Where the OCSP responder answers.
    #[must_use]
    pub fn ocsp(&self) -> String {
        format!("{}/ocsp", self.0)
    }
}

impl TryFrom<String> for PkiBase {
    type Error = InvalidPkiBase;

    fn try_from(text: String) -> Result<Self, InvalidPkiBase> {
        Self::parse(&text)
    }
}

impl fmt::Display for PkiBase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]

    use super::*;

    #[test]
    fn an_address_is_plain_and_stands_as_it_was_written() {
        let issuer = IssuerId::parse("0123456789abcdef").unwrap();
        let base = PkiBase::parse("http://pki.example.com").unwrap();
        assert_eq!(
            base.crl(&issuer),
            "http://pki.example.com/crl/0123456789abcdef.crl"
        );
        assert_eq!(
            base.certificate(&issuer),
            "http://pki.example.com/ca/0123456789abcdef.crt"
        );
        assert_eq!(base.ocsp(), "http://pki.example.com/ocsp");
        for right in ["http://127.0.0.1:8081", "http://pki.example.com/fleet"] {
            assert!(PkiBase::parse(right).is_ok(), "{right}");
        }
        let long = format!("http://pki.example.com/{}", "x".repeat(LONGEST));
        for wrong in [
            "",
            "pki.example.com",
            "https://pki.example.com",
            "ldap://pki.example.com",
            "http://pki.example.com/",
            "http://pki.example.com/fleet/",
            "http://user@pki.example.com",
            "http://user:secret@pki.example.com",
            "http://pki.example.com?x=1",
            "http://pki.example.com#x",
            "http://PKI.example.com",
            "http://pki.example.com:80",
            "http://b\u{fc}cher.example",
            "http://pki.example.com/a b",
            " http://pki.example.com",
            &long,
        ] {
            assert_eq!(PkiBase::parse(wrong), Err(InvalidPkiBase), "{wrong}");
        }
    }
}
