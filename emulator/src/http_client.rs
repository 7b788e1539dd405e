//! HTTP clients with a TLS provider of their own: a library must not install one for the process.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Longest wait for one answer; an enrolment ends within 20 seconds.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A client that trusts the given roots (PEM) and no others: whom it talks to is a test's own.
pub(crate) fn client(trusted_roots_pem: Option<&str>) -> anyhow::Result<reqwest::Client> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(trusted_roots_pem.unwrap_or_default().as_bytes()) {
        roots.add(root.context("the trusted root is not PEM")?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        // An inspection proxy named by the environment has no business on loopback.
        .no_proxy()
        .build()
        .context("cannot make an HTTP client")
}
