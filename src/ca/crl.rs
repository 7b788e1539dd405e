//! Certificate revocation lists (RFC 5280, section 5), prepared, recorded by the caller, then signed.
//!
//! Lists are encoded by a writer of our own, line by line: the encoder's own type takes six times the
//! memory, and its builder names the wrong key.

use der::{
    DecodeValue, Encode as _, EncodeValue, FixedTag, Header, Length, Reader, Sequence, Tag, Writer,
};
use rustls_pki_types::CertificateDer;
use spki::AlgorithmIdentifierOwned;
use x509_cert::Version;
use x509_cert::ext::{Extension, Extensions};
use x509_cert::name::Name;
use x509_cert::time::Time;

use crate::ca::authority::Authority;
use crate::ca::crl::entries::Entries;
use crate::ca::issuer::Issuer;
use crate::ca::reread::{self, RereadError};
use crate::ca::signer::{SignatureAlgorithm, Signer, SignerFailed, ToBeSigned};
use crate::ca::{extension, signed, tbs};
use crate::clock::Timestamp;
use crate::model::certificate::IssuerId;
use crate::model::digest::sha256;
use crate::model::problem_code::ProblemCode;
use crate::model::revocation::Revocation;
use crate::model::serial::SerialNumber;
use crate::model::span::DAY;

mod entries;
mod read;

pub use read::{ReadCrl, unlisted, vanished};

/// How long a root's list is good, in seconds: a root's key is fetched from its safe once a year.
pub const ROOT_CRL_LIFETIME: i64 = 365 * DAY;

/// The number of a list; it only increases (RFC 5280, section 5.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CrlNumber(pub u64);

/// What a list says besides its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrlUpdate {
    /// Its number.
    pub number: CrlNumber,
    /// From when.
    pub this_update: Timestamp,
    /// The latest time at which its successor is there.
    pub next_update: Timestamp,
}

/// `TBSCertList`, its lines as they are.
#[derive(Sequence)]
struct TbsCertList<'a> {
    version: Version,
    signature: AlgorithmIdentifierOwned,
    issuer: Name,
    this_update: Time,
    next_update: Option<Time>,
    revoked_certificates: Option<Lines<'a>>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    crl_extensions: Option<Extensions>,
}

/// `SEQUENCE OF` lines that are encoded already, or that nobody wants to read now.
struct Lines<'a>(&'a [u8]);

impl FixedTag for Lines<'_> {
    const TAG: Tag = Tag::Sequence;
}

impl EncodeValue for Lines<'_> {
    fn value_len(&self) -> der::Result<Length> {
        self.0.len().try_into()
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        writer.write(self.0)
    }
}

