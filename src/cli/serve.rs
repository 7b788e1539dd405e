//! `vaca serve`.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::clock::SystemClock;
use crate::config::Config;
use crate::random::SystemRandom;
use crate::server::{self, Listeners, Parts};
use crate::store::fate::AsTheDatabaseSays;

pub(super) fn parts() -> Parts {
    Parts {
        clock: Arc::new(SystemClock::new()),
        random: Arc::new(SystemRandom),
        commits: Arc::new(AsTheDatabaseSays),
    }
}

pub(super) async fn run(config: &Config) -> anyhow::Result<()> {
    let listeners = Listeners::bind(&config.listen)?;
    let server = server::build(config, parts()).await?;
    let api = listeners.api_address()?;
    let scheme = if config.listen.tls().is_some() {
        "https"
    } else {
        "http"
    };
    if scheme == "http" && !api.ip().is_loopback() {
        tracing::warn!(%api, "devices are answered in the clear: set tls_certificate_file, or put a TLS proxy in front");
    }
    tracing::info!("serving devices on {scheme}://{api}");
    if let Some(pki) = listeners.pki_address()? {
        tracing::info!("serving relying parties on http://{pki}");
    }
    if let Some(admin) = listeners.admin_address()? {
        let scheme = if config.admin.tls().is_some() {
            "https"
        } else {
            "http"
        };
        tracing::info!("serving operators on {scheme}://{admin}");
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    server.run(listeners, shutdown).await
}
