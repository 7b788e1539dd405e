//! An issuer: a CA certificate with its signer, below a root whose key is elsewhere.

use std::sync::Arc;

use rustls_pki_types::CertificateDer;

use crate::ca::authority::{Authority, AuthorityError};
use crate::ca::signer::Signer;
use crate::clock::Timestamp;
use crate::model::certificate::IssuerId;
use crate::model::endpoint::Endpoint;
use crate::model::pki_base::PkiBase;
use crate::model::problem_code::ProblemCode;

/// Why an issuer does not load.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The root certificate is not one.
    #[error("the root certificate: {0}")]
    Root(AuthorityError),
    /// The issuing certificate is not one, or not below this root.
    #[error("the issuing certificate: {0}")]
    Issuing(AuthorityError),
    /// The private key belongs to another certificate.
    #[error("the private key is not the issuing certificate's")]
    OtherKey,
    /// A test issuer with Google's Verified Access, or the reverse.
    #[error(
        "the issuer was created for {} and is configured for {}",
        .created.as_str(),
        .configured.as_str()
    )]
    Endpoint {
        /// What the certificate says.
        created: Endpoint,
        /// What was asked for.
        configured: Endpoint,
    },
}

impl LoadError {
    /// The public code: nothing that a requester can do anything about.
    #[must_use]
    pub fn code(&self) -> ProblemCode {
        ProblemCode::InternalError
    }
}

/// A CA certificate with its signer.
#[derive(Clone, Debug)]
pub struct Issuer {
    name: String,
    id: IssuerId,
    issuing: Authority,
    root: Authority,
    signer: Arc<dyn Signer>,
    pki_base: Option<PkiBase>,
}

impl Issuer {
    /// Puts an issuer together, and checks that its parts belong together: the key is the issuing
    /// certificate's, the root signed it, it can do one thing, and it was created for `endpoint`.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load(
        name: &str,
        issuing_certificate_pem: &[u8],
        root_certificate_pem: &[u8],
        signer: Arc<dyn Signer>,
        endpoint: Endpoint,
    ) -> Result<Self, LoadError> {
        let root = read_root(root_certificate_pem).map_err(LoadError::Root)?;
        let issuing = read_issuing(issuing_certificate_pem, &root).map_err(LoadError::Issuing)?;
        if signer.spki_der() != issuing.spki_der() {
            return Err(LoadError::OtherKey);
        }
        if issuing.endpoint() != endpoint {
            return Err(LoadError::Endpoint {
                created: issuing.endpoint(),
                configured: endpoint,
            });
        }
        Ok(Self {
            name: name.to_owned(),
            id: issuing.issuer_id(),
            issuing,
            root,
            signer,
            pki_base: None,
        })
    }

    /// The same issuer, whose certificates say where its CRL, its certificate and the OCSP responder are.
    #[must_use]
    pub fn pointing_to(mut self, pki_base: Option<PkiBase>) -> Self {
        self.pki_base = pki_base;
        self
    }

    /// What the configuration calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What paths and rows call it.
    #[must_use]
    pub fn id(&self) -> &IssuerId {
        &self.id
    }

    /// The issuing certificate, DER.
    #[must_use]
    pub fn certificate_der(&self) -> CertificateDer<'_> {
        self.issuing.der()
    }

    /// The root's certificate, DER.
    #[must_use]
    pub fn root_certificate_der(&self) -> CertificateDer<'_> {
        self.root.der()
    }

    /// The issuing CA: what it is good for, and how long.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.issuing
    }

    /// The root, for the trust bundle.
    #[must_use]
    pub fn root(&self) -> &Authority {
        &self.root
    }

    /// What a client sends behind its own certificate, PEM, one block each: the issuing
    /// certificate. The root is not in it: whoever needs it must have it from elsewhere.
    #[must_use]
    pub fn chain_pem(&self) -> Vec<String> {
        vec![self.issuing.pem()]
    }

    /// First second of its validity.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        self.issuing.not_before()
    }

    /// Last second of its validity; the root's is not earlier.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        self.issuing.not_after()
    }

    /// Whose word its certificates rest on, as its certificate says.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        self.issuing.endpoint()
    }

    /// Where its certificates point to.
    #[must_use]
    pub fn pki_base(&self) -> Option<&PkiBase> {
        self.pki_base.as_ref()
    }

    pub(super) fn signer(&self) -> &dyn Signer {
        self.signer.as_ref()
    }
}

fn read_root(pem: &[u8]) -> Result<Authority, AuthorityError> {
    let root = Authority::from_pem(pem)?;
    root.check_root()?;
    root.check_signature(&root)?;
    Ok(root)
}

fn read_issuing(pem: &[u8], root: &Authority) -> Result<Authority, AuthorityError> {
    let issuing = Authority::from_pem(pem)?;
    issuing.check_issuing(root)?;
    issuing.check_signature(root)?;
    Ok(issuing)
}

#[cfg(test)]
mod tests;
