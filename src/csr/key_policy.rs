//! Which kinds of key are certified: the two that ChromeOS makes, and of those none that is weak.

mod rsa_weakness;

use const_oid::ObjectIdentifier;
use const_oid::db::DB;
use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1};
use der::asn1::UintRef;
use der::{Decode as _, Sequence};
use num_bigint::BigUint;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use crate::csr::KeyRefusal;
use crate::model::facts::KeyAlgorithm;

/// RSAPublicKey (RFC 8017, appendix A.1.1).
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
}

/// A public key of a kind that is certified. Whether it is weak, and whether anybody holds its
/// private half, are further questions.
#[derive(Clone, Debug)]
pub struct SupportedKey<'a> {
    spki_der: &'a [u8],
    public_key: &'a [u8],
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Rsa { modulus: BigUint },
    P256,
}

impl<'a> SupportedKey<'a> {
    /// Reads a SubjectPublicKeyInfo, DER.
    ///
    /// # Errors
    /// `certificate_request_invalid` where it does not parse, `unsupported_key`.
    pub fn read(unverified_spki_der: &'a [u8]) -> Result<Self, KeyRefusal> {
        let spki = SubjectPublicKeyInfoRef::from_der(unverified_spki_der)
            .map_err(|_| KeyRefusal::malformed("SubjectPublicKeyInfo in DER", "not one"))?;
        let public_key = spki.subject_public_key.as_bytes().ok_or_else(|| {
            KeyRefusal::malformed("a public key of whole octets", "unused bits at its end")
        })?;
        let kind = match spki.algorithm.oid {
            RSA_ENCRYPTION => read_rsa(&spki.algorithm, public_key),
            ID_EC_PUBLIC_KEY => read_ec(&spki.algorithm, public_key),
            other => Err(KeyRefusal::unsupported(name_of(&other))),
        }?;
        Ok(Self {
            spki_der: unverified_spki_der,
            public_key,
            kind,
        })
    }

    /// Refuses an RSA modulus that can be factored: ROCA, close primes, a small factor.
    ///
    /// # Errors
    /// `weak_key`.
    pub fn refuse_weak(&self) -> Result<(), KeyRefusal> {
        match &self.kind {
            Kind::Rsa { modulus } => rsa_weakness::find(modulus)
                .map_or(Ok(()), |weakness| Err(KeyRefusal::weak(weakness.as_str()))),
            Kind::P256 => Ok(()),
        }
    }

    /// RSA-2048 or P-256.
    #[must_use]
    pub fn algorithm(&self) -> KeyAlgorithm {
        match self.kind {
            Kind::Rsa { .. } => KeyAlgorithm::Rsa,
            Kind::P256 => KeyAlgorithm::Ecdsa,
        }
    }

    /// SubjectPublicKeyInfo, DER, as it was read.
    #[must_use]
    pub fn spki_der(&self) -> &'a [u8] {
        self.spki_der
    }

    /// RSAPublicKey in DER, or an uncompressed point of 65 octets.
    #[must_use]
    pub fn public_key(&self) -> &'a [u8] {
        self.public_key
    }
}

/// The registered name of `oid`, or its number where that is short enough to be one.
pub(super) fn name_of(oid: &ObjectIdentifier) -> String {
    match DB.by_oid(oid) {
        Some(name) => name.to_owned(),
        None => Some(oid.to_string())
            .filter(|number| number.len() <= 40)
            .map_or_else(
                || "unknown algorithm".to_owned(),
                |number| format!("algorithm {number}"),
            ),
    }
}

fn read_rsa(algorithm: &AlgorithmIdentifierRef<'_>, public_key: &[u8]) -> Result<Kind, KeyRefusal> {
    // RFC 3279, section 2.3.1: they are NULL, and these octets go into the certificate as they are.
    if !algorithm.parameters.is_some_and(der::asn1::AnyRef::is_null) {
        return Err(KeyRefusal::unsupported("RSA without NULL parameters"));
    }
    let key = RsaPublicKey::from_der(public_key)
        .map_err(|_| KeyRefusal::malformed("RSAPublicKey in DER", "not one"))?;
    let modulus = BigUint::from_bytes_be(key.modulus.as_bytes());
    if modulus.bits() != 2048 {
        let seen = format!("RSA, {} bits", modulus.bits());
        return Err(KeyRefusal::unsupported(seen));
    }
    if key.public_exponent.as_bytes() != [1, 0, 1] {
        return Err(KeyRefusal::unsupported("RSA, exponent other than 65537"));
    }
    Ok(Kind::Rsa { modulus })
}

/// RFC 5480, section 2.1.1: a named curve. Explicit parameters are refused because whoever chooses
/// the generator can forge (CVE-2020-0601). Whether the point is on the curve is left to the
/// cryptographic library, which refuses any other when it verifies.
fn read_ec(algorithm: &AlgorithmIdentifierRef<'_>, public_key: &[u8]) -> Result<Kind, KeyRefusal> {
    let curve = algorithm
        .parameters_oid()
        .map_err(|_| KeyRefusal::unsupported("elliptic curve without a name"))?;
    if curve != SECP_256_R_1 {
        let seen = format!("elliptic curve, {}", name_of(&curve));
        return Err(KeyRefusal::unsupported(seen));
    }
    if public_key.len() != 65 || public_key.first() != Some(&4) {
        let seen = "P-256, not an uncompressed point";
        return Err(KeyRefusal::unsupported(seen));
    }
    Ok(Kind::P256)
}
