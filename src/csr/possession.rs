//! Proof of possession (RFC 4211, section 4.1, as PKCS#10 and SPKAC practise it): the request is
//! signed with the private half of the key that it holds.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{ECDSA_WITH_SHA_256, SHA_256_WITH_RSA_ENCRYPTION};
use spki::AlgorithmIdentifierRef;

use crate::csr::KeyRefusal;
use crate::csr::key_policy::{self, SupportedKey};
use crate::model::facts::KeyAlgorithm;

/// What every format of request comes down to; nothing of it is verified.
#[derive(Clone, Copy, Debug)]
pub(super) struct SignedRequest<'a> {
    /// SubjectPublicKeyInfo, DER, verbatim; a part of `signed`.
    pub(super) spki_der: &'a [u8],
    /// The octets that the signature covers, verbatim.
    pub(super) signed: &'a [u8],
    /// What the request claims to be signed with.
    pub(super) signature_algorithm: AlgorithmIdentifierRef<'a>,
    /// PKCS#1 v1.5, or an ECDSA-Sig-Value in DER.
    pub(super) signature: &'a [u8],
}

/// Whether the signature of `request` verifies with its own `key`. SHA-256 alone: with MD5 or SHA-1
/// a colliding request could carry another key under the same signature.
///
/// # Errors
/// `certificate_request_invalid`; `unsupported_key` where the key itself is unusable, as a point
/// beside the curve is.
pub(super) fn verify(
    key: &SupportedKey<'_>,
    request: &SignedRequest<'_>,
) -> Result<(), KeyRefusal> {
    let algorithm = request.signature_algorithm;
    let (oid, expected, verification) = scheme(key.algorithm());
    if algorithm.oid != oid {
        let seen = key_policy::name_of(&algorithm.oid);
        return Err(KeyRefusal::unproven(expected, seen));
    }
    // RFC 4055, section 5: for RSA the parameters are NULL, and absent ones must be accepted.
    // RFC 5758, section 3.2: for ECDSA they are absent, yet ChromeOS writes NULL for both kinds.
    // Neither form says anything, so both are taken for both.
    if algorithm.parameters.is_some_and(|any| !any.is_null()) {
        let seen = "parameters of the signature algorithm";
        return Err(KeyRefusal::unproven(expected, seen));
    }
    UnparsedPublicKey::new(verification, key.public_key())
        .parse()
        .map_err(|_| KeyRefusal::unsupported("not a usable public key"))?
        .verify_sig(request.signed, request.signature)
        .map_err(|_| KeyRefusal::unproven(expected, "the signature does not verify"))
}

/// What a key of this kind signs with: identifier, name, implementation.
fn scheme(
    algorithm: KeyAlgorithm,
) -> (
    ObjectIdentifier,
    &'static str,
    &'static dyn VerificationAlgorithm,
) {
    match algorithm {
        KeyAlgorithm::Rsa => (
            SHA_256_WITH_RSA_ENCRYPTION,
            "a signature by the key itself, sha256WithRSAEncryption",
            &RSA_PKCS1_2048_8192_SHA256,
        ),
        KeyAlgorithm::Ecdsa => (
            ECDSA_WITH_SHA_256,
            "a signature by the key itself, ecdsa-with-SHA256",
            &ECDSA_P256_SHA256_ASN1,
        ),
    }
}
