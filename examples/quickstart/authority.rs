//! The CA, put together as `vaca migrate`, `vaca init --test` and `vaca serve` do it.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use vaca::cli::{InitArguments, initialize};
use vaca::clock::SystemClock;
use vaca::config::{Config, ListenSettings};
use vaca::model::attempt::AttemptId;
use vaca::model::facts::Check;
use vaca::random::SystemRandom;
use vaca::server::{self, Listeners, Parts};
use vaca::store::fate::AsTheDatabaseSays;
use vaca::store::{Store, migrate};
use vaca_emulator::Emulator;

use crate::ports::{loopback, preferred};
use crate::report::ok;
use crate::state::StateFolder;

/// A configuration that explains itself, for the default ports.
const CONFIGURATION: &str = include_str!("vaca.toml");

/// Where the API listens, if the port is free: the `emulator` command looks for it there.
const API_PORT: u16 = 8080;

/// What the service needs of all that `vaca migrate` and `vaca init` leave behind. The folder of the
/// root's key is not among it: whoever has moved it away goes on without it.
const REMAINS: [&str; 4] = ["vaca.db", "deployment.key", "issuing", "root.crt"];

/// A CA that serves.
pub(crate) struct Authority {
    config: Config,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<anyhow::Result<()>>,
}

impl Authority {
    /// Configures, creates where there is none yet, and serves.
    pub(crate) async fn start(state: &StateFolder, google: &Emulator) -> anyhow::Result<Self> {
        let listeners = listen()?;
        let config = configure(state, listeners.api_address()?, google)?;
        create_once(state, &config).await?;

        let parts = Parts {
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(SystemRandom),
            commits: Arc::new(AsTheDatabaseSays),
        };
        let server = server::build(&config, parts).await?;
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(server.run(listeners, async {
            stopped.await.ok();
        }));
        Ok(Self {
            config,
            stop,
            serving,
        })
    }

    /// Asks the CA itself whether it can serve.
    pub(crate) async fn check_ready(&self) -> anyhow::Result<()> {
        self.fetch("/readyz").await?;
        ok("HTTP API", &format!("{}, ready", self.url()));
        Ok(())
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.config.listen.api)
    }

    /// Whether the `emulator` command finds the API without being told.
    pub(crate) fn has_default_port(&self) -> bool {
        self.config.listen.api == loopback(API_PORT)
    }

    /// What the CA publishes below a path.
    pub(crate) async fn fetch(&self, path: &str) -> anyhow::Result<String> {
        // A proxy that the environment names has no business on loopback.
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]);
        let url = format!("{}{path}", self.url());
        let answer = http.build()?.get(&url).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{url} answered {status}: {text}");
        Ok(text)
    }

    /// What was checked before the certificate of this attempt was signed, as the record has it.
    pub(crate) async fn checks(&self, attempt: &str) -> anyhow::Result<Vec<Check>> {
        let id = AttemptId::parse(attempt).context("the answer names no attempt")?;
        let store = Store::open(&self.config.database).await?;
        let attempt = store.attempt(&id).await?;
        store.close().await;
        Ok(attempt.context("the attempt is not in the record")?.checks)
    }

    /// Finishes what is under way, then closes the record.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stop.send(()).ok();
        self.serving.await?
    }
}

/// Binds before the configuration is written, because the port may turn out to be another.
fn listen() -> anyhow::Result<Listeners> {
    Listeners::bind(&ListenSettings {
        api: preferred(API_PORT),
        pki: None,
        admin: None,
        pki_base_url: None,
        tls_certificate_file: None,
        tls_key_file: None,
    })
}

/// Writes the configuration for the ports of this run, and reads it as `vaca` does.
fn configure(state: &StateFolder, api: SocketAddr, google: &Emulator) -> anyhow::Result<Config> {
    let text = CONFIGURATION
        .replace("127.0.0.1:8080", &api.to_string())
        .replace("http://127.0.0.1:8090", &google.verified_access_url());
    state.write("vaca.toml", &text)?;
    let config = Config::load(&state.path("vaca.toml"))?;
    ok("configuration", "vaca.toml, with a reason for every line");
    Ok(config)
}

/// A CA is made once: the next run on the folder goes on with its keys and its record.
async fn create_once(state: &StateFolder, config: &Config) -> anyhow::Result<()> {
    let found = REMAINS.map(|name| state.path(name).exists());
    let reused = found == [true; REMAINS.len()];
    if !reused && found.contains(&true) {
        bail!("the CA in the state folder is not whole: remove the folder, or name another");
    }
    let schema = migrate::run(&config.database).await?;
    ok("database", &format!("vaca.db, schema version {schema}"));
    if reused {
        ok("root, issuing CA", "as the run before left them");
        return Ok(());
    }
    let test_ca = InitArguments::for_tests();
    initialize(config, &test_ca, &SystemClock::new(), &SystemRandom).await?;
    ok("root", "root.crt, its key in root/");
    ok("issuing CA", "issuing/issuing.crt, its key beside it");
    Ok(())
}
