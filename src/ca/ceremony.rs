//! The birth of a CA: the root's own certificate, and the issuing CA's below it.
//!
//! Two steps each, like every signature: the caller commits the serial number and the exact octets
//! to be signed, then signs.

use std::collections::BTreeSet;

use const_oid::db::rfc4519::{CN, O, OU};
use const_oid::db::rfc5280::{ANY_POLICY, ID_KP_CLIENT_AUTH, ID_KP_OCSP_SIGNING};
use der::Decode as _;
use x509_cert::builder;
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::KeyUsages;
use x509_cert::name::Name;

use crate::ca::authority::{Authority, AuthorityError, TEST_UNIT};
use crate::ca::extension;
use crate::ca::name::{ATTRIBUTE_MAX, name};
use crate::ca::signer::{Signer, SignerFailed, ToBeSigned};
use crate::ca::{signed, tbs};
use crate::clock::Timestamp;
use crate::model::certificate::{CertificateKind, IssuerId, Validity};
use crate::model::endpoint::Endpoint;
use crate::model::pki_base::PkiBase;
use crate::model::problem_code::ProblemCode;
use crate::model::serial::SerialNumber;
use crate::model::span::DAY;
use crate::model::usages::ExtendedKeyUsage;

/// A CA certificate is good from a day back: devices whose clock lags believe it at once.
const BACKDATED: i64 = DAY;
/// How long a root is good unless the administrator says otherwise, in seconds: 20 years.
pub const ROOT_LIFETIME: i64 = 20 * 365 * DAY + 5 * DAY;
/// How long an issuing CA is good unless the administrator says otherwise, in seconds: 5 years.
pub const ISSUING_LIFETIME: i64 = 5 * 365 * DAY + DAY;

