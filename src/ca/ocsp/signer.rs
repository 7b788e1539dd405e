//! A delegated signer (RFC 6960, section 4.2.2.2): a key that lives in this process alone, with a
//! certificate of the issuing CA's that says what the key is for and nothing else.

use std::fmt;

use const_oid::db::rfc4519::CN;
use const_oid::db::rfc5280::ID_KP_OCSP_SIGNING;
use const_oid::db::rfc6960::ID_PKIX_OCSP_NOCHECK;
use der::asn1::Null;
use der::{Decode as _, Encode as _};
use rustls_pki_types::CertificateDer;
use x509_cert::ext::pkix::KeyUsages;
use x509_cert::name::{Name, RdnSequence};

use crate::ca::authority::Authority;
use crate::ca::issuer::Issuer;
use crate::ca::lint::LintFailure;
use crate::ca::lint::leaf::Leaf;
use crate::ca::name::name;
use crate::ca::ocsp::certificate_id::{CertificateId, key_hash};
use crate::ca::ocsp::lint::lint;
use crate::ca::ocsp::request::Nonce;
use crate::ca::ocsp::response::{self, CertificateStatus, Response};
use crate::ca::reread::{self, RereadError};
use crate::ca::signer::software::{KeyError, SoftwareKey};
use crate::ca::signer::{SignatureAlgorithm, Signer as _, SignerFailed, ToBeSigned};
use crate::ca::{extension, signed, tbs};
use crate::clock::Timestamp;
use crate::model::certificate::{IssuerId, Validity};
use crate::model::digest::sha256;
use crate::model::problem_code::ProblemCode;
use crate::model::serial::SerialNumber;
use crate::model::span::DAY;

/// How long a signer's certificate is good, in seconds. It cannot be revoked (`ocsp-nocheck`), so it is
/// short; of its life the second half is there for the day on which it cannot be renewed.
pub const LIFETIME: i64 = 4 * DAY;
/// Seconds by which it is backdated: a relying party's clock may lag.
pub(super) const BACKDATED: i64 = 300;
/// How long an answer may be believed, in seconds.
pub const RESPONSE_LIFETIME: i64 = 15 * 60;
/// The signer's common name; the rest of its name is its CA's.
const COMMON_NAME: &str = "OCSP Signer";

/// Why there is no signer, or no answer of it.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// No key could be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The issuing CA may not certify signers.
    #[error("the issuing certificate's extended key usage does not admit OCSP signing")]
    NotAdmitted,
    /// The issuing CA is not valid now.
    #[error("the issuing certificate is not valid now")]
    IssuerNotValid,
    /// It was prepared by another issuer.
    #[error("prepared by another issuer")]
    OtherIssuer,
    /// The encoder failed.
    #[error("it could not be encoded: {0}")]
    Encoding(String),
    /// What was encoded is not what was meant.
    #[error(transparent)]
    Lint(#[from] LintFailure),
    /// The holder of the key did not sign.
    #[error(transparent)]
    Signer(#[from] SignerFailed),
    /// What was signed is not what was prepared, or does not verify.
    #[error(transparent)]
    Reread(#[from] RereadError),
}

impl SignerError {
    /// The public code: nothing that a requester can do anything about.
    #[must_use]
    pub fn code(&self) -> ProblemCode {
        ProblemCode::InternalError
    }
}

impl From<der::Error> for SignerError {
    fn from(error: der::Error) -> Self {
        Self::Encoding(error.to_string())
    }
}

/// A signer whose certificate passed the lint and waits to be recorded, then signed.
#[derive(Debug)]
pub struct PreparedSigner {
    key: SoftwareKey,
    serial: SerialNumber,
    validity: Validity,
    issuer_id: IssuerId,
    prepared_at: Timestamp,
    tbs: ToBeSigned,
}

impl PreparedSigner {
    /// The exact octets that will be signed: TBSCertificate, DER.
    #[must_use]
    pub fn tbs(&self) -> &[u8] {
        self.tbs.as_bytes()
    }

    /// Its certificate's number.
    #[must_use]
    pub fn serial(&self) -> SerialNumber {
        self.serial
    }

    /// From when to when, and when to have its successor: at half of its life.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// Who will sign.
    #[must_use]
    pub fn issuer_id(&self) -> &IssuerId {
        &self.issuer_id
    }

    /// SHA-256 of the signer's SPKI.
    #[must_use]
    pub fn spki_sha256(&self) -> [u8; 32] {
        sha256(self.key.spki_der())
    }
}

/// A signer of answers. Whoever has it has nothing else signed with it.
pub struct ResponseSigner {
    key: SoftwareKey,
    key_hash: Vec<u8>,
    certificate: CertificateDer<'static>,
    issuing: CertificateDer<'static>,
    validity: Validity,
}

impl ResponseSigner {
    /// Its certificate, DER.
    #[must_use]
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    /// From when to when, and when to have its successor.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// Whether it may sign at `now`.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.validity.not_before <= now && now < self.validity.not_after
    }

    /// Signs what was true at `now`. The answer carries the signer's certificate and the issuing CA's:
    /// FreeRADIUS 3.2.1 with the root alone in its trust store finds neither elsewhere.
    ///
    /// Unlike a certificate an answer is not read again: it is good for minutes, and a client that cannot
    /// verify it does what it does without one.
    ///
    /// # Errors
    /// [`SignerError`].
    pub async fn respond(
        &self,
        answers: &[(&CertificateId, CertificateStatus)],
        nonce: Option<&Nonce>,
        now: Timestamp,
    ) -> Result<Response, SignerError> {
        let next_update = now.plus(RESPONSE_LIFETIME).min(self.validity.not_after);
        let tbs = response::to_be_signed(&self.key_hash, answers, nonce, now, next_update)?;
        let tbs = ToBeSigned::new(tbs);
        let signature = self.key.sign(&tbs).await?;
        let certificates = [self.certificate.as_ref(), self.issuing.as_ref()];
        let algorithm = self.key.algorithm();
        Ok(Response {
            der: response::assemble(tbs.as_bytes(), algorithm, &signature, certificates)?,
            this_update: now,
            next_update,
        })
    }
}

impl fmt::Debug for ResponseSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ResponseSigner")
            .field("validity", &self.validity)
            .finish_non_exhaustive()
    }
}

