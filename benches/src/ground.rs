//! What most measurements begin with: an empty folder, a CA in it, and one certificate.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use vaca_benches::drive::{Drive, Task};
use vaca_benches::requests::Requests;
use vaca_benches::service::{Service, TrustingVerifiedAccess};
use vaca_benches::state::State;
use vaca_emulator::KeyAlgorithm;

/// Where it is.
#[derive(Debug, Args)]
pub(crate) struct Ground {
    /// An empty folder for the CA and what it reads.
    #[arg(long)]
    state: PathBuf,
    /// The program; beside this one where it is not given.
    #[arg(long)]
    vaca: Option<PathBuf>,
    /// Where certificate requests are kept between runs.
    #[arg(long, default_value = "target/load")]
    pub(crate) requests: PathBuf,
}

impl Ground {
    /// A CA on SQLite, and the Verified Access that believes everybody, which ends with its value.
    pub(crate) async fn prepare(&self) -> anyhow::Result<(State, TrustingVerifiedAccess)> {
        let verified_access = TrustingVerifiedAccess::start().await?;
        let vaca = match &self.vaca {
            Some(vaca) => vaca.clone(),
            None => std::env::current_exe()?.with_file_name("vaca"),
        };
        let vaca = std::path::absolute(vaca)?;
        let database = "sqlite:vaca.db";
        let state = State::create(&self.state, &vaca, database, &verified_access.url)?;
        Ok((state, verified_access))
    }

    /// The same with one certificate, to make copies of; the service is not running.
    pub(crate) async fn with_a_certificate(
        &self,
    ) -> anyhow::Result<(State, TrustingVerifiedAccess)> {
        self.with_certificates(1).await
    }

    /// The same with several.
    pub(crate) async fn with_certificates(
        &self,
        number: usize,
    ) -> anyhow::Result<(State, TrustingVerifiedAccess)> {
        let (state, verified_access) = self.prepare().await?;
        let service = Service::start(&state, "info").await?;
        let requests = Requests::prepare(&self.requests, KeyAlgorithm::Ecdsa, number + 1)?;
        let enrolled = Drive {
            address: state.api,
            tls: None,
            task: Task::Enrol {
                requests: Arc::new(requests),
                first: 1,
            },
            times: number,
            time: Duration::from_secs(600),
            connections: number.min(16),
        };
        let enrolled = enrolled.run().await?;
        ensure!(
            enrolled.errors.is_empty(),
            "not every enrolment succeeded: {:?}",
            enrolled.errors
        );
        service.stop().await?;
        Ok((state, verified_access))
    }
}
