//! Which Verified Access is asked, and whose word an issuer's certificates rest on.

use serde::{Deserialize, Serialize};

/// An issuer is created for one endpoint and says so in its subject: the pair is the lock that
/// keeps a test server's word out of a certificate that somebody trusts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// Google's own.
    #[default]
    Google,
    /// A server for tests, which vouches for anything.
    Test,
}

impl Endpoint {
    /// The stable word: `google` or `test`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::Test => "test",
        }
    }
}
