//! Who vouches for the certificates of the admin listener's clients.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::time_provider::TimeProvider;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

use crate::clock::Clock;
use crate::model::certificate::IssuerId;
use crate::model::digest::sha256;

/// Trust anchors of their own, never the system's.
#[derive(Clone, Debug)]
pub(super) struct ClientTrust {
    anchors: Arc<RootCertStore>,
    ids: Vec<IssuerId>,
}

impl ClientTrust {
    /// Reads certificates of CAs, PEM.
    ///
    /// # Errors
    /// Where the file is missing or empty, or holds anything else.
    pub(super) fn load(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .with_context(|| format!("cannot read {shown}"))?;
        ensure!(!certificates.is_empty(), "{shown} holds no certificate");
        let mut anchors = RootCertStore::empty();
        let mut ids = Vec::with_capacity(certificates.len());
        for certificate in certificates {
            ids.push(id_of(&certificate).with_context(|| format!("cannot read {shown}"))?);
            anchors
                .add(certificate)
                .with_context(|| format!("{shown} holds what can be no trust anchor"))?;
        }
        Ok(Self {
            anchors: Arc::new(anchors),
            ids,
        })
    }

    /// Whether an anchor has this CA's key, in whatever certificate.
    pub(super) fn names(&self, id: &IssuerId) -> bool {
        self.ids.contains(id)
    }
}

fn id_of(certificate: &CertificateDer<'_>) -> anyhow::Result<IssuerId> {
    let certificate = Certificate::from_der(certificate)?;
    let spki = certificate.tbs_certificate().subject_public_key_info();
    Ok(IssuerId::of_spki_digest(&sha256(&spki.to_der()?)))
}

/// How the clients of a listener show who they are.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    /// Who vouches for them; without it nobody is asked for a certificate.
    pub(super) trust: Option<ClientTrust>,
    /// By which certificates end.
    pub(super) clock: Arc<dyn Clock>,
}

impl Clients {
    /// A client may come without a certificate and show a token instead; one that nobody vouches for
    /// ends the connection.
    ///
    /// # Errors
    /// Where the anchors cannot be used.
    pub(super) fn verifier(&self) -> anyhow::Result<Arc<dyn ClientCertVerifier>> {
        let Some(trust) = &self.trust else {
            return Ok(WebPkiClientVerifier::no_client_auth());
        };
        let provider = Arc::new(default_provider());
        let anchors = Arc::clone(&trust.anchors);
        let builder = WebPkiClientVerifier::builder_with_provider(anchors, provider);
        Ok(builder.allow_unauthenticated().build()?)
    }
}

impl TimeProvider for Clients {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.clock.now().since_epoch()))
    }
}
