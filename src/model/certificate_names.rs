//! The names of one certificate, and which texts may stand in them.
//!
//! In DER a value cannot become structure, so nothing is escaped there. What reads certificates
//! downstream prints names as text and compares the text: a value that such a text would interpret
//! is refused.

use std::fmt;

use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519::{C, CN, L, O, OU, SERIAL_NUMBER, ST, UID};
use url::Url;

use crate::model::identity::{Domain, Email};
use crate::model::sid::Sid;

/// The organisational unit of every user's certificate: no user can look like a device.
pub const USER_UNIT: &str = "vaca user";
/// The organisational unit of every device's certificate.
pub const DEVICE_UNIT: &str = "vaca device";
/// How the units begin that this house gives, and nobody else.
const OWN_UNITS: &str = "vaca ";

/// An attribute of a subject, by the names of RFC 4519.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// Common name.
    CommonName,
    /// Organisation.
    Organization,
    /// Organisational unit.
    OrganizationalUnit,
    /// Country: two letters (ISO 3166-1).
    Country,
    /// State or province.
    State,
    /// City.
    Locality,
    /// The number of a device or person, not of the certificate.
    SerialNumber,
    /// User id.
    UserId,
}

impl Attribute {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::CommonName,
        Self::Organization,
        Self::OrganizationalUnit,
        Self::Country,
        Self::State,
        Self::Locality,
        Self::SerialNumber,
        Self::UserId,
    ];

    /// Its short name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CommonName => "CN",
            Self::Organization => "O",
            Self::OrganizationalUnit => "OU",
            Self::Country => "C",
            Self::State => "ST",
            Self::Locality => "L",
            Self::SerialNumber => "serialNumber",
            Self::UserId => "UID",
        }
    }

    /// Its object identifier.
    #[must_use]
    pub fn oid(self) -> ObjectIdentifier {
        match self {
            Self::CommonName => CN,
            Self::Organization => O,
            Self::OrganizationalUnit => OU,
            Self::Country => C,
            Self::State => ST,
            Self::Locality => L,
            Self::SerialNumber => SERIAL_NUMBER,
            Self::UserId => UID,
        }
    }

    /// Whether it is a PrintableString; the others are UTF8Strings (RFC 5280, appendix A.1).
    #[must_use]
    pub fn is_printable_string(self) -> bool {
        matches!(self, Self::Country | Self::SerialNumber)
    }

    /// Most characters (RFC 5280, appendix A.1, `ub-common-name` and its neighbours; RFC 4524,
    /// section 2 has none for UID, and its predecessor 256).
    fn longest(self) -> usize {
        match self {
            Self::Country => 2,
            Self::State | Self::Locality => 128,
            Self::UserId => 256,
            _ => 64,
        }
    }

    /// Whether `value` may stand in it; else why not.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(self, value: &str) -> Result<(), &'static str> {
        if value.chars().count() > self.longest() {
            return Err("is too long, and nothing is truncated");
        }
        check_text(value)?;
        let printable = |byte: u8| byte.is_ascii_alphanumeric() || b" '()+,-./:?".contains(&byte);
        match self {
            Self::Country if !is_country(value) => Err("is not two capital letters"),
            Self::SerialNumber if !value.bytes().all(printable) => {
                Err("holds a character that no PrintableString has")
            }
            Self::OrganizationalUnit if is_own_unit(value) => {
                Err("begins like the units that tell users from devices")
            }
            _ => Ok(()),
        }
    }
}

fn is_country(value: &str) -> bool {
    value.len() == 2 && value.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn is_own_unit(value: &str) -> bool {
    let beginning = value.get(..OWN_UNITS.len());
    beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(OWN_UNITS))
}

/// Letters, digits, ASCII marks and inner spaces, without what a name in text form interprets
/// (RFC 4514, section 2.4) and without `*`. The `+` of an e-mail may stay: it separates within an RDN
/// only where a type and `=` follow. Marks that turn or hide text are no letters.
fn check_text(value: &str) -> Result<(), &'static str> {
    let allowed = |letter: char| {
        let plain = letter.is_alphanumeric() || letter == ' ' || letter.is_ascii_graphic();
        plain && !"*,=<>#;\"\\".contains(letter)
    };
    if value.is_empty() {
        Err("is empty")
    } else if value.starts_with(' ') || value.ends_with(' ') {
        Err("begins or ends with a space")
    } else if !value.chars().all(allowed) {
        Err("holds a character that a name would interpret")
    } else {
        Ok(())
    }
}

/// A kind of subject alternative name (RFC 5280, section 4.2.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlternativeNameKind {
    /// rfc822Name.
    Email,
    /// uniformResourceIdentifier.
    Uri,
    /// dNSName.
    Dns,
    /// otherName with Microsoft's user principal name.
    Upn,
    /// otherName with a permanentIdentifier (RFC 4043): the value alone, so that it is this CA's.
    PermanentIdentifier,
}

