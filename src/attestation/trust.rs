//! Who may speak as Google: the roots that TLS to Verified Access is held to.
//!
//! A verdict is unsigned, so the server's certificate is the only proof of where it comes from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use der::{Decode as _, Reader as _, SliceReader};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use x509_cert::name::RelativeDistinguishedName;

use crate::attestation::settings::{Trust, VerifiedAccessSettings};

const GOOGLE_TRUST_SERVICES: &str = "Google Trust Services LLC";

/// Why there is nobody to trust; each message says what to change.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The test root cannot be read.
    #[error("root_certificate_file {path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The test root is none.
    #[error("root_certificate_file {0} holds no X.509 certificate in PEM form")]
    NoCertificate(PathBuf),
    /// The bundled set was narrowed to nothing.
    #[error("none of the bundled roots belongs to Google Trust Services: set trust = \"public\"")]
    Empty,
}

/// The roots, as rustls takes them; never empty.
#[derive(Clone, Debug)]
pub(super) struct Roots(Vec<TrustAnchor<'static>>);

impl Roots {
    /// The bundled roots, narrowed or replaced as the settings say. Reads the root's file; neither
    /// the system's store nor the environment is asked.
    ///
    /// # Errors
    /// [`TrustError`].
    pub(super) fn load(settings: &VerifiedAccessSettings) -> Result<Self, TrustError> {
        let root = settings.root_certificate_file.as_deref();
        if root.is_some() || settings.trust == Trust::Public {
            return Self::public_or(root);
        }
        let anchors: Vec<_> = webpki_roots::TLS_SERVER_ROOTS
            .iter()
            .filter(|anchor| is_google_trust_services(anchor.subject.as_ref()))
            .cloned()
            .collect();
        if anchors.is_empty() {
            return Err(TrustError::Empty);
        }
        Ok(Self(anchors))
    }

    /// The roots in a file, or the bundled ones.
    ///
    /// # Errors
    /// [`TrustError`].
    pub(super) fn public_or(root: Option<&Path>) -> Result<Self, TrustError> {
        match root {
            Some(path) => read(path).map(Self),
            None => Ok(Self(webpki_roots::TLS_SERVER_ROOTS.to_vec())),
        }
    }

    /// The anchors themselves.
    pub(super) fn anchors(&self) -> impl Iterator<Item = TrustAnchor<'static>> {
        self.0.clone().into_iter()
    }

    /// TLS for the REST twin and the token exchange, held to the same roots.
    ///
    /// # Errors
    /// Where the crypto provider knows no protocol version; it does.
    pub(super) fn client_config(&self) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let roots: RootCertStore = self.anchors().collect();
        Ok(ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth())
    }
}

fn read(path: &Path) -> Result<Vec<TrustAnchor<'static>>, TrustError> {
    let pem = std::fs::read(path).map_err(|source| TrustError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let none = || TrustError::NoCertificate(path.to_owned());
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|_| none())?;
    let anchors: Vec<_> = certificates
        .iter()
        .map(|der| webpki::anchor_from_trusted_cert(der).map(|anchor| anchor.to_owned()))
        .collect::<Result<_, _>>()
        .map_err(|_| none())?;
    if anchors.is_empty() {
        return Err(none());
    }
    Ok(anchors)
}

/// Whether a subject (the content of a `Name`, RFC 5280, section 4.1.2.4) has exactly the
/// organisation of Google Trust Services.
fn is_google_trust_services(subject: &[u8]) -> bool {
    organisations(subject).is_ok_and(|names| names == [GOOGLE_TRUST_SERVICES])
}

fn organisations(subject: &[u8]) -> der::Result<Vec<String>> {
    let mut reader = SliceReader::new(subject)?;
    let mut names = Vec::new();
    while !reader.is_finished() {
        let rdn = RelativeDistinguishedName::decode(&mut reader)?;
        let organisation = rdn
            .iter()
            .filter(|attribute| attribute.oid == const_oid::db::rfc4519::ORGANIZATION_NAME);
        for attribute in organisation {
            names.push(String::from_utf8_lossy(attribute.value.value()).into_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;

    fn load(trust: Trust) -> Roots {
        Roots::load(&VerifiedAccessSettings {
            trust,
            ..VerifiedAccessSettings::default()
        })
        .unwrap()
    }

    #[test]
    fn the_narrow_set_is_googles_own() {
        let (all, narrow) = (load(Trust::Public).0, load(Trust::GoogleTrustServices).0);
        assert!((3..=8).contains(&narrow.len()), "{}", narrow.len());
        assert!(all.len() > 50);
        for anchor in &narrow {
            let names = organisations(anchor.subject.as_ref()).unwrap();
            assert_eq!(names, [GOOGLE_TRUST_SERVICES]);
        }
        assert!(load(Trust::GoogleTrustServices).client_config().is_ok());
    }

    #[test]
    fn a_name_that_only_contains_googles_is_not_googles() {
        let subject = |name: &[u8], oid: u8| {
            let inner = [&[6, 3, 0x55, 4, oid, 0x13, name.len() as u8], name].concat();
            let sequence = [&[0x30, inner.len() as u8][..], &inner].concat();
            [&[0x31, sequence.len() as u8][..], &sequence].concat()
        };
        assert!(is_google_trust_services(&subject(
            b"Google Trust Services LLC",
            10
        )));
        assert!(!is_google_trust_services(&subject(
            b"Google Trust Services LLC.",
            10
        )));
        assert!(!is_google_trust_services(&subject(
            b"Google Trust Services LLC",
            3
        )));
        assert!(!is_google_trust_services(b""));
        assert!(!is_google_trust_services(b"\x31\x7f"));
    }

    #[test]
    fn a_test_root_replaces_the_bundled_ones_and_must_be_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.pem");
        let settings = VerifiedAccessSettings {
            root_certificate_file: Some(path.clone()),
            ..VerifiedAccessSettings::default()
        };
        let load = || Roots::load(&settings);
        assert!(matches!(load(), Err(TrustError::Unreadable { .. })));
        for text in [
            "",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(load(), Err(TrustError::NoCertificate(_))));
        }
    }
}
