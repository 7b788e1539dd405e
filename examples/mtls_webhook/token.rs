//! The bearer identity token: whose service asks, besides on which Chromebook.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode, header};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation};
use serde::Deserialize;
use serde_json::Value;

use super::keys::{Key, Keys, Missing};
use super::quote::quoted;
use super::refusal::Refusal;

/// How far the issuer's clock may be off, in seconds.
const LEEWAY: u64 = 30;

/// What a token must say.
pub(crate) struct Rules {
    audience: String,
    issuer: String,
    whose: Whose,
}

/// Whose a token may be. Google signs one for any audience for whoever has a service account; so audience
/// and signature alone say nothing of who asks.
#[derive(Clone, Default)]
pub(crate) struct Whose {
    /// E-mails that the issuer has verified.
    pub(crate) emails: Vec<String>,
    /// What the issuer calls them, for ever.
    pub(crate) subjects: Vec<String>,
}

/// What is looked at of the header, before anything is verified.
#[derive(Deserialize)]
struct UnverifiedHeader {
    alg: Option<String>,
    kid: Option<String>,
    /// What must be understood (RFC 7515, section 4.1.11); nothing of it is.
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    sub: Option<String>,
    email: Option<String>,
    email_verified: Option<bool>,
}

/// How tokens are judged.
pub(crate) struct Tokens {
    pub(crate) rules: Rules,
    pub(crate) keys: Keys,
}

impl Tokens {
    /// Whose token the request has.
    pub(crate) async fn check(&self, headers: &HeaderMap, now: Instant) -> Result<String, Refusal> {
        let unverified = bearer(headers)?;
        let kid = key_name(unverified)?;
        let key = self.keys.find(&kid, now).await.map_err(missing)?;
        self.rules.verify(unverified, &key)
    }
}

fn missing(missing: Missing) -> Refusal {
    match missing {
        Missing::Unknown(kid) => Refusal::token(
            "token_key_unknown",
            format!(
                "the token is signed with the key {:?}, which --token-keys does not have: is it of \
                 another issuer, or older than the keys?",
                quoted(&kid)
            ),
        ),
        Missing::Stale => Refusal::of(
            StatusCode::SERVICE_UNAVAILABLE,
            "token_keys_stale",
            "the keys of --token-keys could not be had for a day: no token is believed until they can",
        ),
    }
}

/// The one token of the request.
fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or_else(|| {
        let cause = "no Authorization header: enable the identity token (service agent \
                     authentication, ID token) of the agent's webhook";
        Refusal::token("token_missing", cause)
    })?;
    let malformed = |cause: &str| Refusal::token("token_malformed", cause);
    if values.next().is_some() {
        return Err(malformed("more than one Authorization header"));
    }
    let value = value.to_str().map_err(|_| malformed("it is no text"))?;
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(malformed("the Authorization header is no bearer token")),
    }
}

/// Which key it says that it is signed with. What else it says of algorithms decides nothing: each key has
/// its own. It is looked at here for the sake of whoever reads the log.
fn key_name(unverified: &str) -> Result<String, Refusal> {
    let malformed = || {
        let cause = "the token is no JWT: an access token instead of an ID token?";
        Refusal::token("token_malformed", cause)
    };
    let mut parts = unverified.split('.');
    let (head, 2) = (parts.next().unwrap_or_default(), parts.by_ref().count()) else {
        return Err(malformed());
    };
    let head = URL_SAFE_NO_PAD.decode(head).map_err(|_| malformed())?;
    let head: UnverifiedHeader = serde_json::from_slice(&head).map_err(|_| malformed())?;
    let algorithm = head.alg.unwrap_or_default();
    if !["RS256", "ES256"].contains(&algorithm.as_str()) {
        let cause = format!(
            "the token says that its algorithm is {:?}; only RS256 and ES256 are taken, because with any \
             other a public key or none would be enough to make one",
            quoted(&algorithm)
        );
        return Err(Refusal::token("token_algorithm", cause));
    }
    if head.crit.is_some() {
        let cause = "the token asks for something to be understood (crit) that is not";
        return Err(Refusal::token("token_malformed", cause));
    }
    let unnamed = || Refusal::token("token_malformed", "the token names no key (kid)");
    head.kid.ok_or_else(unnamed)
}