impl AlternativeNameKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Email,
        Self::Uri,
        Self::Dns,
        Self::Upn,
        Self::PermanentIdentifier,
    ];

    /// The word of the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Uri => "uri",
            Self::Dns => "dns",
            Self::Upn => "upn",
            Self::PermanentIdentifier => "permanent_identifier",
        }
    }

    /// Whether `value` may stand in it; else why not.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(self, value: &str) -> Result<(), &'static str> {
        let fits = match self {
            Self::Email | Self::Upn => {
                Email::parse(value).is_ok_and(|email| email.as_str() == value)
            }
            Self::Dns => Domain::parse(value).is_ok_and(|domain| domain.as_str() == value),
            Self::Uri => is_normal_uri(value),
            Self::PermanentIdentifier => return Attribute::CommonName.check(value),
        };
        fits.then_some(()).ok_or(match self {
            Self::Email => "is not an e-mail address in lower case",
            Self::Upn => "is not a user principal name in lower case",
            Self::Dns => "is not a DNS name in lower case",
            _ => "is not a URI in its normal form",
        })
    }
}

/// Whether everybody who reads it reads the same: a parser that normalizes (RFC 3986, section 6)
/// changes nothing, and there is no `*` for a matcher to take.
fn is_normal_uri(value: &str) -> bool {
    let plain = value
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"*\"<>\\^`{|}".contains(&byte));
    plain
        && Url::parse(value).is_ok_and(|uri| {
            uri.as_str() == value && uri.username().is_empty() && uri.password().is_none()
        })
}

/// What one certificate calls its holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateNames {
    /// The subject, one attribute per RDN, in order; the first is [`USER_UNIT`] or [`DEVICE_UNIT`].
    pub subject: Vec<(Attribute, String)>,
    /// The subject alternative names, in order; without one there is no such extension.
    pub alternative: Vec<(AlternativeNameKind, String)>,
    /// The account that a domain controller takes it for.
    pub sid: Option<Sid>,
}

/// For people: `OU=vaca user, CN=alice@example.com; email:alice@example.com`.
impl fmt::Display for CertificateNames {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (attribute, value)) in self.subject.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(formatter, "{comma}{}={value}", attribute.as_str())?;
        }
        for (kind, value) in &self.alternative {
            write!(formatter, "; {}:{value}", kind.as_str())?;
        }
        match &self.sid {
            Some(sid) => write!(formatter, "; sid:{sid}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_holds_no_text_that_a_reader_would_interpret() {
        let name = Attribute::CommonName;
        for value in [
            "alice.o'neil+x@example.com",
            "/Students/Grade 5",
            "Schüler (7b)",
            "a",
        ] {
            assert_eq!(name.check(value), Ok(()), "{value}");
        }
        for value in [
            "",
            " a",
            "a ",
            "a*",
            "a\0",
            "a\n",
            "a,CN=b",
            "a=b",
            "<a",
            "a>",
            "#a",
            "a;b",
            "\"a",
            "a\\",
            "a\u{202e}b",
            "a\u{200b}b",
            "a\u{a0}b",
            "u\u{308}",
            "\u{1f600}",
        ] {
            assert!(name.check(value).is_err(), "{value:?}");
        }
        assert_eq!(name.check(&"ü".repeat(64)), Ok(()));
        assert!(name.check(&"a".repeat(65)).is_err());
    }

    #[test]
    fn each_attribute_has_its_own_rule() {
        assert_eq!(Attribute::Country.check("DE"), Ok(()));
        assert!(Attribute::Country.check("de").is_err());
        assert!(Attribute::Country.check("D").is_err());
        assert_eq!(Attribute::SerialNumber.check("5CD1234-X"), Ok(()));
        assert!(Attribute::SerialNumber.check("5CD_1234").is_err());
        assert_eq!(Attribute::OrganizationalUnit.check("vacation"), Ok(()));
        assert!(Attribute::OrganizationalUnit.check("Vaca device").is_err());
        assert_eq!(Attribute::CommonName.check("vaca device"), Ok(()));
        assert_eq!(Attribute::Locality.check(&"a".repeat(128)), Ok(()));
    }

    #[test]
    fn alternative_names_are_in_their_one_form() {
        use AlternativeNameKind as Kind;
        let good = [
            (Kind::Email, "a.b'c+d@example.com"),
            (Kind::Upn, "alice@ad.example.com"),
            (Kind::Dns, "1a2b.devices.example.com"),
            (Kind::Uri, "https://example.com/device/1a2b"),
            (Kind::Uri, "spiffe://example.com/device/1a2b"),
            (Kind::Uri, "urn:example:device:1a2b"),
            (Kind::PermanentIdentifier, "1a2b"),
        ];
        for (kind, value) in good {
            assert_eq!(kind.check(value), Ok(()), "{value}");
        }
        let bad = [
            (Kind::Email, "Alice@example.com"),
            (Kind::Email, "alice"),
            (Kind::Upn, "alice@"),
            (Kind::Upn, "a\\alice@example.com"),
            (Kind::Dns, "*.example.com"),
            (Kind::Dns, "1A2B.example.com"),
            (Kind::Dns, "a_b.example.com"),
            (Kind::Dns, "localhost"),
            (Kind::Uri, "example.com/a"),
            (Kind::Uri, "https://example.com"),
            (Kind::Uri, "https://example.com/a/../b"),
            (Kind::Uri, "https://example.com/%2e%2e/b"),
            (Kind::Uri, "https://alice@example.com/"),
            (Kind::Uri, "https://EXAMPLE.com/"),
            (Kind::Uri, "https://example.com/*"),
            (Kind::Uri, "https://example.com/a b"),
            (Kind::Uri, "https://example.com/ü"),
            (Kind::PermanentIdentifier, ""),
            (Kind::PermanentIdentifier, "a*"),
        ];
        for (kind, value) in bad {
            assert!(kind.check(value).is_err(), "{value}");
        }
    }
}
