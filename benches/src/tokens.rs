//! One-time tokens (RFC 7519), as step-ca's JWK provisioner wants one with every request. Like vaca's
//! certificate requests they are made before the clock runs.

use std::path::Path;

use anyhow::Context as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, Value, json};
use vaca::clock::Timestamp;

/// What the tokens' header calls the key (`kid`, RFC 7515 section 4.1.4).
pub const KEY_ID: &str = "load";
/// Seconds that a token is good for: longer than a stretch.
const LIFETIME: i64 = 600;

/// Signs tokens that claim the same, but for their number and time.
pub struct TokenMaker {
    key: EcdsaKeyPair,
    claims: Map<String, Value>,
    issued_at: Timestamp,
}

impl TokenMaker {
    /// `key_file`: P-256, PKCS#8, PEM. `claims_file`: a JSON object.
    ///
    /// # Errors
    /// Where a file cannot be read or holds something else.
    pub fn read(key_file: &Path, claims_file: &Path, now: Timestamp) -> anyhow::Result<Self> {
        let key = PrivatePkcs8KeyDer::from_pem_file(key_file)
            .with_context(|| key_file.display().to_string())?;
        let claims = std::fs::read(claims_file)
            .map_err(anyhow::Error::from)
            .and_then(|octets| Ok(serde_json::from_slice(&octets)?))
            .with_context(|| claims_file.display().to_string())?;
        Self::new(key.secret_pkcs8_der(), claims, now)
    }

    fn new(pkcs8: &[u8], claims: Map<String, Value>, issued_at: Timestamp) -> anyhow::Result<Self> {
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
            .context("not a P-256 key")?;
        Ok(Self {
            key,
            claims,
            issued_at,
        })
    }

    /// A token (JWS compact serialization, ES256) whose `jti` is `id`.
    ///
    /// # Errors
    /// Where signing fails.
    pub fn token(&self, id: &str) -> anyhow::Result<String> {
        let header = json!({ "alg": "ES256", "kid": KEY_ID, "typ": "JWT" });
        let mut claims = self.claims.clone();
        claims.extend([
            ("iat".to_owned(), json!(self.issued_at)),
            ("nbf".to_owned(), json!(self.issued_at)),
            ("exp".to_owned(), json!(self.issued_at.plus(LIFETIME))),
            ("jti".to_owned(), json!(id)),
        ]);
        let mut token = URL_SAFE_NO_PAD.encode(header.to_string());
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(Value::Object(claims).to_string()));
        let signature = self.key.sign(&SystemRandom::new(), token.as_bytes())?;
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature));
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test may fail"
    )]
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, KeyPair as _, UnparsedPublicKey};
    use vaca_emulator::KeyAlgorithm;
    use vaca_emulator::keys::SigningKey;

    use super::*;

    #[test]
    fn a_token_claims_what_it_is_given_and_its_own_number() {
        let key = SigningKey::generate(KeyAlgorithm::Ecdsa).unwrap();
        let claims = json!({ "sub": "alice@example.com" })
            .as_object()
            .unwrap()
            .clone();
        let maker = TokenMaker::new(key.pkcs8(), claims, Timestamp(1_000)).unwrap();
        let token = maker.token("7").unwrap();

        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, maker.key.public_key())
            .verify(signed.as_bytes(), &signature)
            .unwrap();
        let parts: Vec<Value> = signed
            .split('.')
            .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
            .collect();
        assert_eq!(
            parts[0],
            json!({ "alg": "ES256", "kid": "load", "typ": "JWT" })
        );
        assert_eq!(
            parts[1],
            json!({ "sub": "alice@example.com", "iat": 1000, "nbf": 1000, "exp": 1600, "jti": "7" })
        );
        assert_ne!(maker.token("8").unwrap(), token);
    }

    #[test]
    fn a_key_of_another_kind_is_refused() {
        let key = SigningKey::generate(KeyAlgorithm::Rsa).unwrap();
        assert!(TokenMaker::new(key.pkcs8(), Map::new(), Timestamp(0)).is_err());
    }
}
