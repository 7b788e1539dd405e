//! Why a certificate is revoked, and who may say so.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::model::role::Role;

/// RFC 5280, section 5.3.1, without the two that take a revocation back.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RevocationReason {
    /// Nobody said why.
    Unspecified,
    /// Somebody else has, or may have, the certificate's private key.
    KeyCompromise,
    /// Somebody else has, or may have, the private key of a CA.
    CaCompromise,
    /// The holder's name or place in the organisation has changed.
    AffiliationChanged,
    /// Another certificate has taken its place.
    Superseded,
    /// It is not needed any more for what it was made for: a device is retired.
    CessationOfOperation,
    /// The holder may not do any more what it was for: a device is lost or stolen, a user was dismissed.
    PrivilegeWithdrawn,
}

/// A reason that cannot be given here, with what to do instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReason {
    /// RFC 5280's certificateHold, and removeFromCRL, which ends one.
    #[error(
        "a hold is refused, because its end would un-revoke a certificate: revoke it, and let the device enrol again afterwards"
    )]
    Hold,
    /// RFC 5280's aACompromise.
    #[error("aACompromise is for attribute authorities, which this service is not")]
    AttributeAuthority,
    /// None of RFC 5280's.
    #[error(
        "a reason is unspecified, key_compromise, ca_compromise, affiliation_changed, superseded, cessation_of_operation or privilege_withdrawn"
    )]
    Unknown,
}

impl RevocationReason {
    /// All that can be given.
    pub const ALL: [Self; 7] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::CaCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::PrivilegeWithdrawn,
    ];

    /// The stored word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "key_compromise",
            Self::CaCompromise => "ca_compromise",
            Self::AffiliationChanged => "affiliation_changed",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessation_of_operation",
            Self::PrivilegeWithdrawn => "privilege_withdrawn",
        }
    }

    /// RFC 5280's name of it, as other programs print it.
    #[must_use]
    pub fn standard_name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::CaCompromise => "cACompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::PrivilegeWithdrawn => "privilegeWithdrawn",
        }
    }

    /// RFC 5280's number of it: the value of `CRLReason`.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::KeyCompromise => 1,
            Self::CaCompromise => 2,
            Self::AffiliationChanged => 3,
            Self::Superseded => 4,
            Self::CessationOfOperation => 5,
            Self::PrivilegeWithdrawn => 9,
        }
    }

    /// Reads a word, ours or RFC 5280's.
    ///
    /// # Errors
    /// [`InvalidReason`].
    pub fn parse(word: &str) -> Result<Self, InvalidReason> {
        let of_word = |reason: &Self| reason.as_str() == word || reason.standard_name() == word;
        match Self::ALL.into_iter().find(of_word) {
            Some(reason) => Ok(reason),
            None => Err(match word {
                "certificateHold" | "certificate_hold" | "removeFromCRL" | "remove_from_crl" => {
                    InvalidReason::Hold
                }
                "aACompromise" | "aa_compromise" => InvalidReason::AttributeAuthority,
                _ => InvalidReason::Unknown,
            }),
        }
    }

    /// The least role that may give it.
    #[must_use]
    pub fn given_by(self) -> Role {
        match self {
            // Said of a CA's certificate, it ends all that the CA has signed.
            Self::CaCompromise => Role::Administrator,
            _ => Role::Operator,
        }
    }
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// That a certificate was revoked. It never ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Why.
    pub reason: RevocationReason,
    /// When, by our clock.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_read_in_both_spellings() {
        for reason in RevocationReason::ALL {
            assert_eq!(RevocationReason::parse(reason.as_str()), Ok(reason));
            assert_eq!(RevocationReason::parse(reason.standard_name()), Ok(reason));
        }
    }

    #[test]
    fn what_would_un_revoke_is_refused_with_its_reason() {
        for hold in ["certificateHold", "certificate_hold", "removeFromCRL"] {
            assert_eq!(RevocationReason::parse(hold), Err(InvalidReason::Hold));
        }
        assert_eq!(
            RevocationReason::parse("aACompromise"),
            Err(InvalidReason::AttributeAuthority)
        );
        for unknown in ["", "lost", "KeyCompromise", "keycompromise "] {
            assert_eq!(
                RevocationReason::parse(unknown),
                Err(InvalidReason::Unknown),
                "{unknown}"
            );
        }
    }
}
