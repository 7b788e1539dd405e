//! The processes beside this one: the service under load, and the Verified Access that it asks.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use vaca::clock::{Clock as _, SystemClock};

use crate::connection::Connection;
use crate::state::State;

/// How long the service may take to be ready.
const START: Duration = Duration::from_secs(60);
/// How often it is asked whether it is.
const POLL: Duration = Duration::from_millis(2);

/// A running `vaca serve`. Dropped, it is killed.
#[derive(Debug)]
pub struct Service {
    child: Child,
    /// Its process id.
    pub pid: u32,
    /// From the start of the process to the first 200 of `/readyz`.
    pub ready_after: Duration,
}

impl Service {
    /// Starts it and waits until it is ready. Its log goes to `vaca.log` beside the configuration.
    ///
    /// # Errors
    /// Where it does not become ready in a minute.
    pub async fn start(state: &State, log: &str) -> anyhow::Result<Self> {
        let log_file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(state.folder.join("vaca.log"))?;
        let clock = SystemClock::new();
        let mut child = Command::new(&state.vaca)
            .args(["--config", "vaca.toml", "--log", log, "serve"])
            .current_dir(&state.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log_file)
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().context("it ended at once")?;
        while clock.monotonic() < START {
            if let Some(status) = child.try_wait()? {
                bail!(
                    "vaca ended: {status}; see {}/vaca.log",
                    state.folder.display()
                );
            }
            if is_ready(state).await {
                let ready_after = clock.monotonic();
                return Ok(Self {
                    child,
                    pid,
                    ready_after,
                });
            }
            tokio::time::sleep(POLL).await;
        }
        bail!("vaca is not ready; see {}/vaca.log", state.folder.display())
    }

    /// Asks it to end, as an operator would, and waits.
    ///
    /// # Errors
    /// Where it ends badly.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let asked = Command::new("kill").arg(self.pid.to_string()).status();
        anyhow::ensure!(asked.await?.success(), "cannot stop vaca");
        let status = tokio::time::timeout(START, self.child.wait()).await??;
        anyhow::ensure!(status.success(), "vaca ended: {status}");
        Ok(())
    }
}

async fn is_ready(state: &State) -> bool {
    let Ok(mut connection) = Connection::open(state.api).await else {
        return false;
    };
    let status = connection.get("/readyz").await;
    status.is_ok_and(|status| status.is_success())
}

/// A running `load verified-access`. Dropped, it is killed.
#[derive(Debug)]
pub struct TrustingVerifiedAccess {
    _child: Child,
    /// Its process id.
    pub pid: u32,
    /// Where it listens.
    pub url: String,
}

impl TrustingVerifiedAccess {
    /// Starts this very program a second time.
    ///
    /// # Errors
    /// Where it does not start.
    pub async fn start() -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("verified-access")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = child.stdout.take().context("no output")?;
        let mut lines = BufReader::new(output).lines();
        let url = lines.next_line().await?.context("it ended at once")?;
        Ok(Self {
            pid: child.id().context("it ended at once")?,
            _child: child,
            url,
        })
    }
}
