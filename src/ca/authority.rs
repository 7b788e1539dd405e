//! A CA's own certificate, read and judged: may this key sign certificates, and for whom?

use const_oid::AssociatedOid;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{
    ANY_EXTENDED_KEY_USAGE, ANY_POLICY, ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH,
};
use der::{Decode, Encode as _};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_cert::certificate::{Certificate, TbsCertificate};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, CertificatePolicies, ExtendedKeyUsage, KeyUsage,
    KeyUsages, SubjectKeyIdentifier,
};
use x509_cert::name::{Name, RelativeDistinguishedName};

use crate::ca::name::has_unit;
use crate::ca::reread;
use crate::clock::Timestamp;
use crate::model::certificate::IssuerId;
use crate::model::certificate_names::Attribute;
use crate::model::digest::sha256;
use crate::model::endpoint::Endpoint;
use crate::model::profile::CertificateProfile;

/// The organisational unit that marks the certificates of a test issuer, and of its root.
pub const TEST_UNIT: &str = "vaca test issuer, not for production";

/// Whose word rests behind a CA, as its subject says.
fn endpoint_of(subject: &Name) -> Endpoint {
    if has_unit(subject, TEST_UNIT) {
        Endpoint::Test
    } else {
        Endpoint::Google
    }
}

/// Why a certificate is not one that a CA of this house can have.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Not exactly one certificate in PEM.
    #[error("not exactly one certificate in PEM form")]
    Pem,
    /// Not strict DER.
    #[error("not a certificate in DER: {0}")]
    Encoding(#[from] der::Error),
    /// A rule of RFC 5280 or of this house is broken.
    #[error("{0}")]
    Rule(&'static str),
    /// Its issuer did not sign it.
    #[error("its issuer's key does not verify it: {0}")]
    Signature(#[from] reread::RereadError),
}

/// A CA certificate as it was read: one whose key may sign certificates and revocation lists.
#[derive(Clone, Debug)]
pub struct Authority {
    der: CertificateDer<'static>,
    subject: Name,
    issuer: Name,
    spki_der: Vec<u8>,
    key_identifier: Vec<u8>,
    authority_key_identifier: Option<Vec<u8>>,
    not_before: Timestamp,
    not_after: Timestamp,
    path_len: Option<u8>,
    purposes: Option<Vec<ObjectIdentifier>>,
    policies: Vec<ObjectIdentifier>,
}

impl Authority {
    /// Reads one certificate in PEM.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn from_pem(unverified: &[u8]) -> Result<Self, AuthorityError> {
        let mut certificates = CertificateDer::pem_slice_iter(unverified);
        match (certificates.next(), certificates.next()) {
            (Some(Ok(der)), None) => Self::from_der(&der),
            _ => Err(AuthorityError::Pem),
        }
    }

    /// Reads one certificate in DER.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn from_der(unverified: &[u8]) -> Result<Self, AuthorityError> {
        let certificate = Certificate::from_der(unverified)?;
        let mut authority = Self::from_tbs(certificate.tbs_certificate())?;
        authority.der = CertificateDer::from(unverified.to_vec());
        Ok(authority)
    }

    /// What a CA certificate will say once it is signed; [`Self::der`] is empty until then.
    pub(super) fn from_tbs(tbs: &TbsCertificate) -> Result<Self, AuthorityError> {
        let (critical, constraints) = required::<BasicConstraints>(tbs, "no basic constraints")?;
        if !constraints.ca || !critical {
            return Err(AuthorityError::Rule("not a CA, or not critically so"));
        }
        let (critical, usage) = required::<KeyUsage>(tbs, "no key usage")?;
        if usage.0 != KeyUsages::KeyCertSign | KeyUsages::CRLSign || !critical {
            return Err(AuthorityError::Rule(
                "key usage is not, critically, the signing of certificates and CRLs alone",
            ));
        }
        let (_, SubjectKeyIdentifier(identifier)) = required(tbs, "no subject key identifier")?;
        let authority = optional::<AuthorityKeyIdentifier>(tbs)?;
        let validity = tbs.validity();
        Ok(Self {
            der: CertificateDer::from(Vec::new()),
            subject: tbs.subject().clone(),
            issuer: tbs.issuer().clone(),
            spki_der: tbs.subject_public_key_info().to_der()?,
            key_identifier: identifier.as_bytes().to_vec(),
            authority_key_identifier: authority
                .and_then(|(_, authority)| authority.key_identifier)
                .map(|identifier| identifier.as_bytes().to_vec()),
            not_before: timestamp(validity.not_before),
            not_after: timestamp(validity.not_after),
            path_len: constraints.path_len_constraint,
            purposes: optional::<ExtendedKeyUsage>(tbs)?.map(|(_, purposes)| purposes.0),
            policies: policies(tbs)?,
        })
    }

    /// The rules of a root: it names and signs itself.
    pub(super) fn check_root(&self) -> Result<(), AuthorityError> {
        if self.subject.is_empty() || self.subject != self.issuer {
            return Err(AuthorityError::Rule("the root is not its own issuer"));
        }
        Ok(())
    }

    /// The rules of an issuing CA below `root`: it can do one thing.
    pub(super) fn check_issuing(&self, root: &Self) -> Result<(), AuthorityError> {
        let purposes = self.purposes.as_deref().unwrap_or_default();
        let rules = [
            (!self.subject.is_empty(), "it has no name"),
            (
                self.issuer.to_der()? == root.subject.to_der()?,
                "it names another issuer than the root",
            ),
            (
                self.authority_key_identifier.as_ref() == Some(&root.key_identifier),
                "its authority key identifier is not the root's",
            ),
            (self.path_len == Some(0), "its path length is not 0"),
            (
                purposes.contains(&ID_KP_CLIENT_AUTH),
                "its extended key usage lacks client authentication",
            ),
            (
                !purposes.contains(&ID_KP_SERVER_AUTH)
                    && !purposes.contains(&ANY_EXTENDED_KEY_USAGE),
                "its extended key usage admits server authentication",
            ),
            (
                self.not_before >= root.not_before && self.not_after <= root.not_after,
                "it is valid outside the root's validity",
            ),
            (
                self.endpoint() == root.endpoint(),
                "one of root and issuing CA is for tests, the other is not",
            ),
            (self.spki_der != root.spki_der, "it has the root's key"),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, broken)) => Err(AuthorityError::Rule(broken)),
            None => Ok(()),
        }
    }

    /// Whether `signer`'s key verifies this certificate.
    pub(super) fn check_signature(&self, signer: &Self) -> Result<(), AuthorityError> {
        let tbs = crate::ca::signed::split(&self.der)?.tbs;
        Ok(reread::certificate(&self.der, &tbs, &signer.der)?)
    }

    /// The certificate, DER.
    #[must_use]
    pub fn der(&self) -> CertificateDer<'_> {
        CertificateDer::from(self.der.as_ref())
    }

    /// The certificate, PEM, with a line ending behind it.
    #[must_use]
    pub fn pem(&self) -> String {
        crate::ca::bundle::pem(&self.der)
    }

    /// The first 16 hexadecimal digits of SHA-256 over its SPKI.
    #[must_use]
    pub fn issuer_id(&self) -> IssuerId {
        IssuerId::of_spki_digest(&sha256(&self.spki_der))
    }

    /// Whose word its certificates rest on, as its subject says.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        endpoint_of(&self.subject)
    }

    /// First second of its validity.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Last second of its validity.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Its public key: SubjectPublicKeyInfo, DER.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    /// How long it is good altogether, in seconds.
    #[must_use]
    pub fn lifetime(&self) -> i64 {
        self.not_after.since(self.not_before)
    }

    /// Which of a profile's usages or policies a path through this CA does not admit (RFC 5280, section
    /// 6.1), by its key and its name.
    #[must_use]
    pub fn refuses(&self, profile: &CertificateProfile) -> Option<(&'static str, String)> {
        let admitted = self.purposes.as_deref().unwrap_or_default();
        let mut usages = profile.certificate.extended_key_usages.iter();
        let usage = usages.find(|usage| !admitted.contains(&usage.oid()));
        if let Some(usage) = usage {
            return Some(("extended_key_usages", usage.as_str().to_owned()));
        }
        let any = self.policies.contains(&ANY_POLICY);
        let mut policies = profile.certificate.policies.iter();
        let policy = policies.find(|policy| !any && !self.policies.contains(policy));
        policy.map(|policy| ("policies", policy.to_string()))
    }

    /// Whether a path through this CA may end in a certificate for `purpose`.
    #[must_use]
    pub fn admits(&self, purpose: ObjectIdentifier) -> bool {
        let purposes = self.purposes.as_deref();
        purposes.is_none_or(|purposes| purposes.contains(&purpose))
    }

    /// Its name, as people write it (RFC 4514).
    #[must_use]
    pub fn name(&self) -> String {
        self.subject.to_string()
    }

    /// The values of one attribute of its name, in order.
    #[must_use]
    pub fn values(&self, attribute: Attribute) -> Vec<String> {
        let attributes = self
            .subject
            .iter_rdn()
            .flat_map(RelativeDistinguishedName::iter);
        attributes
            .filter(|one| one.oid == attribute.oid())
            .map(|one| String::from_utf8_lossy(one.value.value()).into_owned())
            .collect()
    }

    pub(super) fn subject(&self) -> &Name {
        &self.subject
    }

    pub(super) fn key_identifier(&self) -> &[u8] {
        &self.key_identifier
    }
}

/// Whole seconds since the epoch.
pub(super) fn timestamp(time: x509_cert::time::Time) -> Timestamp {
    Timestamp(i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX))
}

fn optional<'a, T>(tbs: &'a TbsCertificate) -> der::Result<Option<(bool, T)>>
where
    T: Decode<'a, Error = der::Error> + AssociatedOid,
{
    tbs.get_extension::<T>()
}

fn policies(tbs: &TbsCertificate) -> der::Result<Vec<ObjectIdentifier>> {
    let policies = optional::<CertificatePolicies>(tbs)?.map(|(_, policies)| policies.0);
    let policies = policies.unwrap_or_default().into_iter();
    Ok(policies.map(|policy| policy.policy_identifier).collect())
}

fn required<'a, T>(
    tbs: &'a TbsCertificate,
    absent: &'static str,
) -> Result<(bool, T), AuthorityError>
where
    T: Decode<'a, Error = der::Error> + AssociatedOid,
{
    optional(tbs)?.ok_or(AuthorityError::Rule(absent))
}
