//! A client certificate: prepared, recorded by the caller, then signed.

use rustls_pki_types::CertificateDer;

use crate::ca::issuer::Issuer;
use crate::ca::lint::{Expected, LintFailure, lint};
use crate::ca::reread::{self, RereadError};
use crate::ca::signer::{SignerFailed, ToBeSigned};
use crate::ca::template::{self, ClientContents, TemplateError};
use crate::ca::{signed, tbs};
use crate::clock::Timestamp;
use crate::model::certificate::{IssuerId, Validity};
use crate::model::digest::sha256;
use crate::model::identity::VerifiedIdentity;
use crate::model::problem_code::ProblemCode;
use crate::model::profile::ProfileHash;
use crate::model::serial::SerialNumber;
use crate::policy::Approval;
use crate::random::{Random, RandomUnavailable};

/// Why nothing was prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The approval's profile names another issuer.
    #[error("the profile is signed by another issuer")]
    OtherIssuer,
    /// The issuer ends before a certificate would be of any use.
    #[error("the issuer's own certificate ends too soon")]
    IssuerExpiring,
    /// The issuer is not valid yet by our clock, which is therefore wrong.
    #[error("the issuer's own certificate is not valid yet: the clock is wrong")]
    IssuerNotYetValid,
    /// The random source failed.
    #[error(transparent)]
    Random(#[from] RandomUnavailable),
    /// The encoder failed.
    #[error("the certificate could not be encoded: {0}")]
    Encoding(String),
    /// What was encoded is not what was approved.
    #[error(transparent)]
    Lint(#[from] LintFailure),
}

impl PrepareError {
    /// The public code.
    #[must_use]
    pub fn code(&self) -> ProblemCode {
        match self {
            Self::IssuerExpiring => ProblemCode::IssuerExpiring,
            Self::IssuerNotYetValid => ProblemCode::ClockUntrusted,
            Self::OtherIssuer | Self::Random(_) | Self::Encoding(_) | Self::Lint(_) => {
                ProblemCode::InternalError
            }
        }
    }
}

impl From<TemplateError> for PrepareError {
    fn from(error: TemplateError) -> Self {
        match error {
            TemplateError::IssuerExpiring => Self::IssuerExpiring,
            TemplateError::IssuerNotYetValid => Self::IssuerNotYetValid,
            TemplateError::Random(error) => Self::Random(error),
            TemplateError::Encoding(error) => Self::Encoding(error.to_string()),
        }
    }
}

/// Why nothing was issued, although it was prepared.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// It was prepared by another issuer.
    #[error("prepared by another issuer")]
    OtherIssuer,
    /// The profile is not the one by which it was prepared.
    #[error("the profile changed between intent and signature")]
    ProfileChanged,
    /// The signer did not sign.
    #[error(transparent)]
    Signer(#[from] SignerFailed),
    /// What was signed is not what was prepared, or does not verify.
    #[error(transparent)]
    Reread(#[from] RereadError),
}

impl SignError {
    /// The public code.
    #[must_use]
    pub fn code(&self) -> ProblemCode {
        match self {
            Self::ProfileChanged => ProblemCode::ProfileChanged,
            Self::OtherIssuer | Self::Signer(_) | Self::Reread(_) => ProblemCode::InternalError,
        }
    }
}

/// A certificate that passed the lint and waits to be recorded, then signed. It lives in memory
/// alone: octets read back from a database are never signed.
#[derive(Debug)]
pub struct PreparedCertificate {
    tbs: ToBeSigned,
    serial: SerialNumber,
    validity: Validity,
    issuer_id: IssuerId,
    prepared_at: Timestamp,
    contents: ClientContents,
}

impl PreparedCertificate {
    /// The exact octets that will be signed: TBSCertificate, DER.
    #[must_use]
    pub fn tbs(&self) -> &[u8] {
        self.tbs.as_bytes()
    }

    /// Its number.
    #[must_use]
    pub fn serial(&self) -> SerialNumber {
        self.serial
    }

    /// From when to when, and when to renew.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// Who will sign.
    #[must_use]
    pub fn issuer_id(&self) -> &IssuerId {
        &self.issuer_id
    }

    /// Name of the profile it was made by.
    #[must_use]
    pub fn profile(&self) -> &str {
        &self.contents.profile
    }

    /// That profile's fingerprint.
    #[must_use]
    pub fn profile_hash(&self) -> ProfileHash {
        self.contents.profile_hash
    }

    /// SHA-256 of the certified key's SPKI.
    #[must_use]
    pub fn spki_sha256(&self) -> &[u8; 32] {
        &self.contents.spki_sha256
    }

    /// Whom it names.
    #[must_use]
    pub fn identity(&self) -> &VerifiedIdentity {
        &self.contents.identity
    }
}

/// A certificate that was signed and read again.
#[derive(Clone, Debug)]
pub struct IssuedCertificate {
    der: CertificateDer<'static>,
    sha256: [u8; 32],
    serial: SerialNumber,
    validity: Validity,
    issuer_id: IssuerId,
}

impl IssuedCertificate {
    /// The certificate, DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate, PEM, with a line ending behind it.
    #[must_use]
    pub fn pem(&self) -> String {
        crate::ca::bundle::pem(&self.der)
    }

    /// SHA-256 of [`Self::der`]: what a certificate is looked up by.
    #[must_use]
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// Its number.
    #[must_use]
    pub fn serial(&self) -> SerialNumber {
        self.serial
    }

    /// From when to when, and when to renew.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// Who signed.
    #[must_use]
    pub fn issuer_id(&self) -> &IssuerId {
        &self.issuer_id
    }
}

impl Issuer {
    /// Makes the exact octets to be signed, and lints them. Nothing is signed yet: commit the
    /// number and the octets first.
    ///
    /// # Errors
    /// [`PrepareError`].
    pub fn prepare(
        &self,
        approval: &Approval,
        serial: SerialNumber,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<PreparedCertificate, PrepareError> {
        if approval.profile().issuer != self.name() {
            return Err(PrepareError::OtherIssuer);
        }
        self.prepare_contents(approval.into(), serial, now, random)
    }

    pub(super) fn prepare_contents(
        &self,
        contents: ClientContents,
        serial: SerialNumber,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<PreparedCertificate, PrepareError> {
        let validity = template::validity(self.authority(), &contents, now, random)?;
        let filled = template::fill(self.authority(), self.pki_base(), &contents, validity)?;
        let tbs = tbs::encode(filled, serial, self.signer())
            .map_err(|error| PrepareError::Encoding(error.to_string()))?;
        let expected = Expected {
            issuing: self.authority(),
            algorithm: self.signer().algorithm(),
            serial,
            contents: &contents,
            pki_base: self.pki_base(),
            validity,
            now,
        };
        lint(&tbs, &expected)?;
        Ok(PreparedCertificate {
            tbs: ToBeSigned::new(tbs),
            serial,
            validity,
            issuer_id: self.id().clone(),
            prepared_at: now,
            contents,
        })
    }

    /// Signs what was prepared, and reads the result with another parser before anybody gets it.
    /// The caller has committed the number and the octets; `profile` is the profile of that name as it
    /// is now.
    ///
    /// # Errors
    /// [`SignError`]. The serial number is spent then: a signature may exist somewhere.
    pub async fn sign(
        &self,
        prepared: PreparedCertificate,
        profile: ProfileHash,
    ) -> Result<IssuedCertificate, SignError> {
        if prepared.issuer_id != *self.id() {
            return Err(SignError::OtherIssuer);
        }
        if prepared.contents.profile_hash != profile {
            return Err(SignError::ProfileChanged);
        }
        let signature = self.signer().sign(&prepared.tbs).await?;
        let der = signed::assemble(prepared.tbs(), self.signer().algorithm(), &signature)
            .map_err(RereadError::from)?;
        reread::certificate(&der, prepared.tbs(), &self.certificate_der())?;
        reread::client_path(&der, self.authority(), self.root(), prepared.prepared_at)?;
        Ok(IssuedCertificate {
            sha256: sha256(&der),
            der: CertificateDer::from(der),
            serial: prepared.serial,
            validity: prepared.validity,
            issuer_id: prepared.issuer_id,
        })
    }
}

#[cfg(test)]
mod tests;
