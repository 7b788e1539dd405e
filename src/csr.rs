//! Which key? The request supplies a public key and nothing else.

mod base64_text;
pub mod key_policy;
mod possession;
mod refusal;
pub mod spkac;
#[cfg(test)]
mod tests;

use crate::attestation::VerifiedDevice;
use crate::csr::key_policy::SupportedKey;
use crate::csr::possession::SignedRequest;
use crate::model::digest::sha256;
use crate::model::facts::KeyAlgorithm;

pub use refusal::KeyRefusal;

/// Evidence that a key may be certified: it stood in the attested request, its holder proved
/// possession of the private half, and it is of a kind that cannot be broken cheaply. Only this
/// module makes one.
#[derive(Clone, Debug)]
pub struct ProvenKey {
    algorithm: KeyAlgorithm,
    spki_der: Vec<u8>,
    spki_sha256: [u8; 32],
}

impl ProvenKey {
    /// RSA-2048 or P-256.
    #[must_use]
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// SubjectPublicKeyInfo, DER (RFC 5280, section 4.1.2.7).
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    /// SHA-256 of [`Self::spki_der`]: the key's name in the record.
    #[must_use]
    pub fn spki_sha256(&self) -> &[u8; 32] {
        &self.spki_sha256
    }

    /// Only after every check of [`prove_request`].
    fn new(key: &SupportedKey<'_>) -> Self {
        Self {
            algorithm: key.algorithm(),
            spki_der: key.spki_der().to_vec(),
            spki_sha256: sha256(key.spki_der()),
        }
    }
}

/// The key that Verified Access vouched for, proven to be held and fit to be certified. It is read
/// from the answer and from nowhere else: a request beside it would be an ungated one.
///
/// # Errors
/// [`KeyRefusal`] with the code `certificate_request_missing`, `certificate_request_invalid`,
/// `unsupported_key` or `weak_key`.
pub fn prove(device: &VerifiedDevice) -> Result<ProvenKey, KeyRefusal> {
    spkac::prove(device.unverified_spkac())
}

/// The checks of every format of request, in one place, so that a new format cannot forget one.
fn prove_request(request: &SignedRequest<'_>) -> Result<ProvenKey, KeyRefusal> {
    let key = SupportedKey::read(request.spki_der)?;
    key.refuse_weak()?;
    possession::verify(&key, request)?;
    Ok(ProvenKey::new(&key))
}
