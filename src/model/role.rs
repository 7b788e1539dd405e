//! What an operator may do.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What whoever uses the admin API may do. Each includes the ones before it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Asks whether a certificate is good: a RADIUS server, a proxy.
    RelyingParty,
    /// Reads the record.
    Auditor,
    /// Is told why, in words for the person at the Chromebook.
    HelpDesk,
    /// Releases who waits.
    Operator,
    /// Decides who may do all this.
    Administrator,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 5] = [
        Self::RelyingParty,
        Self::Auditor,
        Self::HelpDesk,
        Self::Operator,
        Self::Administrator,
    ];

    /// The stored word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RelyingParty => "relying_party",
            Self::Auditor => "auditor",
            Self::HelpDesk => "help_desk",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_is_more_than_the_one_before() {
        assert!(Role::ALL.is_sorted());
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("Auditor"), None);
    }
}
