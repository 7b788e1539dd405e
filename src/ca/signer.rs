//! Holders of private keys: the only things that can sign.
//!
//! A key in a file today, a token or a key service later: those answer over a wire, so signing is
//! asynchronous, and a signer is an object that an issuer is given, so that it never learns which
//! kind it has.

pub mod file;
pub mod passphrase;
pub mod software;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use const_oid::db::rfc5912::{ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, SHA_256_WITH_RSA_ENCRYPTION};
use der::Encode as _;
use der::asn1::{Any, Null};
use serde::{Deserialize, Serialize};
use spki::AlgorithmIdentifierOwned;
use webpki::aws_lc_rs::{ECDSA_P256_SHA256, ECDSA_P384_SHA384, RSA_PKCS1_2048_8192_SHA256};

/// How an issuer signs: the key and the digest go together, so that no weak pair can be configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum SignatureAlgorithm {
    /// ECDSA on P-256 with SHA-256 (RFC 5758, section 3.2).
    #[default]
    #[serde(rename = "p256")]
    EcdsaP256Sha256,
    /// ECDSA on P-384 with SHA-384 (RFC 5758, section 3.2).
    #[serde(rename = "p384")]
    EcdsaP384Sha384,
    /// RSA of 3072 bits, PKCS#1 v1.5 with SHA-256 (RFC 4055, section 5).
    #[serde(rename = "rsa3072")]
    RsaPkcs1Sha256,
}

impl SignatureAlgorithm {
    /// Every algorithm, the default first.
    pub const ALL: [Self; 3] = [
        Self::EcdsaP256Sha256,
        Self::EcdsaP384Sha384,
        Self::RsaPkcs1Sha256,
    ];

    /// The word in the configuration and on the command line: `p256`, `p384` or `rsa3072`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "p256",
            Self::EcdsaP384Sha384 => "p384",
            Self::RsaPkcs1Sha256 => "rsa3072",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == word)
    }

    /// The `AlgorithmIdentifier` of a signature. ECDSA has no parameters (RFC 5758, section 3.2),
    /// RSA has NULL (RFC 4055, section 5).
    #[must_use]
    pub fn identifier(self) -> AlgorithmIdentifierOwned {
        let (oid, parameters) = match self {
            Self::EcdsaP256Sha256 => (ECDSA_WITH_SHA_256, None),
            Self::EcdsaP384Sha384 => (ECDSA_WITH_SHA_384, None),
            Self::RsaPkcs1Sha256 => (SHA_256_WITH_RSA_ENCRYPTION, Some(Any::from(Null))),
        };
        AlgorithmIdentifierOwned { oid, parameters }
    }

    /// [`Self::identifier`], DER.
    ///
    /// # Errors
    /// An encoder's fault; none is known.
    pub fn identifier_der(self) -> der::Result<Vec<u8>> {
        self.identifier().to_der()
    }

    /// The algorithm whose identifier has exactly these bytes.
    #[must_use]
    pub fn of_identifier(identifier: &AlgorithmIdentifierOwned) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.identifier() == *identifier)
    }

    /// The same algorithm, as the second parser names it.
    pub(super) fn verifier(self) -> &'static dyn rustls_pki_types::SignatureVerificationAlgorithm {
        match self {
            Self::EcdsaP256Sha256 => ECDSA_P256_SHA256,
            Self::EcdsaP384Sha384 => ECDSA_P384_SHA384,
            Self::RsaPkcs1Sha256 => RSA_PKCS1_2048_8192_SHA256,
        }
    }
}

/// Octets that may be signed. Only this module and its like in `ca` make them, so that whoever holds
/// a signer elsewhere (to load an issuer, to hold a ceremony) cannot have anything else signed.
#[derive(Debug)]
pub struct ToBeSigned(Vec<u8>);

impl ToBeSigned {
    pub(in crate::ca) fn new(octets: Vec<u8>) -> Self {
        Self(octets)
    }

    /// DER of a TBSCertificate or a TBSCertList.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The holder of a private key did not sign. What it said is for the operator.
#[derive(Debug, thiserror::Error)]
#[error("the signer did not sign: {0}")]
pub struct SignerFailed(pub String);

/// A signature under way: DER (`ECDSA-Sig-Value`) for ECDSA, the raw octets for RSA.
pub type Signing<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, SignerFailed>> + Send + 'a>>;

/// The holder of one private key.
pub trait Signer: Send + Sync + fmt::Debug {
    /// How it signs.
    fn algorithm(&self) -> SignatureAlgorithm;

    /// Its public key: SubjectPublicKeyInfo, DER.
    fn spki_der(&self) -> &[u8];

    /// Signs exactly these bytes. An answer that does not verify is found by the re-reading that
    /// follows every signature.
    fn sign<'a>(&'a self, tbs: &'a ToBeSigned) -> Signing<'a>;
}
