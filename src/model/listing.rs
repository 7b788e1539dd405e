//! What the organisation's lists of blocked and of allowed ones said of a holder, as it stands in the
//! facts: the lists change, the decision record does not.

use serde::{Deserialize, Serialize};

/// What the lists of blocked users and devices said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockListing {
    /// The lists that were looked at, each with the first digits of its file's SHA-256.
    pub lists: String,
    /// Which of the holder's names stands in one, such as `virtual_device_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// Why, in the words of the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl BlockListing {
    /// What was seen, for a check.
    #[must_use]
    pub fn seen(&self) -> String {
        match (&self.found, &self.reason) {
            (None, _) => "in none".to_owned(),
            (Some(name), None) => format!("{name} is listed"),
            (Some(name), Some(reason)) => format!("{name} is listed: {reason}"),
        }
    }
}

/// What a profile's list of allowed ones said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowListing {
    /// The file, as the profile names it.
    pub file: String,
    /// The first digits of its SHA-256.
    pub digest: String,
    /// Whether the holder stands in it.
    pub listed: bool,
}
