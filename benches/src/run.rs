//! One run: the floor, then stretch after stretch on a fresh CA, then the same on a full one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use vaca::clock::{Clock as _, SystemClock};
use vaca_benches::disk::flush_time;
use vaca_benches::drive::{Drive, Driven, Task};
use vaca_benches::figures::{Figures, FloorFigures, Footprint, HEADING};
use vaca_benches::floor::{Commits, Floor, certificates_cpu, cpu_per_call};
use vaca_benches::preload::preload;
use vaca_benches::processes;
use vaca_benches::requests::Requests;
use vaca_benches::service::{Service, TrustingVerifiedAccess};
use vaca_benches::state::State;

use crate::{Key, RunArguments};

/// How long the service is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(2);
/// After the last answer the audit log is numbered, once a second; that belongs to the cost.
const SETTLE: Duration = Duration::from_millis(2500);

/// One kind of key, with its supply and its floor.
struct Supply {
    key: Key,
    requests: Arc<Requests>,
    used: usize,
    floor: FloorFigures,
}

struct Run<'a> {
    arguments: &'a RunArguments,
    state: State,
    verified_access: TrustingVerifiedAccess,
    supplies: Vec<Supply>,
}

pub(crate) async fn run(arguments: &RunArguments) -> anyhow::Result<()> {
    let verified_access = TrustingVerifiedAccess::start().await?;
    let supplies = supplies(arguments)?;
    let state = State::create(
        &arguments.state,
        &program(arguments)?,
        &arguments.database,
        &verified_access.url,
    )?;
    let mut run = Run {
        arguments,
        state,
        verified_access,
        supplies,
    };
    println!("Database: {}. Log: {}.\n", engine(arguments), arguments.log);
    run.floor().await?;
    run.stretches().await?;
    if let Some(count) = arguments.preload {
        let clock = SystemClock::new();
        preload(&run.state, count).await?;
        let took = clock.monotonic().as_secs();
        println!("With {count} more enrolments recorded (filled in {took} s):\n");
        run.stretches().await?;
    }
    Ok(())
}

fn engine(arguments: &RunArguments) -> &'static str {
    if arguments.database.starts_with("sqlite:") {
        "SQLite"
    } else {
        "PostgreSQL"
    }
}

fn program(arguments: &RunArguments) -> anyhow::Result<PathBuf> {
    let program = match &arguments.vaca {
        Some(program) => program.clone(),
        None => std::env::current_exe()?.with_file_name("vaca"),
    };
    let build = "build it: cargo build --release --bin vaca";
    std::path::absolute(program)?
        .canonicalize()
        .with_context(|| format!("no vaca beside this program; {build}"))
}

fn supplies(arguments: &RunArguments) -> anyhow::Result<Vec<Supply>> {
    let repeats = if arguments.preload.is_some() { 2 } else { 1 };
    let connections = &arguments.connections;
    let warm_ups: usize = connections
        .iter()
        .map(|number| arguments.warm_up(*number))
        .sum();
    let count = (connections.len() * arguments.enrolments + warm_ups) * repeats + 1;
    let supply = |key: &Key| {
        let requests = Requests::prepare(&arguments.requests, key.algorithm(), count)?;
        Ok(Supply {
            key: *key,
            requests: Arc::new(requests),
            used: 1,
            floor: FloorFigures::default(),
        })
    };
    arguments.keys.iter().map(supply).collect()
}

impl Run<'_> {
    async fn floor(&mut self) -> anyhow::Result<()> {
        let config = self.state.config()?;
        for supply in &mut self.supplies {
            let spkac = supply.requests.nth(0).context("no request")?;
            let floor = Floor::new(&config, spkac)?;
            let store = Commits::open(&config, &floor).await?;
            let mut commits = Vec::new();
            for &connections in &self.arguments.connections {
                commits.push((connections, store.measure(connections).await?));
            }
            store.close().await;
            supply.floor = FloorFigures {
                prove: cpu_per_call(|| floor.prove_key())?,
                certify: certificates_cpu(&floor).await?,
                commits,
            };
            println!("{}", supply.floor.table(supply.key.name()));
        }
        Ok(())
    }

    async fn stretches(&mut self) -> anyhow::Result<()> {
        let service = Service::start(&self.state, &self.arguments.log).await?;
        tokio::time::sleep(IDLE).await;
        let idle = processes::memory(service.pid)?;
        println!("{HEADING}");
        let mut failed = false;
        for index in 0..self.supplies.len() {
            for connections in self.arguments.connections.clone() {
                let figures = self.stretch(&service, index, connections).await?;
                failed |= !figures.driven.errors.is_empty();
                println!("{figures}");
            }
        }
        let footprint = Footprint {
            ready_after: service.ready_after,
            idle,
            loaded: processes::memory(service.pid)?,
        };
        println!("\n{footprint}\n");
        service.stop().await?;
        ensure!(!failed, "not every enrolment succeeded: no figures");
        Ok(())
    }

    async fn stretch(
        &mut self,
        service: &Service,
        index: usize,
        connections: usize,
    ) -> anyhow::Result<Figures> {
        let flush = flush_time(&self.state.folder)?;
        let warm_up = self.arguments.warm_up(connections);
        self.drive(index, connections, warm_up).await?;
        tokio::time::sleep(SETTLE).await;
        let before = self.sample(service)?;
        let driven = self.drive(index, connections, self.arguments.enrolments);
        let driven = driven.await?;
        let during = self.sample(service)?;
        tokio::time::sleep(SETTLE).await;
        let after = self.sample(service)?;
        let supply = self.supplies.get(index).context("no such supply")?;
        let machine = during.machine.saturating_sub(before.machine);
        let ours = during.ours.saturating_sub(before.ours);
        Ok(Figures {
            key: supply.key.name(),
            connections,
            cpu: after.service.saturating_sub(before.service),
            database_cpu: after
                .database
                .zip(before.database)
                .map(|(after, before)| after.saturating_sub(before)),
            floor: supply.floor.sum(connections),
            flush,
            foreign: machine.saturating_sub(ours).as_secs_f64()
                / (driven.elapsed.as_secs_f64() * processors()),
            driven,
        })
    }

    async fn drive(
        &mut self,
        index: usize,
        connections: usize,
        enrolments: usize,
    ) -> anyhow::Result<Driven> {
        let supply = self.supplies.get_mut(index).context("no such supply")?;
        let drive = Drive {
            address: self.state.api,
            tls: None,
            task: Task::Enrol {
                requests: Arc::clone(&supply.requests),
                first: supply.used,
            },
            times: enrolments,
            time: self.arguments.time(),
            connections,
        };
        supply.used += enrolments;
        drive.run().await
    }

    fn sample(&self, service: &Service) -> anyhow::Result<Sample> {
        let database = self.arguments.database_pid;
        let database = database.map(processes::family_cpu).transpose()?;
        let cpu = processes::cpu(service.pid)?;
        let beside = processes::own_cpu()? + processes::cpu(self.verified_access.pid)?;
        Ok(Sample {
            service: cpu,
            database,
            ours: cpu + beside + database.unwrap_or_default(),
            machine: processes::machine_cpu()?,
        })
    }
}

/// CPU times at one moment.
struct Sample {
    service: Duration,
    database: Option<Duration>,
    ours: Duration,
    machine: Duration,
}

fn processors() -> f64 {
    std::thread::available_parallelism()
        .map_or(1.0, |number| vaca_benches::drive::count(number.get()))
}
