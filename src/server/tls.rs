//! The `api` listener's own certificate: from another CA, reloaded when its files change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context as _;
use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Reads certificate and key and checks that they belong together.
///
/// # Errors
/// Where a file is missing, malformed, or of another key.
pub(super) async fn load(certificate: &Path, key: &Path) -> anyhow::Result<RustlsConfig> {
    Ok(RustlsConfig::from_config(read(certificate, key).await?))
}

async fn read(certificate: &Path, key: &Path) -> anyhow::Result<Arc<ServerConfig>> {
    let (certificate, key) = (certificate.to_owned(), key.to_owned());
    let parsed = tokio::task::spawn_blocking(move || parse(&certificate, &key));
    parsed.await.context("reading the listener's certificate")?
}

fn parse(certificate: &Path, key: &Path) -> anyhow::Result<Arc<ServerConfig>> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("cannot read {}", certificate.display()))?;
    let secret = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("cannot read {}", key.display()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .with_context(|| format!("{} and {} do not fit", certificate.display(), key.display()))?;
    // The limits of the edge are those of HTTP/1.1: a slow or silent HTTP/2 connection has none.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Watches the two files by their times; a bad or half-written pair keeps the last good one.
#[derive(Debug)]
pub(super) struct Reload {
    config: RustlsConfig,
    certificate: PathBuf,
    key: PathBuf,
    seen: [Option<SystemTime>; 2],
}

impl Reload {
    pub(super) fn new(config: RustlsConfig, (certificate, key): (&Path, &Path)) -> Self {
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        let seen = [changed_at(&certificate), changed_at(&key)];
        Self {
            config,
            certificate,
            key,
            seen,
        }
    }

    pub(super) async fn if_changed(&mut self) {
        let now = [changed_at(&self.certificate), changed_at(&self.key)];
        if now == self.seen {
            return;
        }
        self.seen = now;
        match read(&self.certificate, &self.key).await {
            Ok(config) => {
                self.config.reload_from_config(config);
                tracing::info!("the listener's certificate was reloaded");
            }
            Err(error) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "the listener keeps its certificate"
                );
            }
        }
    }
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .ok()
}
