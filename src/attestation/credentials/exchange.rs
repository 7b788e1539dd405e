//! The JWT-bearer grant (RFC 7523, section 2.1): an assertion that the service account signs, for
//! an access token.

use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use google_cloud_auth::credentials::service_account;
use google_cloud_auth::signer::Signer;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;

use crate::attestation::credentials::key_file::KeyFile;
use crate::attestation::credentials::{CredentialsError, SCOPE, TokenFailure};
use crate::attestation::failure::{chain, redacted};
use crate::attestation::https;
use crate::attestation::settings::is_private_to_the_peer;
use crate::attestation::trust::Roots;
use crate::clock::{Clock, Timestamp};
use crate::model::endpoint::Endpoint;

/// How long an assertion is good, in seconds: the most that Google allows.
const ASSERTION_LIFETIME: i64 = 3600;
/// How far back an assertion is dated, in seconds, for a token server whose clock is behind.
const BACKDATED: i64 = 10;
/// How long before its end a token is replaced.
const REFRESH_MARGIN: Duration = Duration::from_secs(300);
/// How long one exchange may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest answer that is read, in octets.
const ANSWER_MAX: usize = 64 * 1024;

/// A service account whose tokens come from a token server. One exchange at a time; its result
/// serves everybody until shortly before it ends.
pub(in crate::attestation) struct Exchange {
    signer: Signer,
    client_email: String,
    private_key_id: String,
    token_uri: String,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    cached: Mutex<Option<Token>>,
    /// By our clock; apart, because the cache is locked for as long as an exchange takes.
    ends: StdMutex<Option<Timestamp>>,
}

struct Token {
    header: HeaderValue,
    /// Monotonic.
    refresh_at: Duration,
    /// Monotonic.
    expires_at: Duration,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Option<u64>,
}

/// RFC 6749, section 5.2.
#[derive(Deserialize)]
struct Denied {
    error: String,
    #[serde(default)]
    error_description: String,
}

impl Exchange {
    /// Prepares the exchange at the key's own `token_uri`: over TLS with the settings' roots, or,
    /// for a test endpoint, also on this machine in the clear.
    ///
    /// # Errors
    /// [`CredentialsError`].
    pub(super) fn new(
        file: KeyFile,
        endpoint: Endpoint,
        roots: &Roots,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CredentialsError> {
        let not_a_key = |cause: String| CredentialsError::NotAKey {
            path: file.path.clone(),
            cause,
        };
        let token_uri = file
            .token_uri
            .filter(|uri| may_receive_assertions(uri, endpoint))
            .ok_or_else(|| not_a_key("it has no token_uri that is https".to_owned()))?;
        let signer = service_account::Builder::new(file.json)
            .build_signer()
            .map_err(|error| not_a_key(chain(&error)))?;
        Ok(Self {
            signer,
            client_email: file.client_email,
            private_key_id: file.private_key_id,
            http: https::client(endpoint, roots, TIMEOUT)
                .map_err(|cause| CredentialsError::Client { cause })?,
            token_uri,
            clock,
            cached: Mutex::new(None),
            ends: StdMutex::default(),
        })
    }

    /// The `authorization` header, from the cache while it is fresh. A token that is still good
    /// bridges an outage of the token server.
    ///
    /// # Errors
    /// [`TokenFailure`].
    pub(super) async fn headers(&self) -> Result<HeaderMap, TokenFailure> {
        let mut cached = self.cached.lock().await;
        let now = self.clock.monotonic();
        if let Some(token) = cached.as_ref().filter(|token| now < token.refresh_at) {
            return Ok(authorization(token));
        }
        match self.exchange().await {
            Ok(token) => {
                let left = token.expires_at.saturating_sub(self.clock.monotonic());
                let left = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
                self.note_end(Some(self.clock.now().plus(left)));
                Ok(authorization(cached.insert(token)))
            }
            Err(failure) => match cached.as_ref() {
                Some(token) if failure.transient && now < token.expires_at => {
                    tracing::warn!(cause = %failure.cause, "the access token cannot be replaced yet");
                    Ok(authorization(token))
                }
                _ => Err(failure),
            },
        }
    }

    /// Drops the cached token.
    pub(super) async fn forget(&self) {
        *self.cached.lock().await = None;
        self.note_end(None);
    }

    /// When the cached token ends; `None` without one.
    pub(super) fn token_ends(&self) -> Option<Timestamp> {
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_end(&self, at: Option<Timestamp>) {
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    async fn exchange(&self) -> Result<Token, TokenFailure> {
        let assertion = self.assertion().await?;
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion.as_str()),
        ];
        let sent = self.http.post(&self.token_uri).form(&form).send().await;
        // Without the URL: it is the key file's text, and no value of that file is logged.
        let response = sent.map_err(|error| transient(chain(&error.without_url())))?;
        let status = response.status();
        let body = https::read(response, ANSWER_MAX).await;
        let body = body.map_err(|cause| transient(format!("the token server: {cause}")))?;
        if status != StatusCode::OK {
            return Err(denial(status, &body));
        }
        let granted: Granted = serde_json::from_slice(&body)
            .map_err(|_| transient("the token server's answer holds no access token".to_owned()))?;
        self.token(&granted)
    }

    fn token(&self, granted: &Granted) -> Result<Token, TokenFailure> {
        let mut header = HeaderValue::try_from(format!("Bearer {}", granted.access_token))
            .map_err(|_| transient("the access token cannot stand in a header".to_owned()))?;
        header.set_sensitive(true);
        let lifetime = Duration::from_secs(granted.expires_in.unwrap_or(3600).min(3600));
        let now = self.clock.monotonic();
        Ok(Token {
            header,
            refresh_at: now + lifetime.saturating_sub(REFRESH_MARGIN.min(lifetime / 4)),
            expires_at: now + lifetime,
        })
    }

    /// RFC 7523, section 3.
    async fn assertion(&self) -> Result<String, TokenFailure> {
        let issued = self.clock.now().minus(BACKDATED);
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.private_key_id });
        let claims = json!({
            "iss": self.client_email,
            "scope": SCOPE,
            "aud": self.token_uri,
            "iat": issued.0,
            "exp": issued.plus(ASSERTION_LIFETIME).0,
        });
        let part = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = self.signer.sign(&message).await;
        let signature = signature.map_err(|error| TokenFailure {
            transient: false,
            cause: format!("the private key does not sign: {}", chain(&error)),
        })?;
        Ok(format!(
            "{message}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(signature)
        ))
    }
}

fn may_receive_assertions(token_uri: &str, endpoint: Endpoint) -> bool {
    token_uri.parse::<Uri>().is_ok_and(|uri| match endpoint {
        Endpoint::Google => uri.scheme_str() == Some("https"),
        Endpoint::Test => is_private_to_the_peer(&uri),
    })
}

/// RFC 6749, section 5.2: a 400 or 401 is about us; a full or broken server is not.
fn denial(status: StatusCode, body: &[u8]) -> TokenFailure {
    let said = serde_json::from_slice::<Denied>(body).map_or_else(
        |_| String::new(),
        |denied| redacted(&format!("{} {}", denied.error, denied.error_description)),
    );
    let passing = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    TokenFailure {
        transient: !status.is_client_error() || passing.contains(&status),
        cause: format!("the token server answered {}: {said}", status.as_u16()),
    }
}

fn transient(cause: String) -> TokenFailure {
    TokenFailure {
        transient: true,
        cause,
    }
}

fn authorization(token: &Token) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, token.header.clone())])
}
