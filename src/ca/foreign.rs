//! A certificate from somewhere else that verifies under our key: whoever made it has the key too.

use der::{Decode as _, Encode as _};
use x509_cert::Certificate;

use crate::ca::authority::{Authority, timestamp};
use crate::ca::reread::{self, RereadError};
use crate::ca::signed;
use crate::model::certificate::{CertificateKind, IssuerId, Validity};
use crate::model::digest::sha256;
use crate::model::serial::SerialNumber;

/// What it says; only the signature was verified.
#[derive(Clone, Debug)]
pub struct ForeignCertificate {
    issuer_id: IssuerId,
    serial: SerialNumber,
    validity: Validity,
    unverified_subject: String,
    spki_sha256: [u8; 32],
    tbs: Vec<u8>,
}

impl ForeignCertificate {
    /// Reads a certificate that this CA's key must have signed.
    ///
    /// # Errors
    /// [`RereadError`] where it did not.
    pub fn signed_by(unverified_der: &[u8], authority: &Authority) -> Result<Self, RereadError> {
        let tbs = signed::split(unverified_der)?.tbs;
        // It may be of any form: the second parser would not read some.
        reread::signature(unverified_der, &tbs, &authority.der())?;
        let certificate = Certificate::from_der(unverified_der)?;
        let contents = certificate.tbs_certificate();
        let serial = SerialNumber::of_der(contents.serial_number().as_bytes());
        let not_after = timestamp(contents.validity().not_after);
        Ok(Self {
            issuer_id: authority.issuer_id(),
            serial: serial.ok_or(RereadError::Differs("the form of the serial number"))?,
            validity: Validity {
                not_before: timestamp(contents.validity().not_before),
                not_after,
                renew_after: not_after,
            },
            unverified_subject: contents.subject().to_string(),
            spki_sha256: sha256(&contents.subject_public_key_info().to_der()?),
            tbs,
        })
    }

    /// What it is to the record.
    #[must_use]
    pub fn kind(&self) -> CertificateKind {
        CertificateKind::Unrecorded
    }

    /// Whose key signed.
    #[must_use]
    pub fn issuer_id(&self) -> &IssuerId {
        &self.issuer_id
    }

    /// Its number.
    #[must_use]
    pub fn serial(&self) -> SerialNumber {
        self.serial
    }

    /// When it claims to be good.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// Whom it claims to name.
    #[must_use]
    pub fn unverified_subject(&self) -> &str {
        &self.unverified_subject
    }

    /// SHA-256 of its key.
    #[must_use]
    pub fn spki_sha256(&self) -> &[u8; 32] {
        &self.spki_sha256
    }

    /// The octets that were signed.
    #[must_use]
    pub fn tbs(&self) -> &[u8] {
        &self.tbs
    }
}
