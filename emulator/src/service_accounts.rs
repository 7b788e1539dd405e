//! Fake service accounts: who may call Verified Access, and how much of an answer each gets.

mod token;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::entropy;
use crate::keys::SigningKey;
use crate::pem::pem;

pub use token::{AUDIENCE, SCOPE, TokenError};

/// What the administrator allows a service account, in the two lists of the admin console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Answers with device ids and certificate requests.
    Full,
    /// Answers without them.
    Limited,
    /// On no list.
    None,
}

/// How long an access token of the token endpoint lives, in seconds.
pub(crate) const TOKEN_LIFETIME_S: i64 = 3600;

struct Account {
    client_email: String,
    key_id: String,
    key: SigningKey,
    access: Access,
}

struct OpaqueToken {
    client_email: String,
    expires_ms: i64,
}

/// All service accounts of one emulator, and the access tokens that they were given.
pub struct ServiceAccounts {
    accounts: Mutex<Vec<Account>>,
    tokens: Mutex<HashMap<String, OpaqueToken>>,
    token_uri: String,
}

impl ServiceAccounts {
    pub(crate) fn new(token_uri: String) -> Self {
        Self {
            accounts: Mutex::default(),
            tokens: Mutex::default(),
            token_uri,
        }
    }

    fn accounts(&self) -> MutexGuard<'_, Vec<Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<String, OpaqueToken>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an account with a key of its own and returns its JSON key file.
    pub fn add(&self, name: &str, access: Access, key: SigningKey) -> anyhow::Result<String> {
        let account = Account {
            client_email: format!("{name}@emulated-project.iam.gserviceaccount.com"),
            key_id: entropy::hex::<20>()?,
            key,
            access,
        };
        let file = self.key_file(&account);
        self.accounts().push(account);
        Ok(file)
    }

    /// Moves an account to another list; `false` where it is unknown.
    pub fn set_access(&self, client_email: &str, access: Access) -> bool {
        let mut accounts = self.accounts();
        let found = accounts
            .iter_mut()
            .find(|account| account.client_email == client_email);
        found.map(|account| account.access = access).is_some()
    }

    /// The JSON that Google's console offers for download; `private_key` is PKCS#8 PEM.
    fn key_file(&self, account: &Account) -> String {
        let file = json!({
            "type": "service_account",
            "project_id": "emulated-project",
            "private_key_id": account.key_id,
            "private_key": pem("PRIVATE KEY", account.key.pkcs8()),
            "client_email": account.client_email,
            "client_id": "100000000000000000000",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": self.token_uri,
            "universe_domain": "googleapis.com",
        });
        format!("{file:#}\n")
    }
}

impl fmt::Debug for ServiceAccounts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ServiceAccounts")
    }
}
