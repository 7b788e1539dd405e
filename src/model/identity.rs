//! Who a certificate can be about.
//!
//! Names are refused, never repaired: the bytes that Verified Access confirmed are the bytes that
//! stand in the certificate.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whose key was challenged: `challengeKey({scope})` of `chrome.enterprise.platformKeys`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyScope {
    /// Enterprise Machine Key: the identity is the device.
    Machine,
    /// Enterprise User Key: the identity is the user's e-mail.
    User,
}

impl KeyScope {
    /// The stable word: `machine` or `user`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::User => "user",
        }
    }
}

impl fmt::Display for KeyScope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Why a name was refused; says nothing of the name itself, which is a stranger's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdentity {
    /// Not `[a-z0-9._'+-]+@` and a domain, after lower-casing; or longer than RFC 5321 allows.
    #[error("not an e-mail address of ASCII letters, digits and ._'+- at a domain")]
    Email,
    /// Not an A-label domain name (RFC 5890) of two labels or more.
    #[error("not a domain name in its ASCII form")]
    Domain,
    /// Not 1 to 64 of `[A-Za-z0-9._-]`.
    #[error("not an identifier of 1 to 64 letters, digits, dots, dashes and underscores")]
    Identifier,
}

/// Longest local part, in octets (RFC 5321, section 4.5.3.1.1).
const LOCAL_PART_MAX: usize = 64;
/// Longest domain name, in octets (RFC 1035, section 2.3.4, without the root's dot).
const DOMAIN_MAX: usize = 253;
/// Longest label, in octets (RFC 1035, section 2.3.4).
const LABEL_MAX: usize = 63;
/// Longest identifier that Google gave, in octets: it must fit a common name (RFC 5280, A.1).
const IDENTIFIER_MAX: usize = 64;

/// A domain name in lower-case A-label form, of at least two labels.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Domain(String);

impl Domain {
    /// Lower-cases and checks.
    ///
    /// # Errors
    /// [`InvalidIdentity::Domain`].
    pub fn parse(unverified: &str) -> Result<Self, InvalidIdentity> {
        let name = unverified.to_ascii_lowercase();
        let labels_fit = name.split('.').all(is_label) && name.contains('.');
        if name.len() <= DOMAIN_MAX && labels_fit {
            Ok(Self(name))
        } else {
            Err(InvalidIdentity::Domain)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_label(label: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=LABEL_MAX).contains(&label.len())
        && label.bytes().all(inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// A user's e-mail, lower-cased ASCII. Where it comes from a request it is a claim until Verified
/// Access has confirmed it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// Lower-cases and checks: `[a-z0-9._'+-]+@` and an A-label domain.
    ///
    /// # Errors
    /// [`InvalidIdentity::Email`].
    pub fn parse(unverified: &str) -> Result<Self, InvalidIdentity> {
        let address = unverified.to_ascii_lowercase();
        let (local, domain) = address.split_once('@').ok_or(InvalidIdentity::Email)?;
        if is_local_part(local) && Domain::parse(domain).is_ok() {
            Ok(Self(address))
        } else {
            Err(InvalidIdentity::Email)
        }
    }

    /// The whole address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`.
    #[must_use]
    pub fn local_part(&self) -> &str {
        local_part(&self.0)
    }

    /// What stands behind the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }
}

/// What stands before the `@` of an address.
#[must_use]
pub fn local_part(address: &str) -> &str {
    address.split_once('@').map_or(address, |(local, _)| local)
}

/// Whether it has only what a local part may have.
#[must_use]
pub fn is_local_part(text: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._'+-".contains(&byte);
    (1..=LOCAL_PART_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

/// An identifier that Google gave: printable in a log, a URI and a distinguished name as it is.
fn check_identifier(unverified: &str) -> Result<String, InvalidIdentity> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=IDENTIFIER_MAX).contains(&unverified.len()) && unverified.bytes().all(allowed) {
        Ok(unverified.to_owned())
    } else {
        Err(InvalidIdentity::Identifier)
    }
}

/// The Google organisation that manages a device or user, such as `C01abc234`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct CustomerId(String);

impl CustomerId {
    /// # Errors
    /// [`InvalidIdentity::Identifier`].
    pub fn parse(unverified: &str) -> Result<Self, InvalidIdentity> {
        check_identifier(unverified).map(Self)
    }

    /// The identifier.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A device's identifier, as Google gave it: the Directory API's for a machine answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct DeviceId(String);

impl DeviceId {
    /// # Errors
    /// [`InvalidIdentity::Identifier`].
    pub fn parse(unverified: &str) -> Result<Self, InvalidIdentity> {
        check_identifier(unverified).map(Self)
    }

    /// The identifier.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What Verified Access is told the answer must be about. There is no empty one: an empty expected
/// identity makes Google skip the check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectedIdentity {
    /// The enrolled domain, for a machine key.
    Domain(Domain),
    /// The user's e-mail, for a user key.
    Email(Email),
}

impl ExpectedIdentity {
    /// The text that is sent; never empty.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Domain(domain) => domain.as_str(),
            Self::Email(email) => email.as_str(),
        }
    }

    /// Whose key this identity goes with.
    #[must_use]
    pub fn scope(&self) -> KeyScope {
        match self {
            Self::Domain(_) => KeyScope::Machine,
            Self::Email(_) => KeyScope::User,
        }
    }
}

/// Who Verified Access confirmed: the identity that a certificate will carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifiedIdentity {
    /// A managed device of the profile's domain.
    Device {
        /// Directory API device id.
        device_permanent_id: DeviceId,
        /// The enrolled domain that Verified Access confirmed.
        domain: Domain,
    },
    /// A managed user; Verified Access accepted exactly this e-mail.
    User {
        /// The e-mail.
        email: Email,
    },
}

impl VerifiedIdentity {
    /// Whose key it is.
    #[must_use]
    pub fn scope(&self) -> KeyScope {
        match self {
            Self::Device { .. } => KeyScope::Machine,
            Self::User { .. } => KeyScope::User,
        }
    }

