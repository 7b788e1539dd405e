//! `SignedPublicKeyAndChallenge`, the request for a certificate as ChromeOS writes it.

use const_oid::db::rfc5912::{ECDSA_WITH_SHA_256, SHA_256_WITH_RSA_ENCRYPTION};
use der::asn1::{AnyRef, BitStringRef, Ia5StringRef, ObjectIdentifier};
use der::{Decode as _, Encode as _, Sequence};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use crate::entropy;
use crate::keys::{CryptoError, KeyAlgorithm, SigningKey, verify_signature};

#[derive(Sequence)]
struct Body<'a> {
    spki: SubjectPublicKeyInfoRef<'a>,
    challenge: Ia5StringRef<'a>,
}

#[derive(Sequence)]
struct Signed<'a> {
    body: AnyRef<'a>,
    algorithm: AlgorithmIdentifierRef<'a>,
    signature: BitStringRef<'a>,
}

/// Everything that can be written into an SPKAC, right or wrong.
#[derive(Clone, Debug)]
pub struct Parts {
    /// `SubjectPublicKeyInfo` DER.
    pub spki: Vec<u8>,
    /// The `IA5String`: random upper-case hexadecimal in genuine ones, never Google's challenge.
    pub challenge: String,
    /// The signature algorithm to name.
    pub algorithm: ObjectIdentifier,
    /// Whether the algorithm has explicit NULL parameters. ChromeOS writes them for ECDSA too,
    /// against RFC 5758 section 3.2.
    pub null_parameters: bool,
}

impl Parts {
    /// What ChromeOS writes for this key: 32 random bytes as the challenge (a TPM 2.0).
    pub fn genuine(key: &SigningKey) -> Result<Self, CryptoError> {
        Ok(Self {
            spki: key.spki().to_vec(),
            challenge: entropy::hex::<32>()?.to_ascii_uppercase(),
            algorithm: match key.algorithm() {
                KeyAlgorithm::Rsa => SHA_256_WITH_RSA_ENCRYPTION,
                KeyAlgorithm::Ecdsa => ECDSA_WITH_SHA_256,
            },
            null_parameters: true,
        })
    }

    /// The bytes to be signed: the inner SEQUENCE.
    pub fn to_be_signed(&self) -> Result<Vec<u8>, CryptoError> {
        let body = Body {
            spki: SubjectPublicKeyInfoRef::from_der(&self.spki).map_err(|_| CryptoError)?,
            challenge: Ia5StringRef::new(&self.challenge).map_err(|_| CryptoError)?,
        };
        body.to_der().map_err(|_| CryptoError)
    }

    /// The SPKAC with whatever signature is given.
    pub fn assemble(&self, signature: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let body = self.to_be_signed()?;
        let signed = Signed {
            body: AnyRef::from_der(&body).map_err(|_| CryptoError)?,
            algorithm: AlgorithmIdentifierRef {
                oid: self.algorithm,
                parameters: self.null_parameters.then_some(AnyRef::NULL),
            },
            signature: BitStringRef::from_bytes(signature).map_err(|_| CryptoError)?,
        };
        signed.to_der().map_err(|_| CryptoError)
    }

    /// The SPKAC signed by `key`, which need not be the key inside.
    pub fn sign(&self, key: &SigningKey) -> Result<Vec<u8>, CryptoError> {
        self.assemble(&key.sign(&self.to_be_signed()?)?)
    }
}

/// A genuine SPKAC of a device with TPM 2.0: DER.
pub fn build(key: &SigningKey) -> Result<Vec<u8>, CryptoError> {
    Parts::genuine(key)?.sign(key)
}

/// Checks the self-signature and returns the public key inside, as `SubjectPublicKeyInfo` DER.
pub fn verify(unverified_spkac: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let signed = Signed::from_der(unverified_spkac).map_err(|_| CryptoError)?;
    let signed_bytes = signed.body.to_der().map_err(|_| CryptoError)?;
    let body = Body::from_der(&signed_bytes).map_err(|_| CryptoError)?;
    let spki = body.spki.to_der().map_err(|_| CryptoError)?;
    let signature = signed.signature.as_bytes().ok_or(CryptoError)?;
    verify_signature(&spki, &signed_bytes, signature)?;
    Ok(spki)
}
