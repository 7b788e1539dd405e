//! A listener's own certificate: from another CA, reloaded when its files change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context as _;
use axum_server::tls_rustls::RustlsConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::NoServerSessionStorage;
use rustls::{ConfigBuilder, ServerConfig, WantsVerifier};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::server::client_trust::Clients;

/// What a listener's TLS is made of.
#[derive(Clone, Debug)]
pub(super) struct Files {
    certificate: PathBuf,
    key: PathBuf,
    clients: Option<Clients>,
}

impl Files {
    /// `clients` is there where they may show certificates of their own.
    pub(super) fn new((certificate, key): (&Path, &Path), clients: Option<Clients>) -> Self {
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        Self {
            certificate,
            key,
            clients,
        }
    }

    /// Reads certificate and key and checks that they belong together.
    ///
    /// # Errors
    /// Where a file is missing, malformed, or of another key.
    pub(super) async fn serve(self) -> anyhow::Result<Reload> {
        let seen = self.changed_at();
        let config = RustlsConfig::from_config(self.read().await?);
        Ok(Reload {
            config,
            files: self,
            seen,
        })
    }

    async fn read(&self) -> anyhow::Result<Arc<ServerConfig>> {
        let files = self.clone();
        let parsed = tokio::task::spawn_blocking(move || files.parse());
        parsed.await.context("reading the listener's certificate")?
    }

    fn parse(&self) -> anyhow::Result<Arc<ServerConfig>> {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        let chain = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .with_context(|| format!("cannot read {certificate}"))?;
        let secret = PrivateKeyDer::from_pem_file(&self.key)
            .with_context(|| format!("cannot read {key}"))?;
        let builder = match &self.clients {
            Some(clients) => self
                .builder()?
                .with_client_cert_verifier(clients.verifier()?),
            None => self.builder()?.with_no_client_auth(),
        };
        let mut config = builder
            .with_single_cert(chain, secret)
            .with_context(|| format!("{certificate} and {key} do not fit"))?;
        if self.clients.is_some() {
            // A resumed session brings its client certificate along, unverified.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        // The limits of the edge are those of HTTP/1.1: a slow or silent HTTP/2 connection has none.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn builder(&self) -> anyhow::Result<ConfigBuilder<ServerConfig, WantsVerifier>> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = match &self.clients {
            Some(clients) => {
                ServerConfig::builder_with_details(provider, Arc::new(clients.clone()))
            }
            None => ServerConfig::builder_with_provider(provider),
        };
        Ok(builder.with_safe_default_protocol_versions()?)
    }

    fn changed_at(&self) -> [Option<SystemTime>; 2] {
        [changed_at(&self.certificate), changed_at(&self.key)]
    }
}

/// Watches the two files by their times; a bad or half-written pair keeps the last good one.
#[derive(Debug)]
pub(super) struct Reload {
    config: RustlsConfig,
    files: Files,
    seen: [Option<SystemTime>; 2],
}

impl Reload {
    /// What the listener serves; it changes with a reload.
    pub(super) fn config(&self) -> RustlsConfig {
        self.config.clone()
    }

    pub(super) async fn if_changed(&mut self) {
        let now = self.files.changed_at();
        if now == self.seen {
            return;
        }
        self.seen = now;
        match self.files.read().await {
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
