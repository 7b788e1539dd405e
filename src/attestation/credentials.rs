//! The service account, and the `authorization` it gives to each call.

mod exchange;
mod key_file;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use google_cloud_auth::credentials::service_account::AccessSpecifier;
use google_cloud_auth::credentials::{
    Builder, CacheableResource, Credentials as Library, service_account,
};
use google_cloud_auth::errors::CredentialsError as LibraryError;
use http::{Extensions, HeaderMap};

use crate::attestation::credentials::exchange::Exchange;
use crate::attestation::credentials::key_file::KeyFile;
use crate::attestation::failure::chain;
use crate::attestation::settings::{TokenMethod, VerifiedAccessSettings};
use crate::attestation::trust::Roots;
use crate::clock::{Clock, Timestamp};

/// The one thing that the token is good for.
const SCOPE: &str = "https://www.googleapis.com/auth/verifiedaccess";

/// How long the first token may take.
const PROOF_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no token, found at the start; each message says what to change.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The key file cannot be read.
    #[error("verified_access.service_account_file {path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The key file is something else.
    #[error("verified_access.service_account_file {path} is not a service account's key: {cause}")]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// What is missing or wrong; never a value of the file.
        cause: String,
    },
    /// No application default credentials on this machine.
    #[error(
        "no application default credentials: set verified_access.service_account_file ({cause})"
    )]
    NoDefault {
        /// What Google's library said.
        cause: String,
    },
    /// The HTTP client for the exchange does not start.
    #[error("the token exchange cannot be set up: {cause}")]
    Client {
        /// What the library said.
        cause: String,
    },
    /// The key makes no token.
    #[error("the service account's credential does not work: {cause}")]
    Refused {
        /// What the library or the token server said.
        cause: String,
    },
}

/// No token for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokenFailure {
    /// Whether another try may succeed although nobody changes anything.
    pub(super) transient: bool,
    /// For the operator; holds no secret.
    pub(super) cause: String,
}

/// A source of `authorization` headers.
pub(super) enum Credentials {
    /// google-cloud-auth: a self-signed JWT, or application default credentials. It keeps its own
    /// cache, and reads the system's clock for it.
    Library(Library),
    /// A JWT that is exchanged at the key's token server.
    Exchange(Box<Exchange>),
}

impl Credentials {
    /// Reads the key file, if the settings name one. Makes no token yet.
    ///
    /// # Errors
    /// [`CredentialsError`].
    pub(super) fn load(
        settings: &VerifiedAccessSettings,
        roots: &Roots,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CredentialsError> {
        let Some(path) = &settings.service_account_file else {
            return Builder::default()
                .with_scopes([SCOPE])
                .build()
                .map(Self::Library)
                .map_err(|error| CredentialsError::NoDefault {
                    cause: chain(&error),
                });
        };
        let file = KeyFile::read(path)?;
        match settings.token {
            TokenMethod::SelfSignedJwt => service_account::Builder::new(file.json)
                .with_access_specifier(AccessSpecifier::from_scopes([SCOPE]))
                .build()
                .map(Self::Library)
                .map_err(|error| CredentialsError::NotAKey {
                    path: path.clone(),
                    cause: chain(&error),
                }),
            TokenMethod::JwtBearer => {
                let exchange = Exchange::new(file, settings.endpoint, roots, clock)?;
                Ok(Self::Exchange(Box::new(exchange)))
            }
        }
    }

    /// Makes a first token, so that a key that cannot is found at the start and not by the first
    /// Chromebook. An outage of the token server is not the key's fault: it is logged and passed.
    ///
    /// # Errors
    /// [`CredentialsError::Refused`].
    pub(super) async fn prove(&self) -> Result<(), CredentialsError> {
        let failure = match tokio::time::timeout(PROOF_TIMEOUT, self.headers()).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(failure)) => failure,
            Err(_) => TokenFailure {
                transient: true,
                cause: "no token in time".to_owned(),
            },
        };
        if failure.transient {
            tracing::warn!(cause = %failure.cause, "the service account's credential is not proven yet");
            return Ok(());
        }
        Err(CredentialsError::Refused {
            cause: failure.cause,
        })
    }

    /// The headers that authorize one call.
    ///
    /// # Errors
    /// [`TokenFailure`].
    pub(super) async fn headers(&self) -> Result<HeaderMap, TokenFailure> {
        match self {
            Self::Exchange(exchange) => exchange.headers().await,
            Self::Library(library) => match library.headers(Extensions::new()).await {
                Ok(CacheableResource::New { data, .. }) => Ok(data),
                Ok(CacheableResource::NotModified) => Err(TokenFailure {
                    transient: true,
                    cause: "the credentials library gave no token".to_owned(),
                }),
                Err(error) => Err(TokenFailure {
                    transient: LibraryError::is_transient(&error),
                    cause: chain(&error),
                }),
            },
        }
    }

    /// When the token ends, where there is one and that is known: the library keeps it to itself.
    pub(super) fn token_ends(&self) -> Option<Timestamp> {
        match self {
            Self::Exchange(exchange) => exchange.token_ends(),
            Self::Library(_) => None,
        }
    }

    /// Verified Access did not take the token: a cached one is not offered again.
    pub(super) async fn forget(&self) {
        if let Self::Exchange(exchange) = self {
            exchange.forget().await;
        }
    }
}

#[cfg(test)]
mod tests;
