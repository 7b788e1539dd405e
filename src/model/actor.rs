//! Who caused a change.

use serde::{Deserialize, Serialize};

/// The cause of an audit event. Holds no personal value: the record can stay for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A device or user that enrols, through the public API.
    Requester,
    /// The operator at the command line of the server.
    CommandLine,
    /// The service itself, on its schedule.
    Schedule,
}

impl Actor {
    /// The stored word.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Requester => "requester",
            Self::CommandLine => "command_line",
            Self::Schedule => "schedule",
        }
    }
}
