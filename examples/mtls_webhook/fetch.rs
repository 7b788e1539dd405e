//! Where the keys of identity tokens are: a file, or an address.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::keys::{Fetched, Place};
use crate::trust::provider;

/// Longer sets are none.
const LONGEST: usize = 1 << 20;
const TIME: Duration = Duration::from_secs(5);

/// A place that answers a JWKS.
pub(crate) enum Source {
    File(PathBuf),
    Address(Client, Url),
}

impl Source {
    /// What begins with `https://` is an address; in the clear nobody is asked, for whoever answers says
    /// who is let in.
    pub(crate) fn of(place: &str, authority: Option<&Path>) -> anyhow::Result<Self> {
        ensure!(
            !place.starts_with("http://"),
            "--token-keys: keys are fetched over https:// alone"
        );
        if !place.starts_with("https://") {
            return Ok(Self::File(place.into()));
        }
        let url = place.parse().context("--token-keys is no address")?;
        Ok(Self::Address(client(authority)?, url))
    }
}

/// No proxy of the environment and no redirect: the keys are those of this host, or there are none.
fn client(authority: Option<&Path>) -> anyhow::Result<Client> {
    let roots = match authority {
        None => webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(),
        Some(path) => {
            let shown = || format!("cannot read {}", path.display());
            let mut roots = RootCertStore::empty();
            for root in CertificateDer::pem_file_iter(path).with_context(shown)? {
                roots.add(root.with_context(shown)?).with_context(shown)?;
            }
            roots
        }
    };
    let tls = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(Arc::new(roots))
        .with_no_client_auth();
    let client = Client::builder()
        .tls_backend_preconfigured(tls)
        .https_only(true)
        .no_proxy()
        .redirect(Policy::none())
        .timeout(TIME);
    Ok(client.build()?)
}

impl Place for Source {
    fn fetch(&self) -> Fetched<'_> {
        Box::pin(async move {
            match self {
                Self::File(path) => {
                    let read = tokio::fs::read(path).await;
                    read.with_context(|| path.display().to_string())
                }
                Self::Address(client, url) => ask(client, url).await,
            }
        })
    }
}

async fn ask(client: &Client, url: &Url) -> anyhow::Result<Vec<u8>> {
    let mut response = client.get(url.clone()).send().await?;
    let status = response.status();
    ensure!(status == 200, "{url} answers {status}");
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        ensure!(
            body.len() <= LONGEST,
            "{url} answers more than {LONGEST} octets"
        );
    }
    Ok(body)
}
