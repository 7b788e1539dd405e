//! `emulator chromebook`

use std::net::SocketAddr;

use clap::{Args, Subcommand};

use crate::chromebook::{Enrollment, VirtualChromebook};
use crate::clock::system_clock;
use crate::control::NewDevice;
use crate::keys::KeyAlgorithm;
use crate::platform_keys::PlatformKeys;

/// A virtual Chromebook whose tokens an extension can use over loopback
#[derive(Debug, Subcommand)]
pub(super) enum Chromebook {
    /// Enrol one, sign a user in, and answer an extension's calls until Ctrl-C
    ///
    /// For browsers that are not ChromeOS: `chrome.enterprise.platformKeys` over HTTP.
    Serve(Serve),
}

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Where it listens; loopback only, port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8092")]
    listen: SocketAddr,
    /// The extension that may call, by its id
    #[arg(long, value_name = "ID")]
    extension: String,
    /// The user who signs in
    #[arg(long, default_value = "alice@example.com")]
    email: String,
    /// The virtual id of the device; a fresh one if absent
    #[arg(long, value_name = "ID")]
    device_id: Option<String>,
    /// The kind of the stable machine key; ChromeOS makes RSA, ECDSA is made faster
    #[arg(long, default_value = "rsa")]
    machine_key: KeyAlgorithm,
    /// The control plane of the local Verified Access
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8091")]
    verified_access: String,
}

impl Chromebook {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Serve(serve) => serve.run().await,
        }
    }
}

impl Serve {
    async fn run(self) -> anyhow::Result<()> {
        let enrollment = Enrollment {
            device: NewDevice {
                device_id: self.device_id,
                ..NewDevice::default()
            },
            machine_key: self.machine_key,
        };
        let chromebook =
            VirtualChromebook::enrolled_as(&self.verified_access, &self.email, enrollment).await?;
        let device = chromebook.device_id().to_owned();
        let origin = format!("chrome-extension://{}", self.extension);
        let desk = PlatformKeys::bind(self.listen, &origin, chromebook, system_clock()).await?;
        println!("Chromebook {device} of {} at {}", self.email, desk.url()?);
        desk.serve(async {
            tokio::signal::ctrl_c().await.ok();
        })
        .await
    }
}
