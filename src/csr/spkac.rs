//! SignedPublicKeyAndChallenge: the request that ChromeOS makes for an attested key.
//!
//! ```text
//! SignedPublicKeyAndChallenge ::= SEQUENCE {
//!     publicKeyAndChallenge  SEQUENCE { spki SubjectPublicKeyInfo, challenge IA5String },
//!     signatureAlgorithm     AlgorithmIdentifier,
//!     signature              BIT STRING }
//! ```

use der::asn1::{BitStringRef, Ia5StringRef};
use der::{Decode as _, Reader as _, SliceReader};
use spki::AlgorithmIdentifierRef;

use crate::csr;
use crate::csr::KeyRefusal;
use crate::csr::ProvenKey;
use crate::csr::base64_text;
use crate::csr::possession::SignedRequest;

/// A request as it was read: strict DER, nothing verified.
#[derive(Clone, Copy, Debug)]
pub struct Spkac<'a> {
    challenge: Ia5StringRef<'a>,
    request: SignedRequest<'a>,
}

impl<'a> Spkac<'a> {
    /// Reads `unverified_der`: one value, canonical, no octet behind it, no unused bit in the
    /// signature.
    ///
    /// # Errors
    /// [`der::Error`] where it is anything else.
    pub fn parse(unverified_der: &'a [u8]) -> Result<Self, der::Error> {
        let mut reader = SliceReader::new(unverified_der)?;
        let (signed, signature_algorithm, signature) = reader.sequence(|outer| {
            // The octets that were signed are kept as they came: a re-encoding might differ.
            let signed = outer.tlv_bytes()?;
            let algorithm = AlgorithmIdentifierRef::decode(outer)?;
            let signature = BitStringRef::decode(outer)?;
            Ok::<_, der::Error>((signed, algorithm, signature))
        })?;
        reader.finish()?;
        let mut reader = SliceReader::new(signed)?;
        let (spki_der, challenge) = reader.sequence(|inner| {
            let spki_der = inner.tlv_bytes()?;
            Ok::<_, der::Error>((spki_der, Ia5StringRef::decode(inner)?))
        })?;
        reader.finish()?;
        let signature = signature
            .as_bytes()
            .ok_or_else(|| der::Tag::BitString.value_error())?;
        Ok(Self {
            challenge,
            request: SignedRequest {
                spki_der,
                signed,
                signature_algorithm,
                signature,
            },
        })
    }

    /// What stands in the challenge. ChromeOS writes random hexadecimal of its own here, which has
    /// nothing to do with the challenge of Verified Access: the request is bound to that by the
    /// signature over the whole response, which Google checks. So it is compared with nothing.
    #[must_use]
    pub fn unverified_challenge(&self) -> &'a str {
        self.challenge.as_str()
    }

    pub(super) fn signed_request(&self) -> SignedRequest<'a> {
        self.request
    }
}

/// From the text in the answer to the evidence. Private to `csr`: outside, a key is proven only for
/// a device that Verified Access vouched for.
pub(super) fn prove(unverified_text: &str) -> Result<ProvenKey, KeyRefusal> {
    let unverified_der = base64_text::decode(unverified_text)?;
    let request = Spkac::parse(&unverified_der).map_err(|_| {
        KeyRefusal::malformed(
            "SignedPublicKeyAndChallenge in DER, nothing behind it",
            "not a SignedPublicKeyAndChallenge in DER",
        )
    })?;
    csr::prove_request(&request.signed_request())
}
