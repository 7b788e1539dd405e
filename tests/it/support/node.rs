//! One process of the service, or what comes close to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use vaca::clock::TestClock;
use vaca::config::Config;
use vaca::random::SeededRandom;
use vaca::server::{self, Listeners, Parts};
use vaca::store::fate::{AsTheDatabaseSays, CommitFate};

use super::TestCa;

pub(super) struct Running {
    pub(super) stop: oneshot::Sender<()>,
    pub(super) task: JoinHandle<anyhow::Result<()>>,
}

pub(super) struct Started {
    pub(super) api: String,
    pub(super) pki: String,
    pub(super) admin: String,
    pub(super) running: Running,
}

/// Starts the service on this configuration, with a clock, a random source and a fate for its
/// commits of the test's.
pub(super) async fn start(
    file: &Path,
    clock: &TestClock,
    seed: u64,
    commits: Arc<dyn CommitFate>,
) -> anyhow::Result<Started> {
    let config = Config::load(file)?;
    let listeners = Listeners::bind(&config.listen)?;
    let parts = Parts {
        clock: Arc::new(clock.clone()),
        random: Arc::new(SeededRandom::new(seed)),
        commits,
    };
    let server = server::build(&config, parts).await?;
    let scheme = |tls: bool| if tls { "https" } else { "http" };
    let api = scheme(config.listen.tls().is_some());
    let api = format!("{api}://{}", listeners.api_address()?);
    let pki = format!("http://{}", listeners.pki_address()?.unwrap());
    let admin = scheme(config.admin.tls().is_some());
    let admin = format!("{admin}://{}", listeners.admin_address()?.unwrap());
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(server.run(listeners, async move {
        stopped.await.ok();
    }));
    let running = Running { stop, task };
    Ok(Started {
        api,
        pki,
        admin,
        running,
    })
}

/// A further node on the same record, in a runtime of its own: what ends with the runtime ends as in
/// a process that is killed, in the middle of whatever it does.
pub struct Node {
    pub api: String,
    pub admin: String,
    runtime: Option<Runtime>,
    running: Option<Running>,
}

impl TestCa {
    /// Starts another node. `seed` makes its randomness its own.
    pub async fn node(&self, seed: u64) -> Node {
        let file: PathBuf = self.configuration_file();
        let clock = self.clock.clone();
        let started = tokio::task::spawn_blocking(move || {
            let runtime = Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap();
            let commits = Arc::new(AsTheDatabaseSays);
            let started = runtime.block_on(start(&file, &clock, seed, commits));
            let started = started.unwrap();
            (runtime, started)
        });
        let (runtime, started) = started.await.unwrap();
        Node {
            api: started.api,
            admin: started.admin,
            runtime: Some(runtime),
            running: Some(started.running),
        }
    }
}

impl Node {
    /// Nothing is finished, nothing is closed in order.
    pub fn kill(mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }

    /// As a signal would.
    pub async fn stop(mut self) {
        let Running { stop, task } = self.running.take().unwrap();
        stop.send(()).ok();
        let ended = tokio::time::timeout(Duration::from_secs(60), task).await;
        ended.expect("the node stops").unwrap().unwrap();
        self.runtime.take().unwrap().shutdown_background();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
