//! What certificates and revocation lists have in common: `SEQUENCE { toBeSigned, algorithm,
//! signature }` (RFC 5280, sections 4.1.1 and 5.1.1).

use der::asn1::{AnyRef, BitStringRef};
use der::{Decode, Encode, Sequence};
use spki::AlgorithmIdentifierOwned;

use crate::ca::signer::SignatureAlgorithm;

#[derive(Sequence)]
struct Parts<'a> {
    tbs: AnyRef<'a>,
    algorithm: AnyRef<'a>,
    signature: BitStringRef<'a>,
}

/// A signed object taken apart; nothing is verified by that.
pub(super) struct Signed {
    /// The exact octets that were signed.
    pub(super) tbs: Vec<u8>,
    /// How; `None` for an algorithm that we do not use.
    pub(super) algorithm: Option<SignatureAlgorithm>,
    /// The signature.
    pub(super) signature: Vec<u8>,
}

/// Puts a signature behind exactly the octets that were signed: nothing is encoded a second time.
pub(super) fn assemble(
    tbs: &[u8],
    algorithm: SignatureAlgorithm,
    signature: &[u8],
) -> der::Result<Vec<u8>> {
    let identifier = algorithm.identifier_der()?;
    Parts {
        tbs: AnyRef::from_der(tbs)?,
        algorithm: AnyRef::from_der(&identifier)?,
        signature: BitStringRef::from_bytes(signature)?,
    }
    .to_der()
}

/// Takes a signed object apart.
pub(super) fn split(unverified: &[u8]) -> der::Result<Signed> {
    let parts = Parts::from_der(unverified)?;
    let identifier = AlgorithmIdentifierOwned::from_der(&parts.algorithm.to_der()?)?;
    Ok(Signed {
        tbs: parts.tbs.to_der()?,
        algorithm: SignatureAlgorithm::of_identifier(&identifier),
        signature: parts.signature.raw_bytes().to_vec(),
    })
}