impl Rules {
    pub(crate) fn new(audience: &str, issuer: &str, whose: Whose) -> Self {
        Self {
            audience: audience.to_owned(),
            issuer: issuer.to_owned(),
            whose,
        }
    }

    /// The algorithm is the key's, whatever the token says: else a public key would pass for the secret of
    /// an HMAC, which everybody can compute.
    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_audience(&[&self.audience]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss"]);
        validation
    }

    /// Holds the token against this key and these rules; answers whose it is.
    pub(crate) fn verify(&self, unverified: &str, key: &Key) -> Result<String, Refusal> {
        let validation = self.validation(key.algorithm);
        let decoded = jsonwebtoken::decode::<Claims>(unverified, &key.verifies, &validation);
        let claims = decoded.map_err(|error| self.refusal(error.kind(), unverified))?;
        self.whose.name(claims.claims)
    }

    fn refusal(&self, kind: &ErrorKind, unverified: &str) -> Refusal {
        // The library looks at claims behind the signature; so what is shown here was signed.
        let claim = |name: &str| {
            let claims = jsonwebtoken::dangerous::insecure_decode::<Value>(unverified);
            let found = claims.ok().and_then(|data| data.claims.get(name).cloned());
            quoted(&found.unwrap_or_default().to_string())
        };
        let (code, cause) = match kind {
            ErrorKind::InvalidAudience => (
                "token_audience",
                format!(
                    "the token's audience is {}, configured is {:?}: --token-audience is the webhook's \
                     URL as the agent has it",
                    claim("aud"),
                    self.audience
                ),
            ),
            ErrorKind::InvalidIssuer => (
                "token_issuer",
                format!(
                    "the token's issuer is {}, configured is {:?}",
                    claim("iss"),
                    self.issuer
                ),
            ),
            ErrorKind::ExpiredSignature => (
                "token_expired",
                format!(
                    "the token ended at {} (seconds since 1970): is the clock of this machine right?",
                    claim("exp")
                ),
            ),
            ErrorKind::ImmatureSignature => (
                "token_not_yet_valid",
                format!(
                    "the token begins at {} (seconds since 1970): is the clock of this machine right?",
                    claim("nbf")
                ),
            ),
            ErrorKind::InvalidSignature => (
                "token_signature",
                "the token is not signed by the key that it names".to_owned(),
            ),
            ErrorKind::InvalidAlgorithm | ErrorKind::InvalidKeyFormat => (
                "token_algorithm",
                "the token's algorithm is not that of the key that it names".to_owned(),
            ),
            other => ("token_malformed", quoted(&format!("{other:?}"))),
        };
        Refusal::token(code, cause)
    }
}

impl Whose {
    /// The name by which the token is known, where it is one of these.
    fn name(&self, claims: Claims) -> Result<String, Refusal> {
        let Claims {
            sub,
            email,
            email_verified,
        } = claims;
        let verified = email.as_ref().filter(|_| email_verified == Some(true));
        if let Some(email) = verified.filter(|email| self.emails.contains(email)) {
            return Ok(email.clone());
        }
        if let Some(subject) = sub.as_ref().filter(|sub| self.subjects.contains(sub)) {
            return Ok(subject.clone());
        }
        let shown = |claim: Option<String>| quoted(&claim.unwrap_or_default());
        let cause = format!(
            "the token is of {:?} (subject {:?}), and let in are {}",
            shown(email),
            shown(sub),
            [self.emails.as_slice(), &self.subjects].concat().join(", ")
        );
        Err(Refusal::token("token_of_another", cause))
    }
}

/// For how long keys are kept.
#[expect(
    clippy::disallowed_methods,
    reason = "a program of its own, with the machine's clock"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
