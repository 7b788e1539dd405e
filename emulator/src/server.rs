//! Starts and stops an emulator.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::{Clock, system_clock};
use crate::directory::Directory;
use crate::door::Calls;
use crate::faults::{Faults, Transport};
use crate::server_keys::PublicKeys;
use crate::service_accounts::ServiceAccounts;
use crate::tls::{ServerIdentity, TlsListener};
use crate::world::World;

/// How long a shutdown waits for calls in progress.
const GRACE: Duration = Duration::from_secs(1);

/// How to start an emulator.
#[derive(Clone)]
pub struct Options {
    /// Where Verified Access listens; port 0 takes a free one.
    pub verified_access: SocketAddr,
    /// Where the control plane listens; must be a loopback address.
    pub control: SocketAddr,
    /// Whether Verified Access is served over TLS, under a root of its own.
    pub tls: bool,
    /// With `tls`, host names by which the server is known besides `localhost`.
    pub tls_names: Vec<String>,
    /// The time of challenges and attestation certificates.
    pub clock: Clock,
    /// The time of bearer tokens. Apart from `clock`, because Google's client library stamps tokens
    /// with the time of the machine, whatever a test says.
    pub token_clock: Clock,
    /// A folder with ChromiumOS's published test keys. Responses to *their* challenges are then
    /// accepted whatever their age and whoever certified the key; all other checks stay.
    pub well_known_keys: Option<PathBuf>,
    /// The domain of the seeded devices and users.
    pub domain: String,
    /// The customer of the seeded devices and users.
    pub customer_id: String,
    /// Whether all emulators of this process that ask for it share one set of server and
    /// service-account keys, made once: for suites that start many. They then accept each other's
    /// challenges. Keys of devices, the Privacy CA and TLS stay fresh.
    pub shared_keys: bool,
}

impl Default for Options {
    fn default() -> Self {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            verified_access: any_port,
            control: any_port,
            tls: false,
            tls_names: Vec::new(),
            clock: system_clock(),
            token_clock: system_clock(),
            well_known_keys: None,
            domain: "example.com".to_owned(),
            customer_id: "C01example".to_owned(),
            shared_keys: false,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("verified_access", &self.verified_access)
            .field("control", &self.control)
            .field("tls", &self.tls)
            .field("tls_names", &self.tls_names)
            .field("well_known_keys", &self.well_known_keys)
            .field("domain", &self.domain)
            .field("customer_id", &self.customer_id)
            .field("shared_keys", &self.shared_keys)
            .finish_non_exhaustive()
    }
}

/// A running local Verified Access with its control plane. Dropped, it stops without grace.
#[derive(Debug)]
pub struct Emulator {
    world: World,
    verified_access_url: String,
    control_url: String,
    root_pem: Option<String>,
    stop: watch::Sender<bool>,
    servers: Vec<JoinHandle<()>>,
}

impl Emulator {
    /// Starts with one domain, the user `alice@` of it, one device that has not yet uploaded a
    /// machine key, and two service accounts.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        ensure!(
            options.control.ip().is_loopback(),
            "the control plane hands out private keys: it listens on loopback only, not on {}",
            options.control
        );
        let listener = bind(options.verified_access).await?;
        let control_listener = bind(options.control).await?;
        let control_url = format!("http://{}", control_listener.local_addr()?);
        let identity = options
            .tls
            .then(|| ServerIdentity::new(&options.tls_names))
            .transpose()?;
        let address = listener.local_addr()?;
        let verified_access_url = match identity {
            Some(_) => format!("https://localhost:{}", address.port()),
            None => format!("http://{address}"),
        };
        let world = World::new(&options, &control_url).await?;

        let (stop, stopped) = watch::channel(false);
        let api = world.verified_access_router(options.token_clock.clone());
        let control = world.control_router(&options);
        let root_pem = identity.as_ref().map(|identity| identity.root_pem.clone());
        let api = match identity {
            Some(identity) => {
                let listener = TlsListener::new(listener, identity.config)?;
                tokio::spawn(serve(listener, api, stopped.clone()))
            }
            None => tokio::spawn(serve(without_delay(listener), api, stopped.clone())),
        };
        let control = tokio::spawn(serve(without_delay(control_listener), control, stopped));
        Ok(Self {
            world,
            verified_access_url,
            control_url,
            root_pem,
            stop,
            servers: vec![api, control],
        })
    }

    /// `http://127.0.0.1:PORT`, or `https://localhost:PORT` with TLS.
    #[must_use]
    pub fn verified_access_url(&self) -> String {
        self.verified_access_url.clone()
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn control_url(&self) -> String {
        self.control_url.clone()
    }

    /// The root to trust, with TLS: PEM.
    #[must_use]
    pub fn root_certificate_pem(&self) -> Option<String> {
        self.root_pem.clone()
    }

    /// The JSON key file of the service account with full access.
    #[must_use]
    pub fn service_account_json(&self) -> String {
        self.world.key_files.full.clone()
    }

    /// The JSON key file of the service account with limited access: it learns no certificate
    /// request and no ids.
    #[must_use]
    pub fn limited_service_account_json(&self) -> String {
        self.world.key_files.limited.clone()
    }

    /// The service accounts, to add others or to move one to another list.
    #[must_use]
    pub fn service_accounts(&self) -> &ServiceAccounts {
        &self.world.accounts
    }

    /// What a virtual Chromebook must trust.
    #[must_use]
    pub fn keys(&self) -> PublicKeys {
        self.world.verified_access.public_keys()
    }

    /// The script of misbehaviour.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.world.faults
    }

    /// Devices and users.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.world.verified_access.directory
    }

    /// How often Verified Access was asked, over both transports together.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.world.calls.read()
    }

    /// How often Verified Access was asked over one transport.
    #[must_use]
    pub fn calls_over(&self, transport: Transport) -> Calls {
        self.world.calls.read_over(transport)
    }

    /// Stops listening and gives calls in progress a second to finish.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        for server in std::mem::take(&mut self.servers) {
            let abort = server.abort_handle();
            if tokio::time::timeout(GRACE, server).await.is_err() {
                abort.abort();
            }
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
    }
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))
}

/// Without TCP_NODELAY a unary call waits for the peer's delayed acknowledgement.
fn without_delay(
    listener: TcpListener,
) -> impl axum::serve::Listener<Io = tokio::net::TcpStream, Addr = SocketAddr> {
    listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    })
}

async fn serve<L>(listener: L, router: axum::Router, mut stopped: watch::Receiver<bool>)
where
    L: axum::serve::Listener<Addr = SocketAddr>,
{
    let stop = async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    let served = axum::serve(listener, router)
        .with_graceful_shutdown(stop)
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "the emulator stopped serving");
    }
}