impl Issuer {
    /// Makes a key and the exact octets of its certificate, and lints them. Nothing is signed yet: commit
    /// the number and the octets first.
    ///
    /// # Errors
    /// [`SignerError`].
    pub fn prepare_response_signer(
        &self,
        serial: SerialNumber,
        now: Timestamp,
    ) -> Result<PreparedSigner, SignerError> {
        let issuing = self.authority();
        if !issuing.admits(ID_KP_OCSP_SIGNING) {
            return Err(SignerError::NotAdmitted);
        }
        if now < issuing.not_before() || issuing.not_after() <= now {
            return Err(SignerError::IssuerNotValid);
        }
        let key = SoftwareKey::generate(SignatureAlgorithm::EcdsaP256Sha256)?;
        let validity = validity(issuing, now);
        let contents = contents(issuing, key.spki_der(), validity)?;
        let tbs = tbs::encode(contents, serial, self.signer())
            .map_err(|error| SignerError::Encoding(error.to_string()))?;
        let expected = Leaf {
            issuing,
            algorithm: self.signer().algorithm(),
            serial,
            spki_der: key.spki_der(),
            validity,
            now,
        };
        lint(&tbs, &expected)?;
        Ok(PreparedSigner {
            key,
            serial,
            validity,
            issuer_id: self.id().clone(),
            prepared_at: now,
            tbs: ToBeSigned::new(tbs),
        })
    }

    /// Signs the certificate of a signer that was prepared, and reads the result with another parser.
    /// The caller has committed the number and the octets.
    ///
    /// # Errors
    /// [`SignerError`]. The serial number is spent then: a signature may exist somewhere.
    pub async fn sign_response_signer(
        &self,
        prepared: PreparedSigner,
    ) -> Result<ResponseSigner, SignerError> {
        if prepared.issuer_id != *self.id() {
            return Err(SignerError::OtherIssuer);
        }
        let signature = self.signer().sign(&prepared.tbs).await?;
        let der = signed::assemble(prepared.tbs(), self.signer().algorithm(), &signature)?;
        reread::certificate(&der, prepared.tbs(), &self.certificate_der())?;
        let at = prepared.prepared_at;
        reread::ocsp_signer_path(&der, self.authority(), self.root(), at)?;
        Ok(ResponseSigner {
            key_hash: key_hash(prepared.key.spki_der())?,
            key: prepared.key,
            certificate: CertificateDer::from(der),
            issuing: self.certificate_der().into_owned(),
            validity: prepared.validity,
        })
    }
}

fn validity(issuing: &Authority, now: Timestamp) -> Validity {
    let not_after = now.plus(LIFETIME).min(issuing.not_after());
    Validity {
        not_before: now.minus(BACKDATED).max(issuing.not_before()),
        not_after,
        renew_after: now.plus(not_after.since(now) / 2),
    }
}

/// The lint knows this list too: an extension is added in both places, or nothing is signed.
fn contents(
    issuing: &Authority,
    spki_der: &[u8],
    validity: Validity,
) -> der::Result<tbs::Contents> {
    Ok(tbs::Contents {
        issuer: issuing.subject().clone(),
        subject: subject(issuing)?,
        not_before: validity.not_before,
        not_after: validity.not_after,
        spki_der: spki_der.to_vec(),
        extensions: vec![
            extension::basic_constraints(false, None)?,
            extension::key_usage(KeyUsages::DigitalSignature)?,
            extension::extended_key_usage(&[ID_KP_OCSP_SIGNING])?,
            extension::subject_key_identifier(spki_der)?,
            extension::authority_key_identifier(issuing.key_identifier())?,
            extension::of_content(ID_PKIX_OCSP_NOCHECK, Null.to_der()?)?,
        ],
    })
}

/// The CA's own name with another common name, so that a test issuer's signer says that it is one, too.
pub(super) fn subject(issuing: &Authority) -> der::Result<Name> {
    let own = name(&[(CN, COMMON_NAME)])?;
    let kept = issuing.subject().iter_rdn();
    let kept = kept.filter(|rdn| !rdn.iter().any(|attribute| attribute.oid == CN));
    let rdns: Vec<_> = kept.chain(own.iter_rdn()).cloned().collect();
    Name::from_der(&RdnSequence::from(rdns).to_der()?)
}