/// Why no CA certificate was made.
#[derive(Debug, thiserror::Error)]
pub enum CeremonyError {
    /// The organisation's name cannot stand in the subject; nothing is truncated.
    #[error("the organisation's name is 1 to 53 characters without control characters")]
    Organisation,
    /// The root ends before the issuing CA could be of any use.
    #[error("the root certificate ends too soon")]
    RootExpiring,
    /// The signer's key is not the one in the certificate that is to sign.
    #[error("the key is not the root certificate's")]
    OtherKey,
    /// The encoder failed.
    #[error("the certificate could not be encoded: {0}")]
    Encoding(String),
    /// What was encoded or signed breaks a rule.
    #[error(transparent)]
    Rule(#[from] AuthorityError),
    /// The signer did not sign.
    #[error(transparent)]
    Signer(#[from] SignerFailed),
}

impl CeremonyError {
    /// The public code.
    #[must_use]
    pub fn code(&self) -> ProblemCode {
        match self {
            Self::RootExpiring => ProblemCode::IssuerExpiring,
            _ => ProblemCode::InternalError,
        }
    }
}

impl From<builder::Error> for CeremonyError {
    fn from(error: builder::Error) -> Self {
        Self::Encoding(error.to_string())
    }
}

impl From<der::Error> for CeremonyError {
    fn from(error: der::Error) -> Self {
        Self::Encoding(error.to_string())
    }
}

/// Who runs the CA, and whose word it rests on: what the subjects of its certificates say.
#[derive(Clone, Debug)]
pub struct Owner {
    organisation: String,
    endpoint: Endpoint,
}

impl Owner {
    /// Takes the organisation's name as people know it.
    ///
    /// # Errors
    /// [`CeremonyError::Organisation`] where it is empty, longer than the common name allows, or
    /// holds control characters.
    pub fn new(organisation: &str, endpoint: Endpoint) -> Result<Self, CeremonyError> {
        let longest = ATTRIBUTE_MAX - " Issuing CA".len();
        let fits = (1..=longest).contains(&organisation.chars().count())
            && !organisation.chars().any(char::is_control)
            && organisation.trim() == organisation;
        if !fits {
            return Err(CeremonyError::Organisation);
        }
        Ok(Self {
            organisation: organisation.to_owned(),
            endpoint,
        })
    }

    fn subject(&self, role: &str) -> der::Result<Name> {
        let common_name = format!("{} {role}", self.organisation);
        let mut attributes = vec![(O, self.organisation.as_str())];
        if self.endpoint == Endpoint::Test {
            attributes.push((OU, TEST_UNIT));
        }
        attributes.push((CN, &common_name));
        name(&attributes)
    }
}

/// A CA certificate that is ready to be recorded, then signed.
#[derive(Debug)]
pub struct PreparedAuthority {
    kind: CertificateKind,
    serial: SerialNumber,
    validity: Validity,
    issuer_id: IssuerId,
    tbs: ToBeSigned,
    root: Option<Authority>,
}

impl PreparedAuthority {
    /// Root or issuing.
    #[must_use]
    pub fn kind(&self) -> CertificateKind {
        self.kind
    }

    /// Its number.
    #[must_use]
    pub fn serial(&self) -> SerialNumber {
        self.serial
    }

    /// Its validity; a CA is renewed by hand, from half of its life on.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// The id of the issuer that signs it: the root's.
    #[must_use]
    pub fn issuer_id(&self) -> &IssuerId {
        &self.issuer_id
    }

    /// The exact octets that will be signed.
    #[must_use]
    pub fn tbs(&self) -> &[u8] {
        self.tbs.as_bytes()
    }

    /// Signs with the root's key, and reads the result again with another parser.
    ///
    /// # Errors
    /// [`CeremonyError::OtherKey`], [`CeremonyError::Signer`]; [`CeremonyError::Rule`] where the
    /// result is not what was prepared.
    pub async fn sign(self, root_signer: &dyn Signer) -> Result<Authority, CeremonyError> {
        let signature = root_signer.sign(&self.tbs).await?;
        let der = signed::assemble(self.tbs(), root_signer.algorithm(), &signature)?;
        let authority = Authority::from_der(&der)?;
        let root = self.root.as_ref().unwrap_or(&authority);
        if root.spki_der() != root_signer.spki_der() {
            return Err(CeremonyError::OtherKey);
        }
        crate::ca::reread::certificate(&der, self.tbs(), &root.der())
            .map_err(AuthorityError::from)?;
        Ok(authority)
    }
}

/// Prepares a root's own certificate: self-signed, without a path length (relying parties do not
/// read it in an anchor, and it could never be changed), good for `lifetime` seconds.
///
/// # Errors
/// [`CeremonyError::Encoding`], [`CeremonyError::Rule`].
pub fn prepare_root(
    owner: &Owner,
    signer: &dyn Signer,
    serial: SerialNumber,
    now: Timestamp,
    lifetime: i64,
) -> Result<PreparedAuthority, CeremonyError> {
    let subject = owner.subject("Root CA")?;
    let spki_der = signer.spki_der();
    let validity = validity(now, now.plus(lifetime));
    let identifier = extension::key_identifier(spki_der)?;
    let mut extensions = ca_extensions(None, spki_der)?;
    extensions.push(extension::authority_key_identifier(&identifier)?);
    let contents = tbs::Contents {
        issuer: subject.clone(),
        subject,
        not_before: validity.not_before,
        not_after: validity.not_after,
        spki_der: spki_der.to_vec(),
        extensions,
    };
    let tbs = tbs::encode(contents, serial, signer)?;
    let read = Authority::from_tbs(&TbsCertificate::from_der(&tbs)?)?;
    read.check_root()?;
    Ok(PreparedAuthority {
        kind: CertificateKind::Root,
        serial,
        validity,
        issuer_id: read.issuer_id(),
        tbs: ToBeSigned::new(tbs),
        root: None,
    })
}

/// What an issuing CA is made with.
#[derive(Clone, Copy, Debug)]
pub struct IssuingRequest<'a> {
    /// Its key: SubjectPublicKeyInfo, DER.
    pub spki_der: &'a [u8],
    /// What its profiles certify keys for.
    pub usages: &'a BTreeSet<ExtendedKeyUsage>,
    /// Its number.
    pub serial: SerialNumber,
    /// Seconds.
    pub lifetime: i64,
    /// Where the root's CRL and certificate are.
    pub pki_base: Option<&'a PkiBase>,
}

/// Prepares an issuing CA's certificate: path length 0, extended key usage exactly what profiles and
/// OCSP responders below it need, any policy (those of its profiles are nobody else's), good for its
/// lifetime but never past the root.
///
/// # Errors
/// [`CeremonyError`].
pub fn prepare_issuing(
    owner: &Owner,
    root: &Authority,
    root_signer: &dyn Signer,
    request: IssuingRequest<'_>,
    now: Timestamp,
) -> Result<PreparedAuthority, CeremonyError> {
    let IssuingRequest {
        spki_der, serial, ..
    } = request;
    if root.spki_der() != root_signer.spki_der() {
        return Err(CeremonyError::OtherKey);
    }
    let mut validity = validity(now, now.plus(request.lifetime).min(root.not_after()));
    validity.not_before = validity.not_before.max(root.not_before());
    if validity.not_after.since(now) < DAY {
        return Err(CeremonyError::RootExpiring);
    }
    let mut extensions = ca_extensions(Some(0), spki_der)?;
    let mut purposes = vec![ID_KP_CLIENT_AUTH];
    let others = request.usages.iter().map(|usage| usage.oid());
    purposes.extend(others.filter(|purpose| *purpose != ID_KP_CLIENT_AUTH));
    purposes.push(ID_KP_OCSP_SIGNING);
    extensions.push(extension::extended_key_usage(&purposes)?);
    extensions.push(extension::certificate_policies(&[ANY_POLICY])?);
    extensions.push(extension::authority_key_identifier(root.key_identifier())?);
    if let Some(base) = request.pki_base {
        let root = root.issuer_id();
        extensions.push(extension::crl_distribution_points(&base.crl(&root))?);
        // Nobody answers for the root's certificates one by one: its key is not at hand.
        let certificate = base.certificate(&root);
        extensions.push(extension::authority_information_access(&certificate, None)?);
    }
    let contents = tbs::Contents {
        issuer: root.subject().clone(),
        subject: owner.subject("Issuing CA")?,
        not_before: validity.not_before,
        not_after: validity.not_after,
        spki_der: spki_der.to_vec(),
        extensions,
    };
    let tbs = tbs::encode(contents, serial, root_signer)?;
    Authority::from_tbs(&TbsCertificate::from_der(&tbs)?)?.check_issuing(root)?;
    Ok(PreparedAuthority {
        kind: CertificateKind::Issuing,
        serial,
        validity,
        issuer_id: root.issuer_id(),
        tbs: ToBeSigned::new(tbs),
        root: Some(root.clone()),
    })
}

fn ca_extensions(path_len: Option<u8>, spki_der: &[u8]) -> der::Result<Vec<Extension>> {
    Ok(vec![
        extension::basic_constraints(true, path_len)?,
        extension::key_usage(KeyUsages::KeyCertSign | KeyUsages::CRLSign)?,
        extension::subject_key_identifier(spki_der)?,
    ])
}

fn validity(now: Timestamp, not_after: Timestamp) -> Validity {
    Validity {
        not_before: now.minus(BACKDATED),
        not_after,
        renew_after: now.plus(not_after.since(now) / 2),
    }
}

#[cfg(test)]
mod tests;
