//! One run: the floor, then stretch after stretch on a fresh CA, in turn with one whose record is full.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use vaca::clock::{Clock as _, SystemClock};
use vaca_benches::disk::flush_time;
use vaca_benches::drive::{Drive, Driven, Task};
use vaca_benches::figures::{Figures, FloorFigures, Footprint, HEADING, changes};
use vaca_benches::floor::{Commits, Floor, certificates_cpu, cpu_per_call};
use vaca_benches::preload::preload;
use vaca_benches::processes::{self, Memory};
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

/// A CA that is loaded.
struct Loaded {
    recorded: u32,
    state: State,
    service: Service,
    idle: Memory,
}

struct Run<'a> {
    arguments: &'a RunArguments,
    verified_access: TrustingVerifiedAccess,
    supplies: Vec<Supply>,
}

pub(crate) async fn run(arguments: &RunArguments) -> anyhow::Result<()> {
    let verified_access = TrustingVerifiedAccess::start().await?;
    let supplies = supplies(arguments)?;
    let mut run = Run {
        arguments,
        verified_access,
        supplies,
    };
    let fresh = run.create("fresh", &arguments.database)?;
    println!("Database: {}. Log: {}.\n", engine(arguments), arguments.log);
    run.floor(&fresh).await?;
    let mut records = vec![(0, fresh)];
    if let Some(count) = arguments.preload {
        records.push((count, run.full(count).await?));
    }
    let mut loaded = Vec::new();
    for (recorded, state) in records {
        loaded.push(Loaded::start(recorded, state, &arguments.log).await?);
    }
    let lines = run.stretches(&loaded).await?;
    for one in loaded {
        one.stop().await?;
    }
    if let Some(count) = arguments.preload {
        println!("{}", changes(count, &lines));
    }
    let failed = lines.iter().any(|line| !line.driven.errors.is_empty());
    ensure!(!failed, "not every enrolment succeeded: no figures");
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
    let records = if arguments.preload.is_some() { 2 } else { 1 };
    let repeats = records * usize::from(arguments.rounds);
    let connections = &arguments.connections;
    let warm_ups: usize = connections
        .iter()
        .map(|number| arguments.warm_up(*number))
        .sum();
    let count = (connections.len() * arguments.enrolments + warm_ups) * repeats + 2;
    let supply = |key: &Key| {
        let requests = Requests::prepare(&arguments.requests, key.algorithm(), count)?;
        Ok(Supply {
            key: *key,
            requests: Arc::new(requests),
            used: 2,
            floor: FloorFigures::default(),
        })
    };
    arguments.keys.iter().map(supply).collect()
}

impl Loaded {
    async fn start(recorded: u32, state: State, log: &str) -> anyhow::Result<Self> {
        let service = Service::start(&state, log).await?;
        tokio::time::sleep(IDLE).await;
        Ok(Self {
            recorded,
            idle: processes::memory(service.pid)?,
            state,
            service,
        })
    }

    async fn stop(self) -> anyhow::Result<()> {
        let footprint = Footprint {
            ready_after: self.service.ready_after,
            idle: self.idle,
            loaded: processes::memory(self.service.pid)?,
        };
        println!("{} recorded before: {footprint}\n", self.recorded);
        self.service.stop().await
    }
}

impl Run<'_> {
    fn create(&self, name: &str, database: &str) -> anyhow::Result<State> {
        State::create(
            &self.arguments.state.join(name),
            &program(self.arguments)?,
            database,
            &self.verified_access.url,
        )
    }

    /// A CA whose record holds `count` copies of an enrolment that it made.
    async fn full(&self, count: u32) -> anyhow::Result<State> {
        let database = match &self.arguments.preloaded_database {
            Some(database) => database,
            None => &self.arguments.database,
        };
        ensure!(
            self.arguments.preloaded_database.is_some() || database.starts_with("sqlite:"),
            "name the second CA's database by --preloaded-database"
        );
        let state = self.create("full", database)?;
        let service = Service::start(&state, &self.arguments.log).await?;
        let supply = self.supplies.first().context("no kind of key")?;
        let one = self.drive(&state, supply, 1, 1, 1).await?;
        ensure!(one.errors.is_empty(), "no enrolment to copy");
        service.stop().await?;
        let clock = SystemClock::new();
        preload(&state, count).await?;
        let took = clock.monotonic().as_secs();
        println!("{count} enrolments recorded in {took} s.\n");
        Ok(state)
    }

    async fn floor(&mut self, state: &State) -> anyhow::Result<()> {
        let config = state.config()?;
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

    async fn stretches(&mut self, loaded: &[Loaded]) -> anyhow::Result<Vec<Figures>> {
        println!("{HEADING}");
        let mut lines = Vec::new();
        for index in 0..self.supplies.len() {
            for &connections in &self.arguments.connections {
                for _ in 0..self.arguments.rounds {
                    for one in loaded {
                        let line = self.stretch(one, index, connections).await?;
                        println!("{line}");
                        lines.push(line);
                    }
                }
            }
        }
        println!();
        Ok(lines)
    }

    async fn stretch(
        &mut self,
        loaded: &Loaded,
        index: usize,
        connections: usize,
    ) -> anyhow::Result<Figures> {
        let arguments = self.arguments;
        let (state, service) = (&loaded.state, &loaded.service);
        let flush = flush_time(&state.folder)?;
        let supply = self.supplies.get_mut(index).context("no such supply")?;
        let warm_up = (supply.used, arguments.warm_up(connections));
        let measured = (warm_up.0 + warm_up.1, arguments.enrolments);
        supply.used = measured.0 + measured.1;
        let supply = self.supplies.get(index).context("no such supply")?;
        self.drive(state, supply, connections, warm_up.0, warm_up.1)
            .await?;
        tokio::time::sleep(SETTLE).await;
        let before = self.sample(service)?;
        let driven = self
            .drive(state, supply, connections, measured.0, measured.1)
            .await?;
        let during = self.sample(service)?;
        tokio::time::sleep(SETTLE).await;
        let after = self.sample(service)?;
        let machine = during.machine.saturating_sub(before.machine);
        let ours = during.ours.saturating_sub(before.ours);
        Ok(Figures {
            key: supply.key.name(),
            connections,
            recorded: loaded.recorded,
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

    /// Enrols with `times` of the supply's requests, from `first` on.
    async fn drive(
        &self,
        state: &State,
        supply: &Supply,
        connections: usize,
        first: usize,
        times: usize,
    ) -> anyhow::Result<Driven> {
        let drive = Drive {
            address: state.api,
            tls: None,
            task: Task::Enrol {
                requests: Arc::clone(&supply.requests),
                first,
            },
            times,
            time: self.arguments.time(),
            connections,
        };
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
