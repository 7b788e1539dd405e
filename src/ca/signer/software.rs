//! A private key in this process's memory.

use std::fmt;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1};
use pkcs8::PrivateKeyInfoRef;
use zeroize::Zeroizing;

use crate::ca::signer::{SignatureAlgorithm, Signer, SignerFailed, Signing, ToBeSigned};

/// Shortest modulus of an RSA issuer, in octets: 3072 bits, as strong as P-256.
const RSA_MODULUS_MIN: usize = 384;

/// Why a private key is not one that can issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not PKCS#8, or inconsistent.
    #[error("not a private key in PKCS#8 form")]
    Malformed,
    /// Neither P-256, nor P-384, nor RSA of 3072 bits or more.
    #[error("the key is neither P-256, nor P-384, nor RSA of 3072 bits or more")]
    Unsupported,
    /// The cryptographic library made no key.
    #[error("no key could be generated")]
    Generate,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

/// A private key held here, and its public half.
pub struct SoftwareKey {
    algorithm: SignatureAlgorithm,
    pair: Pair,
    spki_der: Vec<u8>,
}

impl SoftwareKey {
    /// Makes a key. Its randomness is the cryptographic library's own, not an argument: a key that
    /// a test could repeat would be a key that somebody else could repeat.
    ///
    /// # Errors
    /// [`KeyError::Generate`].
    pub fn generate(algorithm: SignatureAlgorithm) -> Result<Self, KeyError> {
        let pair = match algorithm {
            SignatureAlgorithm::RsaPkcs1Sha256 => {
                RsaKeyPair::generate(KeySize::Rsa3072).map(Pair::Rsa)
            }
            SignatureAlgorithm::EcdsaP256Sha256 => {
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map(Pair::Ecdsa)
            }
            SignatureAlgorithm::EcdsaP384Sha384 => {
                EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).map(Pair::Ecdsa)
            }
        };
        Self::of(algorithm, pair.map_err(|_| KeyError::Generate)?)
    }

    /// Reads a `PrivateKeyInfo` (RFC 5958), DER.
    ///
    /// # Errors
    /// [`KeyError::Malformed`], [`KeyError::Unsupported`].
    pub fn from_pkcs8(unverified: &[u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfoRef::try_from(unverified).map_err(|_| KeyError::Malformed)?;
        let ecdsa = |algorithm, signing: &'static EcdsaSigningAlgorithm| {
            let pair =
                EcdsaKeyPair::from_pkcs8(signing, unverified).map_err(|_| KeyError::Malformed)?;
            Self::of(algorithm, Pair::Ecdsa(pair))
        };
        if info.algorithm.oid == RSA_ENCRYPTION {
            let pair = RsaKeyPair::from_pkcs8(unverified).map_err(|_| KeyError::Malformed)?;
            if pair.public_modulus_len() < RSA_MODULUS_MIN {
                return Err(KeyError::Unsupported);
            }
            return Self::of(SignatureAlgorithm::RsaPkcs1Sha256, Pair::Rsa(pair));
        }
        match (info.algorithm.oid, info.algorithm.parameters_oid()) {
            (ID_EC_PUBLIC_KEY, Ok(SECP_256_R_1)) => ecdsa(
                SignatureAlgorithm::EcdsaP256Sha256,
                &ECDSA_P256_SHA256_ASN1_SIGNING,
            ),
            (ID_EC_PUBLIC_KEY, Ok(SECP_384_R_1)) => ecdsa(
                SignatureAlgorithm::EcdsaP384Sha384,
                &ECDSA_P384_SHA384_ASN1_SIGNING,
            ),
            _ => Err(KeyError::Unsupported),
        }
    }

    fn of(algorithm: SignatureAlgorithm, pair: Pair) -> Result<Self, KeyError> {
        let spki = match &pair {
            Pair::Ecdsa(pair) => pair.public_key().as_der(),
            Pair::Rsa(pair) => pair.public_key().as_der(),
        };
        let spki_der = spki.map_err(|_| KeyError::Malformed)?.as_ref().to_vec();
        Ok(Self {
            algorithm,
            pair,
            spki_der,
        })
    }

    /// `PrivateKeyInfo` (RFC 5958), DER, in the clear: for an encrypted file alone.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] where the library cannot encode it.
    pub(super) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let octets = match &self.pair {
            Pair::Ecdsa(pair) => pair
                .to_pkcs8v1()
                .map(|document| Zeroizing::new(document.as_ref().to_vec())),
            Pair::Rsa(pair) => pair
                .as_der()
                .map(|document| Zeroizing::new(document.as_ref().to_vec())),
        };
        octets.map_err(|_| KeyError::Malformed)
    }
}

impl Signer for SoftwareKey {
    fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    fn sign<'a>(&'a self, tbs: &'a ToBeSigned) -> Signing<'a> {
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Ecdsa(pair) => pair
                .sign(&random, tbs.as_bytes())
                .map(|signature| signature.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, tbs.as_bytes(), &mut signature)
                    .map(|()| signature)
            }
        };
        let signature =
            signature.map_err(|_| SignerFailed("the cryptographic library failed".to_owned()));
        Box::pin(std::future::ready(signature))
    }
}

impl fmt::Debug for SoftwareKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SoftwareKey")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
