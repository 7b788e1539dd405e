//! By what a request names a certificate: `CertID` (RFC 6960, section 4.1.1).

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use const_oid::db::rfc5912::{ID_SHA_1, ID_SHA_256};
use der::asn1::{AnyRef, IntRef, OctetStringRef};
use der::{Decode as _, Encode as _, Sequence, Tag, Tagged as _};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use crate::ca::authority::Authority;
use crate::model::serial::{SerialNumber, hex};

/// RFC 6960's structure, as it stands in a request.
#[derive(Sequence)]
struct CertId<'a> {
    hash_algorithm: AlgorithmIdentifierRef<'a>,
    issuer_name_hash: &'a OctetStringRef,
    issuer_key_hash: &'a OctetStringRef,
    serial_number: IntRef<'a>,
}

/// By which digest a request names an issuer. SHA-1 is a label here and protects nothing: nearly all clients
/// know no other, and two issuers of ours that collided would only be taken for each other by their own
/// owner's will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha1,
    Sha256,
}

impl Hash {
    /// `None` for a digest that we do not make, and for parameters, which none of these has (RFC 5754,
    /// section 2: absent, and a NULL is to be accepted).
    fn of(algorithm: &AlgorithmIdentifierRef<'_>) -> Option<Self> {
        if algorithm
            .parameters
            .is_some_and(|parameters| !parameters.is_null())
        {
            return None;
        }
        match algorithm.oid {
            ID_SHA_1 => Some(Self::Sha1),
            ID_SHA_256 => Some(Self::Sha256),
            _ => None,
        }
    }

    fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &SHA256,
        }
    }
}

/// One certificate that is asked for. Its octets go into the answer as they came: a client compares them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateId {
    der: Vec<u8>,
    hash: Option<Hash>,
    issuer_name_hash: Vec<u8>,
    issuer_key_hash: Vec<u8>,
    serial: Option<SerialNumber>,
}

impl CertificateId {
    pub(super) fn read(unverified: AnyRef<'_>) -> der::Result<Self> {
        unverified.tag().assert_eq(Tag::Sequence)?;
        let der = unverified.to_der()?;
        let read = CertId::from_der(&der)?;
        let serial = SerialNumber::parse(&hex(read.serial_number.as_bytes()));
        Ok(Self {
            hash: Hash::of(&read.hash_algorithm),
            issuer_name_hash: read.issuer_name_hash.as_bytes().to_vec(),
            issuer_key_hash: read.issuer_key_hash.as_bytes().to_vec(),
            serial,
            der,
        })
    }

    /// The octets of the request.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Its number; `None` where it is none that this house has ever given.
    #[must_use]
    pub fn serial(&self) -> Option<SerialNumber> {
        self.serial
    }
}

/// The digests by which requests name one issuer.
#[derive(Clone, Debug)]
pub struct IssuerHashes {
    sha1: [Vec<u8>; 2],
    sha256: [Vec<u8>; 2],
}

impl IssuerHashes {
    /// Over the issuer's name as it stands in its certificates, and the octets of its key's BIT STRING.
    ///
    /// # Errors
    /// An encoder's fault; none is known.
    pub fn of(issuer: &Authority) -> der::Result<Self> {
        let name = issuer.subject().to_der()?;
        let spki = SubjectPublicKeyInfoRef::from_der(issuer.spki_der())?;
        let key = spki.subject_public_key.raw_bytes();
        let by = |hash: Hash| {
            [name.as_slice(), key].map(|octets| digest(hash.algorithm(), octets).as_ref().to_vec())
        };
        Ok(Self {
            sha1: by(Hash::Sha1),
            sha256: by(Hash::Sha256),
        })
    }

    /// Whether `id` names this issuer: by name and key alike.
    #[must_use]
    pub fn names(&self, id: &CertificateId) -> bool {
        let [name, key] = match id.hash {
            Some(Hash::Sha1) => &self.sha1,
            Some(Hash::Sha256) => &self.sha256,
            None => return false,
        };
        id.issuer_name_hash == *name && id.issuer_key_hash == *key
    }
}

/// RFC 6960, section 4.2.1: the key by which a response names its signer, always by SHA-1.
pub(super) fn key_hash(spki_der: &[u8]) -> der::Result<Vec<u8>> {
    let spki = SubjectPublicKeyInfoRef::from_der(spki_der)?;
    let digest = digest(
        &SHA1_FOR_LEGACY_USE_ONLY,
        spki.subject_public_key.raw_bytes(),
    );
    Ok(digest.as_ref().to_vec())
}
