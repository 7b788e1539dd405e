//! `[http]`: what an administrator decides about the edge.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// `[http]` as it is written in the configuration.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpSettings {
    /// The Chrome extensions whose pages may read our answers (CORS). Whoever publishes the
    /// extension adds its id here. CORS protects no secret of ours: it keeps web sites from using a
    /// visitor's browser as their client.
    pub extension_ids: Vec<ExtensionId>,
    /// The reverse proxies whose `X-Forwarded-For` is believed, each by its exact address. Whoever
    /// puts a proxy in front of vaca lists it: otherwise all failures count against the proxy. List
    /// nothing else: a listed peer can name any address as its client.
    pub trusted_proxies: Vec<IpAddr>,
}

/// The id of a Chrome extension: 32 letters `a` to `p`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExtensionId(String);

/// Not the id of an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an extension id is 32 letters from a to p, as chrome://extensions shows it")]
pub struct InvalidExtensionId;

impl ExtensionId {
    /// Reads an id.
    ///
    /// # Errors
    /// [`InvalidExtensionId`].
    pub fn parse(id: &str) -> Result<Self, InvalidExtensionId> {
        let letter = |byte: u8| (b'a'..=b'p').contains(&byte);
        if id.len() == 32 && id.bytes().all(letter) {
            Ok(Self(id.to_owned()))
        } else {
            Err(InvalidExtensionId)
        }
    }

    /// The origin of the extension's pages: `chrome-extension://ID`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("chrome-extension://{}", self.0)
    }
}

impl fmt::Display for ExtensionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for ExtensionId {
    type Error = InvalidExtensionId;

    fn try_from(id: String) -> Result<Self, InvalidExtensionId> {
        Self::parse(&id)
    }
}

impl From<ExtensionId> for String {
    fn from(id: ExtensionId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(toml: &str) -> Result<HttpSettings, toml::de::Error> {
        toml::from_str(toml)
    }

    #[test]
    fn only_known_settings_and_genuine_ids_load() {
        let id = "abcdefghijklmnopabcdefghijklmnop";
        assert!(settings("").is_ok());
        assert!(settings(&format!("extension_ids = ['{id}']")).is_ok());
        assert!(settings("trusted_proxies = ['192.0.2.1', '2001:db8::1']").is_ok());
        for wrong in [
            format!("extension_ids = ['{}']", &id.to_uppercase()),
            format!("extension_ids = ['{}']", &id.replace('p', "q")),
            format!("extension_ids = ['{id}a']"),
            "extension_ids = ['*']".to_owned(),
            "trusted_proxies = ['proxy.example.com']".to_owned(),
            "trusted_proxy = []".to_owned(),
        ] {
            assert!(settings(&wrong).is_err(), "{wrong}");
        }
    }
}
