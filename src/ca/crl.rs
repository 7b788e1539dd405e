//! Certificate revocation lists (RFC 5280, section 5), prepared, recorded by the caller, then signed.

use der::Encode as _;
use rustls_pki_types::CertificateDer;
use webpki::CertRevocationList;
use x509_cert::Version;
use x509_cert::crl::{RevokedCert, TbsCertList};
use x509_cert::ext::Extension;

use crate::ca::authority::Authority;
use crate::ca::reread::{self, RereadError};
use crate::ca::signer::{SignatureAlgorithm, Signer, SignerFailed, ToBeSigned};
use crate::ca::{extension, signed, tbs};
use crate::clock::Timestamp;
use crate::model::certificate::IssuerId;
use crate::model::digest::sha256;
use crate::model::problem_code::ProblemCode;
use crate::model::serial::SerialNumber;

/// How long a root's list is good, in seconds: a root's key is fetched from its safe once a year.
pub const ROOT_CRL_LIFETIME: i64 = 365 * 24 * 60 * 60;

/// The number of a list; it only increases (RFC 5280, section 5.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CrlNumber(pub u64);

/// One line of a list; without a reason code, which says "unspecified" (RFC 5280, section 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevokedSerial {
    /// Which certificate.
    pub serial: SerialNumber,
    /// Since when.
    pub revoked_at: Timestamp,
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

/// A list that is ready to be recorded, then signed.
#[derive(Debug)]
pub struct PreparedCrl {
    issuer: Authority,
    algorithm: SignatureAlgorithm,
    number: CrlNumber,
    this_update: Timestamp,
    next_update: Timestamp,
    revoked: Vec<RevokedSerial>,
    tbs: ToBeSigned,
    tbs_sha256: [u8; 32],
}

impl PreparedCrl {
    /// Who will sign.
    #[must_use]
    pub fn issuer_id(&self) -> IssuerId {
        self.issuer.issuer_id()
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> CrlNumber {
        self.number
    }

    /// From when.
    #[must_use]
    pub fn this_update(&self) -> Timestamp {
        self.this_update
    }

    /// The latest time at which its successor is there.
    #[must_use]
    pub fn next_update(&self) -> Timestamp {
        self.next_update
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
            number: self.number,
            this_update: self.this_update,
            next_update: self.next_update,
            der,
        })
    }

    fn reread(&self, der: &[u8]) -> Result<(), RereadError> {
        let issuer: CertificateDer<'_> = self.issuer.der();
        let list =
            CertRevocationList::from(reread::revocation_list(der, self.tbs.as_bytes(), &issuer)?);
        for entry in &self.revoked {
            if list.find_serial(entry.serial.as_bytes())?.is_none() {
                return Err(RereadError::Differs("a revoked serial number"));
            }
        }
        Ok(())
    }
}

/// A list that was signed and read again.
#[derive(Clone, Debug)]
pub struct IssuedCrl {
    issuer_id: IssuerId,
    number: CrlNumber,
    this_update: Timestamp,
    next_update: Timestamp,
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

    /// Its number.
    #[must_use]
    pub fn number(&self) -> CrlNumber {
        self.number
    }

    /// From when.
    #[must_use]
    pub fn this_update(&self) -> Timestamp {
        self.this_update
    }

    /// The latest time at which its successor is there.
    #[must_use]
    pub fn next_update(&self) -> Timestamp {
        self.next_update
    }
}

/// Prepares a full list of `issuer`, to be signed by `signer`.
///
/// # Errors
/// [`CrlError::OtherKey`], [`CrlError::Validity`], [`CrlError::Encoding`].
pub fn prepare(
    issuer: &Authority,
    signer: &dyn Signer,
    number: CrlNumber,
    this_update: Timestamp,
    next_update: Timestamp,
    revoked: &[RevokedSerial],
) -> Result<PreparedCrl, CrlError> {
    if signer.spki_der() != issuer.spki_der() {
        return Err(CrlError::OtherKey);
    }
    if next_update <= this_update {
        return Err(CrlError::Validity);
    }
    let entries = revoked.iter().map(entry).collect::<der::Result<Vec<_>>>()?;
    let tbs = TbsCertList::<x509_cert::certificate::Rfc5280> {
        version: Version::V2,
        signature: signer.algorithm().identifier(),
        issuer: issuer.subject().clone(),
        this_update: tbs::time(this_update)?,
        next_update: Some(tbs::time(next_update)?),
        // RFC 5280, section 5.1.2.6: an empty list is absent, not empty.
        revoked_certificates: (!entries.is_empty()).then_some(entries),
        crl_extensions: Some(extensions(issuer, number)?),
    }
    .to_der()?;
    Ok(PreparedCrl {
        issuer: issuer.clone(),
        algorithm: signer.algorithm(),
        number,
        this_update,
        next_update,
        revoked: revoked.to_vec(),
        tbs_sha256: sha256(&tbs),
        tbs: ToBeSigned::new(tbs),
    })
}

fn entry(revoked: &RevokedSerial) -> der::Result<RevokedCert> {
    Ok(RevokedCert {
        serial_number: x509_cert::serial_number::SerialNumber::new(revoked.serial.as_bytes())?,
        revocation_date: tbs::time(revoked.revoked_at)?,
        crl_entry_extensions: None,
    })
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
