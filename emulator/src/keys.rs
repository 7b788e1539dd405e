//! Key pairs of devices, servers and service accounts, and the two signature schemes of ChromeOS.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION};
use der::Decode as _;
use serde::{Deserialize, Serialize};
use spki::SubjectPublicKeyInfoRef;

/// A cryptographic operation failed; the library below gives no reason, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cryptographic operation failed")]
pub struct CryptoError;

impl From<aws_lc_rs::error::Unspecified> for CryptoError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self
    }
}

impl From<aws_lc_rs::error::KeyRejected> for CryptoError {
    fn from(_: aws_lc_rs::error::KeyRejected) -> Self {
        Self
    }
}

/// The kinds of key that ChromeOS attests.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum KeyAlgorithm {
    /// RSA, 2048 bits, e = 65537; signs RSASSA-PKCS1-v1_5 with SHA-256.
    Rsa,
    /// ECDSA on P-256 with SHA-256; signatures are DER.
    Ecdsa,
}

enum Pair {
    Rsa(Box<rsa::KeyPair>),
    Ecdsa(Box<EcdsaKeyPair>),
}

/// A private key with its public half.
pub struct SigningKey {
    pair: Pair,
    pkcs8: Vec<u8>,
    spki: Vec<u8>,
}

impl SigningKey {
    /// A fresh key. RSA takes a noticeable part of a second: call it where blocking is allowed.
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, CryptoError> {
        match algorithm {
            KeyAlgorithm::Rsa => Self::from_rsa(rsa::KeyPair::generate(rsa::KeySize::Rsa2048)?),
            KeyAlgorithm::Ecdsa => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)?;
                let spki: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
                let spki = spki.as_ref().to_vec();
                let pkcs8 = pair.to_pkcs8v1()?.as_ref().to_vec();
                Ok(Self {
                    pair: Pair::Ecdsa(Box::new(pair)),
                    pkcs8,
                    spki,
                })
            }
        }
    }

    /// Reads an RSA key from DER PKCS#8.
    pub fn from_rsa_pkcs8(pkcs8: &[u8]) -> Result<Self, CryptoError> {
        Self::from_rsa(rsa::KeyPair::from_pkcs8(pkcs8)?)
    }

    fn from_rsa(pair: rsa::KeyPair) -> Result<Self, CryptoError> {
        let spki: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
        let pkcs8: Pkcs8V1Der<'_> = AsDer::as_der(&pair)?;
        Ok(Self {
            spki: spki.as_ref().to_vec(),
            pkcs8: pkcs8.as_ref().to_vec(),
            pair: Pair::Rsa(Box::new(pair)),
        })
    }

    /// The algorithm of this key.
    #[must_use]
    pub fn algorithm(&self) -> KeyAlgorithm {
        match self.pair {
            Pair::Rsa(_) => KeyAlgorithm::Rsa,
            Pair::Ecdsa(_) => KeyAlgorithm::Ecdsa,
        }
    }

    /// Signs the whole message the way ChromeOS does for this kind of key.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                Ok(signature)
            }
            Pair::Ecdsa(pair) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
        }
    }

    /// DER of the `SubjectPublicKeyInfo` (RFC 5280 section 4.1.2.7).
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// DER of the PKCS#8 `PrivateKeyInfo` (RFC 5208 section 5), not encrypted.
    #[must_use]
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SigningKey")
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

/// Verifies a signature under a `SubjectPublicKeyInfo`; the kind of the key decides the scheme,
/// because a response of ChromeOS names none.
pub fn verify_signature(spki: &[u8], message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
    let parsed = SubjectPublicKeyInfoRef::from_der(spki).map_err(|_| CryptoError)?;
    let scheme: &'static dyn VerificationAlgorithm = match parsed.algorithm.oid {
        RSA_ENCRYPTION => &RSA_PKCS1_2048_8192_SHA256,
        ID_EC_PUBLIC_KEY => &ECDSA_P256_SHA256_ASN1,
        _ => return Err(CryptoError),
    };
    Ok(UnparsedPublicKey::new(scheme, spki).verify(message, signature)?)
}
