//! A CA whose list there must be.

use anyhow::Context as _;
use der::{Decode as _, Encode as _};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectKeyIdentifier;

use crate::quote::quoted;

/// A root or an issuing CA, from the operator's own files.
#[derive(Debug)]
pub(crate) struct Authority {
    certificate: CertificateDer<'static>,
    /// Its name as it is encoded.
    pub(crate) subject: Vec<u8>,
    /// Its name as people write it.
    pub(crate) name: String,
    key: Vec<u8>,
    /// By which its certificates say whose they are.
    pub(crate) key_identifier: Option<Vec<u8>>,
}

impl Authority {
    pub(crate) fn read(certificate: CertificateDer<'static>) -> anyhow::Result<Self> {
        let parsed = Certificate::from_der(&certificate)?;
        let tbs = parsed.tbs_certificate();
        let key_identifier = tbs.get_extension::<SubjectKeyIdentifier>()?;
        Ok(Self {
            subject: tbs.subject().to_der()?,
            name: quoted(&tbs.subject().to_string()),
            key: tbs.subject_public_key_info().to_der()?,
            key_identifier: key_identifier.map(|(_, id)| id.0.as_bytes().to_vec()),
            certificate,
        })
    }

    /// Whether both are certificates of one CA: of its name and its key.
    pub(crate) fn is(&self, other: &Self) -> bool {
        (&self.subject, &self.key) == (&other.subject, &other.key)
    }

    /// Whether this is its signature.
    pub(crate) fn signed(&self, message: &[u8], signature: &[u8]) -> anyhow::Result<bool> {
        let key = webpki::EndEntityCert::try_from(&self.certificate)
            .with_context(|| format!("the certificate of {}", self.name))?;
        let algorithms = default_provider().signature_verification_algorithms;
        let mut algorithms = algorithms.all.iter();
        // Each of them takes keys of its own kind alone.
        Ok(
            algorithms
                .any(|algorithm| key.verify_signature(*algorithm, message, signature).is_ok()),
        )
    }
}
