//! Which key? The request supplies a public key and nothing else.

use crate::model::facts::KeyAlgorithm;

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
}
