//! A service account's key, as downloaded from Google Cloud.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::attestation::credentials::CredentialsError;

/// A key file that was read. Has no `Debug`: it holds the private key.
pub(super) struct KeyFile {
    /// All of it, for the library.
    pub(super) json: Value,
    /// Who signs.
    pub(super) client_email: String,
    /// Which of the account's keys signs.
    pub(super) private_key_id: String,
    /// Where an assertion is exchanged.
    pub(super) token_uri: Option<String>,
    /// Where it was read.
    pub(super) path: std::path::PathBuf,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(rename = "type")]
    kind: Option<String>,
    client_email: Option<String>,
    private_key_id: Option<String>,
    private_key: Option<String>,
    token_uri: Option<String>,
}

impl KeyFile {
    /// Reads and looks at what is there; whether the key signs is found by signing.
    ///
    /// # Errors
    /// [`CredentialsError`], without any value of the file: an error about the wrong file must not
    /// put its secrets into a log.
    pub(super) fn read(path: &Path) -> Result<Self, CredentialsError> {
        let bytes = std::fs::read(path).map_err(|source| CredentialsError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let not_a_key = |cause: String| CredentialsError::NotAKey {
            path: path.to_owned(),
            cause,
        };
        let json: Value = serde_json::from_slice(&bytes).map_err(|error| {
            not_a_key(format!(
                "no JSON (line {}, column {})",
                error.line(),
                error.column()
            ))
        })?;
        let fields: Fields = Fields::deserialize(&json)
            .map_err(|_| not_a_key("a field of it is no text".to_owned()))?;
        if fields.kind.as_deref() != Some("service_account") {
            return Err(not_a_key("its type is not service_account".to_owned()));
        }
        let needed = |name: &str, value: Option<String>| {
            value
                .filter(|value| !value.is_empty())
                .ok_or_else(|| not_a_key(format!("it has no {name}")))
        };
        needed("private_key", fields.private_key)?;
        Ok(Self {
            client_email: needed("client_email", fields.client_email)?,
            private_key_id: needed("private_key_id", fields.private_key_id)?,
            token_uri: fields.token_uri,
            path: path.to_owned(),
            json,
        })
    }
}
