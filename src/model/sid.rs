//! Security identifiers of an Active Directory ([MS-DTYP], section 2.4.2): which account a domain
//! controller takes a certificate for (KB5014754).

use std::fmt;

/// Below it stand accounts that every domain has: Administrator is 500 ([MS-DTYP], section 2.4.2.4).
const RELATIVE_MIN: u32 = 1000;

/// Why a SID or a domain's part of one was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSid {
    /// Not `S-1-5-21-` and three numbers.
    #[error("a domain's SID is S-1-5-21- and three numbers")]
    Domain,
    /// Not a domain's SID, `-` and a number.
    #[error("an account's SID is S-1-5-21- and four numbers")]
    Account,
    /// One of the accounts that every domain has.
    #[error("an account's last number is {RELATIVE_MIN} or more: below stand built-in accounts")]
    BuiltIn,
}

/// The part that the accounts of one domain share: `S-1-5-21-a-b-c`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SidDomain(String);

impl SidDomain {
    /// # Errors
    /// [`InvalidSid::Domain`].
    pub fn parse(unverified: &str) -> Result<Self, InvalidSid> {
        let numbers = unverified.strip_prefix("S-1-5-21-");
        let fits = numbers.is_some_and(|numbers| {
            numbers.split('-').count() == 3 && numbers.split('-').all(|text| number(text).is_some())
        });
        if fits {
            Ok(Self(unverified.to_owned()))
        } else {
            Err(InvalidSid::Domain)
        }
    }
}

/// An account's SID: `S-1-5-21-a-b-c-r`, where `r` is no built-in account's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sid(String);

impl Sid {
    /// # Errors
    /// [`InvalidSid`].
    pub fn parse(unverified: &str) -> Result<Self, InvalidSid> {
        let (domain, relative) = unverified.rsplit_once('-').ok_or(InvalidSid::Account)?;
        SidDomain::parse(domain).map_err(|_| InvalidSid::Account)?;
        match number(relative) {
            None => Err(InvalidSid::Account),
            Some(relative) if relative < RELATIVE_MIN => Err(InvalidSid::BuiltIn),
            Some(_) => Ok(Self(unverified.to_owned())),
        }
    }

    /// Whether it is one of this domain's accounts.
    #[must_use]
    pub fn is_of(&self, domain: &SidDomain) -> bool {
        self.0
            .rsplit_once('-')
            .is_some_and(|(of, _)| of == domain.0)
    }

    /// The text, as it stands in a certificate.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A number in the one form that it has: Windows compares SIDs as numbers, we as text.
fn number(text: &str) -> Option<u32> {
    let number: u32 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;

    #[test]
    fn an_account_belongs_to_its_domain() {
        let domain = SidDomain::parse("S-1-5-21-1004336348-1177238915-682003330").unwrap();
        let sid = Sid::parse("S-1-5-21-1004336348-1177238915-682003330-1000").unwrap();
        assert!(sid.is_of(&domain));
        assert!(!sid.is_of(&SidDomain::parse("S-1-5-21-1004336348-1177238915-68200333").unwrap()));
    }

    #[test]
    fn built_in_accounts_and_other_forms_are_refused() {
        for relative in ["0", "500", "512", "999"] {
            let sid = format!("S-1-5-21-1-2-3-{relative}");
            assert_eq!(Sid::parse(&sid), Err(InvalidSid::BuiltIn), "{sid}");
        }
        for unverified in [
            "",
            "S-1-5-18",
            "S-1-5-32-544",
            "s-1-5-21-1-2-3-1001",
            "S-1-5-21-1-2-3",
            "S-1-5-21-1-2-3-",
            "S-1-5-21-1-2-3-01001",
            "S-1-5-21-1-2-3-+1001",
            "S-1-5-21-1-2-3-4294967296",
            "S-1-5-21-1-2-3-4-1001",
            "S-1-5-21-01-2-3-1001",
            " S-1-5-21-1-2-3-1001",
            "S-1-5-21-1-2-3-1001\n",
        ] {
            assert_eq!(
                Sid::parse(unverified),
                Err(InvalidSid::Account),
                "{unverified:?}"
            );
        }
    }
}