impl<'a> DecodeValue<'a> for Lines<'a> {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        reader.read_slice(header.length()).map(Self)
    }
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum CrlError {
    /// The signer's key is not the issuer's.
    #[error("the key is not the issuer's")]
    OtherKey,
    /// A list that is never valid.
    #[error("the next update is not after this one")]
    Validity,
    /// The encoder failed.
    #[error("the list could not be encoded: {0}")]
    Encoding(#[from] der::Error),
    /// The signer did not sign.
    #[error(transparent)]
    Signer(#[from] SignerFailed),
    /// What was signed is not what was prepared, or does not verify.
    #[error(transparent)]
    Reread(#[from] RereadError),
}

impl CrlError {
    /// The public code: a requester can do nothing about it.
    #[must_use]
    pub fn code(&self) -> ProblemCode {
        ProblemCode::InternalError
    }
}

/// A list to which lines are added.
pub struct CrlDraft {
    issuer: Authority,
    algorithm: SignatureAlgorithm,
    update: CrlUpdate,
    entries: Entries,
}

impl CrlDraft {
    /// An empty full list of `issuer`, to be signed by `signer`.
    ///
    /// # Errors
    /// [`CrlError::OtherKey`], [`CrlError::Validity`].
    pub fn new(
        issuer: &Authority,
        signer: &dyn Signer,
        update: CrlUpdate,
    ) -> Result<Self, CrlError> {
        if signer.spki_der() != issuer.spki_der() {
            return Err(CrlError::OtherKey);
        }
        if update.next_update <= update.this_update {
            return Err(CrlError::Validity);
        }
        Ok(Self {
            issuer: issuer.clone(),
            algorithm: signer.algorithm(),
            update,
            entries: Entries::new(),
        })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// [`CrlError::Encoding`].
    pub fn add(&mut self, serial: SerialNumber, revocation: Revocation) -> Result<(), CrlError> {
        Ok(self.entries.add(serial, revocation)?)
    }

    /// Makes the exact octets to be signed.
    ///
    /// # Errors
    /// [`CrlError::Encoding`].
    pub fn prepare(self) -> Result<PreparedCrl, CrlError> {
        let Self {
            issuer,
            algorithm,
            update,
            entries,
        } = self;
        let count = entries.count();
        let (lines, listing) = entries.finish();
        let list = TbsCertList {
            version: Version::V2,
            signature: algorithm.identifier(),
            issuer: issuer.subject().clone(),
            this_update: tbs::time(update.this_update)?,
            next_update: Some(tbs::time(update.next_update)?),
            // RFC 5280, section 5.1.2.6: an empty list is absent, not empty.
            revoked_certificates: (count > 0).then_some(Lines(&lines)),
            crl_extensions: Some(extensions(&issuer, update.number)?),
        };
        let tbs = list.to_der()?;
        Ok(PreparedCrl {
            tbs_sha256: sha256(&tbs),
            tbs: ToBeSigned::new(tbs),
            issuer,
            algorithm,
            update,
            count,
            listing,
        })
    }
}

/// A list that is ready to be recorded, then signed.
#[derive(Debug)]
pub struct PreparedCrl {
    issuer: Authority,
    algorithm: SignatureAlgorithm,
    update: CrlUpdate,
    count: u64,
    listing: [u8; 32],
    tbs: ToBeSigned,
    tbs_sha256: [u8; 32],
}

impl PreparedCrl {
    /// Who will sign.
    #[must_use]
    pub fn issuer_id(&self) -> IssuerId {
        self.issuer.issuer_id()
    }

    /// Number and times.
    #[must_use]
    pub fn update(&self) -> CrlUpdate {
        self.update
    }

    /// How many certificates it lists.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// SHA-256 of the exact octets that will be signed.
    #[must_use]
    pub fn tbs_sha256(&self) -> &[u8; 32] {
        &self.tbs_sha256
    }

    /// Signs, and reads the result again with another parser.
    ///
    /// # Errors
    /// [`CrlError`].
    pub async fn sign(self, signer: &dyn Signer) -> Result<IssuedCrl, CrlError> {
        if signer.spki_der() != self.issuer.spki_der() || signer.algorithm() != self.algorithm {
            return Err(CrlError::OtherKey);
        }
        let signature = signer.sign(&self.tbs).await?;
        let der = signed::assemble(self.tbs.as_bytes(), self.algorithm, &signature)?;
        self.reread(&der)?;
        Ok(IssuedCrl {
            issuer_id: self.issuer_id(),
            update: self.update,
            der,
        })
    }

    /// Every line, in its order, says what was added.
    fn reread(&self, der: &[u8]) -> Result<(), RereadError> {
        let issuer: CertificateDer<'_> = self.issuer.der();
        reread::signature(der, self.tbs.as_bytes(), &issuer)?;
        if read::listing(der)? != self.listing {
            return Err(RereadError::Differs("a revoked certificate"));
        }
        Ok(())
    }
}

/// A list that was signed and read again.
#[derive(Clone, Debug)]
pub struct IssuedCrl {
    issuer_id: IssuerId,
    update: CrlUpdate,
    der: Vec<u8>,
}

impl IssuedCrl {
    /// The list, DER, as it is served (RFC 5280, section 4.2.1.13).
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Who signed.
    #[must_use]
    pub fn issuer_id(&self) -> &IssuerId {
        &self.issuer_id
    }

    /// Number and times.
    #[must_use]
    pub fn update(&self) -> CrlUpdate {
        self.update
    }
}

impl Issuer {
    /// An empty list of this issuing CA.
    ///
    /// # Errors
    /// [`CrlError::Validity`].
    pub fn draft_crl(&self, update: CrlUpdate) -> Result<CrlDraft, CrlError> {
        CrlDraft::new(self.authority(), self.signer(), update)
    }

    /// Signs a list that was prepared here. The caller has committed its number and digest.
    ///
    /// # Errors
    /// [`CrlError`].
    pub async fn sign_crl(&self, prepared: PreparedCrl) -> Result<IssuedCrl, CrlError> {
        prepared.sign(self.signer()).await
    }
}

/// The issuer's own key identifier (not its parent's), and the number; no distribution point, which
/// some verifiers do not read and then take a revoked certificate for a good one.
fn extensions(issuer: &Authority, number: CrlNumber) -> der::Result<Vec<Extension>> {
    let CrlNumber(number) = number;
    let number = x509_cert::ext::pkix::crl::CrlNumber::try_from(number)?;
    Ok(vec![
        extension::authority_key_identifier(issuer.key_identifier())?,
        extension::extension(false, &number)?,
    ])
}

#[cfg(test)]
mod tests;
