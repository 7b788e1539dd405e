//! Who caused a change.

use std::borrow::Cow;

use crate::model::fingerprint::Fingerprint;
use crate::model::token::TokenId;

/// The cause of an audit event. Holds no personal value: the record can stay for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A device or user that enrols, through the public API.
    Requester,
    /// The operator at the command line of the server.
    CommandLine,
    /// The service itself, on its schedule.
    Schedule,
    /// Whoever holds this token, through the admin API.
    Token(TokenId),
    /// Whoever holds the key of this certificate, through the admin API.
    Certificate(Fingerprint),
}

impl Actor {
    /// The stored word: `token:` and an id or `certificate:` and a fingerprint for an operator.
    #[must_use]
    pub fn stored(&self) -> Cow<'static, str> {
        match self {
            Self::Requester => "requester".into(),
            Self::CommandLine => "command_line".into(),
            Self::Schedule => "schedule".into(),
            Self::Token(id) => format!("token:{id}").into(),
            Self::Certificate(fingerprint) => format!("certificate:{fingerprint}").into(),
        }
    }
}
