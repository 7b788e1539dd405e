//! Somebody who signs identity tokens: with openssl and aws-lc, and by hand, so that wrong ones can be made.

use std::path::PathBuf;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use aws_lc_rs::{hmac, rand::SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tempfile::TempDir;
use vaca::clock::{Clock as _, SystemClock};

use crate::support::openssl::openssl;

pub(super) const AUDIENCE: &str = "https://host.example.com/webhook";
pub(super) const ISSUER: &str = "https://accounts.google.com";
pub(super) const AGENT: &str = "agent@example.com";

enum Key {
    Ecdsa(EcdsaKeyPair),
    /// A folder with `rsa.key`, and the modulus.
    Rsa(TempDir, Vec<u8>),
}

/// A key and its name.
pub(super) struct Signer {
    kid: &'static str,
    key: Key,
}

/// The part of a token that says this.
pub(super) fn part(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

/// A set of these keys.
pub(super) fn set(signers: &[&Signer]) -> String {
    let keys: Vec<_> = signers.iter().map(|signer| signer.jwk()).collect();
    json!({ "keys": keys }).to_string()
}

/// What a good token says.
pub(super) fn claims() -> Value {
    let now = SystemClock::new().now().0;
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "1", "email": AGENT, "email_verified": true,
        "iat": now, "exp": now + 600,
    })
}

/// The same, but for this member; where the value is null it is not there.
pub(super) fn claims_but(name: &str, value: Value) -> Value {
    let mut claims = claims();
    let members = claims.as_object_mut().unwrap();
    members.remove(name);
    if !value.is_null() {
        members.insert(name.to_owned(), value);
    }
    claims
}

impl Signer {
    pub(super) fn ecdsa(kid: &'static str) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self {
            kid,
            key: Key::Ecdsa(key),
        }
    }

    pub(super) async fn rsa(kid: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let make = "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key";
        openssl(&make.split(' ').collect::<Vec<_>>(), folder.path()).await;
        let show = ["rsa", "-in", "rsa.key", "-noout", "-modulus"];
        let shown = openssl(&show, folder.path()).await;
        let digits = shown.trim().strip_prefix("Modulus=").unwrap();
        let octet = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        let modulus = (0..digits.len()).step_by(2).map(octet).collect();
        Self {
            kid,
            key: Key::Rsa(folder, modulus),
        }
    }

    fn algorithm(&self) -> &'static str {
        match self.key {
            Key::Ecdsa(_) => "ES256",
            Key::Rsa(..) => "RS256",
        }
    }

    pub(super) fn jwk(&self) -> Value {
        let (kid, algorithm) = (self.kid, self.algorithm());
        match &self.key {
            Key::Ecdsa(key) => {
                // 04, X and Y (SEC 1, section 2.3.3).
                let point = key.public_key().as_ref();
                let (x, y) = point[1..].split_at(32);
                json!({
                    "kty": "EC", "crv": "P-256", "x": part(x), "y": part(y),
                    "use": "sig", "alg": algorithm, "kid": kid,
                })
            }
            Key::Rsa(_, modulus) => json!({
                "kty": "RSA", "n": part(modulus), "e": "AQAB", "use": "sig", "alg": algorithm, "kid": kid,
            }),
        }
    }

    /// The header that goes with the key.
    pub(super) fn header(&self) -> Value {
        json!({ "alg": self.algorithm(), "kid": self.kid, "typ": "JWT" })
    }

    pub(super) async fn token(&self, claims: &Value) -> String {
        self.token_with(&self.header(), claims).await
    }

    /// With this header, and a signature of the key's own kind.
    pub(super) async fn token_with(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let signature = match &self.key {
            Key::Ecdsa(key) => {
                let signature = key.sign(&SystemRandom::new(), message.as_bytes());
                signature.unwrap().as_ref().to_vec()
            }
            Key::Rsa(folder, _) => {
                let file: PathBuf = folder.path().join("message");
                std::fs::write(file, &message).unwrap();
                let sign = "dgst -sha256 -sign rsa.key -out signature message";
                openssl(&sign.split(' ').collect::<Vec<_>>(), folder.path()).await;
                std::fs::read(folder.path().join("signature")).unwrap()
            }
        };
        format!("{message}.{}", part(signature))
    }

    /// With an HMAC under what everybody knows: the public key.
    pub(super) fn confused(&self) -> Vec<String> {
        let jwk = self.jwk();
        let forms = match &self.key {
            Key::Ecdsa(key) => vec![key.public_key().as_ref().to_vec()],
            Key::Rsa(_, modulus) => vec![modulus.clone(), jwk["n"].to_string().into_bytes()],
        };
        let header = json!({ "alg": "HS256", "kid": self.kid });
        let message = message(&header, &claims());
        let forge = |secret: &[u8]| {
            let tag = hmac::sign(
                &hmac::Key::new(hmac::HMAC_SHA256, secret),
                message.as_bytes(),
            );
            format!("{message}.{}", part(tag))
        };
        forms.iter().map(|secret| forge(secret)).collect()
    }

    /// Without a signature, as some libraries once took it.
    pub(super) fn unsigned(&self, algorithm: &str) -> String {
        let header = json!({ "alg": algorithm, "kid": self.kid });
        format!("{}.", message(&header, &claims()))
    }
}

fn message(header: &Value, claims: &Value) -> String {
    format!("{}.{}", part(header.to_string()), part(claims.to_string()))
}