    /// `device:<id>` or `user:<e-mail>`: one text per identity, for rules such as "one key, one
    /// identity".
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Device {
                device_permanent_id,
                ..
            } => format!("device:{}", device_permanent_id.as_str()),
            Self::User { email } => format!("user:{}", email.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;

    #[test]
    fn an_email_is_lower_cased_and_nothing_else() {
        let email = Email::parse("Alice.O'Neil+x@Example.COM").unwrap();
        assert_eq!(email.as_str(), "alice.o'neil+x@example.com");
        assert_eq!(email.domain(), "example.com");
    }

    #[test]
    fn emails_that_someone_would_interpret_are_refused() {
        for unverified in [
            "",
            "alice",
            "@example.com",
            "alice@",
            "alice@@example.com",
            "a@b@example.com",
            "*@example.com",
            "alice@*.example.com",
            "al ice@example.com",
            "alice@example.com\n",
            "alice\0@example.com",
            "älice@example.com",
            "alice@exämple.com",
            "alice@localhost",
            "alice@-example.com",
            "alice@example..com",
            "alice@example.com.",
            "a,b@example.com",
            "\u{202e}alice@example.com",
            "alice\u{212a}@example.com",
        ] {
            assert_eq!(
                Email::parse(unverified),
                Err(InvalidIdentity::Email),
                "{unverified:?}"
            );
        }
        let long = format!("{}@example.com", "a".repeat(LOCAL_PART_MAX + 1));
        assert_eq!(Email::parse(&long), Err(InvalidIdentity::Email));
    }

    #[test]
    fn identifiers_fit_a_uri_and_a_common_name() {
        assert!(DeviceId::parse("1a2b-3c4d_5e.6f").is_ok());
        for unverified in [
            "",
            "a b",
            "a/b",
            "a,b",
            "ä",
            &"a".repeat(IDENTIFIER_MAX + 1),
        ] {
            assert!(DeviceId::parse(unverified).is_err(), "{unverified:?}");
        }
    }
}
