//! Bearer tokens: self-signed JWTs (RFC 7519) of a service account, and the opaque tokens that the
//! fake token endpoint gives for one (RFC 7523).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, de::DeserializeOwned};

use super::{Access, OpaqueToken, ServiceAccounts, TOKEN_LIFETIME_S};
use crate::entropy;
use crate::keys::verify_signature;

/// The OAuth scope of both methods.
pub const SCOPE: &str = "https://www.googleapis.com/auth/verifiedaccess";

/// The audience of a self-signed JWT.
pub const AUDIENCE: &str = "https://verifiedaccess.googleapis.com/";

/// Tolerated difference between the caller's clock and ours, in seconds.
const LEEWAY_S: i64 = 300;

/// Longest life of a JWT, in seconds; Google's own library asks for ten seconds more than an hour.
const MAX_LIFETIME_S: i64 = 3_700;

/// Why a bearer token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// No token, or neither a JWT nor a token of the token endpoint.
    #[error("the credentials are missing or unknown")]
    Unknown,
    /// Not RS256 over these bytes by a known service account.
    #[error("the token is not signed by a known service account")]
    BadSignature,
    /// Too old, too long-lived or from the future.
    #[error("the token has expired or is not yet valid")]
    Expired,
    /// For another audience and without the scope.
    #[error("the token is neither for Verified Access nor has its scope")]
    WrongAudience,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: Option<String>,
    aud: Option<String>,
    scope: Option<String>,
    iat: Option<i64>,
    exp: i64,
}

impl Claims {
    fn has_scope(&self) -> bool {
        let scopes = self.scope.as_deref().unwrap_or_default();
        scopes.split_ascii_whitespace().any(|scope| scope == SCOPE)
    }

    fn is_current(&self, now_s: i64) -> bool {
        let issued = self.iat.unwrap_or(now_s);
        issued <= now_s + LEEWAY_S
            && self.exp > now_s
            && self.exp.saturating_sub(issued) <= MAX_LIFETIME_S
    }
}

impl ServiceAccounts {
    /// What a caller may do, by its `authorization: Bearer ...` (RFC 6750 section 2.1). `now_ms` is
    /// the time of the caller's tokens.
    pub(crate) fn admit(
        &self,
        unverified_authorization: Option<&str>,
        now_ms: i64,
    ) -> Result<Access, TokenError> {
        let unverified_token = unverified_authorization
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token)
            .ok_or(TokenError::Unknown)?;
        self.authenticate(unverified_token, now_ms)
    }

    /// What the bearer of this token may do. `now_ms` is the time of the caller's tokens.
    pub fn authenticate(&self, unverified_token: &str, now_ms: i64) -> Result<Access, TokenError> {
        let opaque = self.tokens().get(unverified_token).map(|token| {
            let current = token.expires_ms > now_ms;
            current.then(|| token.client_email.clone())
        });
        let client_email = match opaque {
            Some(client_email) => client_email.ok_or(TokenError::Expired)?,
            None => {
                let claims = self.check_jwt(unverified_token, now_ms)?;
                let audience = claims.aud.as_deref().unwrap_or_default();
                let for_us = audience.trim_end_matches('/') == AUDIENCE.trim_end_matches('/');
                if !for_us && !claims.has_scope() {
                    return Err(TokenError::WrongAudience);
                }
                claims.iss
            }
        };
        self.access_of(&client_email).ok_or(TokenError::Unknown)
    }

    /// The JWT-bearer grant: an opaque access token for a signed assertion.
    pub fn exchange(&self, unverified_assertion: &str, now_ms: i64) -> Result<String, TokenError> {
        let claims = self.check_jwt(unverified_assertion, now_ms)?;
        if claims.aud.as_deref() != Some(&self.token_uri) || !claims.has_scope() {
            return Err(TokenError::WrongAudience);
        }
        let token = entropy::hex::<32>().map_err(|_| TokenError::Unknown)?;
        let token = format!("emulated.{token}");
        let granted = OpaqueToken {
            client_email: claims.iss,
            expires_ms: now_ms + TOKEN_LIFETIME_S * 1000,
        };
        let mut tokens = self.tokens();
        tokens.retain(|_, known| known.expires_ms > now_ms);
        tokens.insert(token.clone(), granted);
        Ok(token)
    }

    fn access_of(&self, client_email: &str) -> Option<Access> {
        let accounts = self.accounts();
        let mut accounts = accounts.iter();
        accounts
            .find(|account| account.client_email == client_email)
            .map(|account| account.access)
    }

    /// Signature, issuer and time (RFC 7519 section 4.1); the audience is the caller's to check.
    fn check_jwt(&self, unverified_jwt: &str, now_ms: i64) -> Result<Claims, TokenError> {
        let (signed, signature) = unverified_jwt.rsplit_once('.').ok_or(TokenError::Unknown)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenError::Unknown)?;
        let header: Header = json_part(header)?;
        let claims: Claims = json_part(claims)?;
        let signature = decode(signature)?;

        let accounts = self.accounts();
        let mut known = accounts.iter();
        let account = known
            .find(|account| account.client_email == claims.iss)
            .ok_or(TokenError::BadSignature)?;
        let names_other_key = header.kid.is_some_and(|kid| kid != account.key_id);
        let acts_for_other = claims.sub.as_ref().is_some_and(|sub| *sub != claims.iss);
        // Any other algorithm, "none" above all, would let the caller choose how it is checked.
        if header.alg != "RS256" || names_other_key || acts_for_other {
            return Err(TokenError::BadSignature);
        }
        verify_signature(account.key.spki(), signed.as_bytes(), &signature)
            .map_err(|_| TokenError::BadSignature)?;
        if !claims.is_current(now_ms.div_euclid(1000)) {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }
}

fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| TokenError::Unknown)
}

fn json_part<T: DeserializeOwned>(part: &str) -> Result<T, TokenError> {
    serde_json::from_slice(&decode(part)?).map_err(|_| TokenError::Unknown)
}
