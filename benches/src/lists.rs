//! What a large list costs: to read, to keep, to ask, and the enrolments that go on while it is reloaded.

use std::fmt::Write as _;
use std::fs::File;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, ensure};
use clap::Args;
use vaca::clock::{Clock as _, SystemClock};
use vaca::enrichment::{EnrichmentSettings, Lists};
use vaca::model::identity::{DeviceId, Domain, VerifiedIdentity};
use vaca_benches::drive::{Drive, Driven, Task, count};
use vaca_benches::processes;
use vaca_benches::requests::Requests;
use vaca_benches::service::Service;
use vaca_benches::state::State;
use vaca_emulator::KeyAlgorithm;

use crate::ground::Ground;

/// Look-ups that are timed together.
const LOOK_UPS: usize = 1_000_000;
/// How long the service is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(2);
/// Between two changes of the list: it is read once it was seen twice, and that once a second.
const CHANGE: Duration = Duration::from_millis(2500);
/// Enrolments before each stretch that are not counted.
const WARM_UP: usize = 200;

/// What is measured.
#[derive(Debug, Args)]
pub(crate) struct ListsArguments {
    #[command(flatten)]
    ground: Ground,
    /// Devices in the list.
    #[arg(long, default_value_t = 500_000)]
    rows: usize,
    /// Concurrent connections.
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Seconds of each stretch.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Pairs of stretches, one without and one with reloads.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

pub(crate) async fn run(arguments: &ListsArguments) -> anyhow::Result<()> {
    let (state, _verified_access) = arguments.ground.prepare().await?;
    let csv = state.folder.join("devices.csv");
    let json = state.folder.join("devices.json");
    std::fs::write(&csv, csv_list(arguments.rows))?;
    std::fs::write(&json, json_list(arguments.rows))?;
    println!(
        "| list | MiB | read, ms | look-up, ns | of a stranger, ns |\n|---|---:|---:|---:|---:|"
    );
    for file in [&csv, &json] {
        measure(file, arguments.rows)?;
    }
    let without = Service::start(&state, "info").await?;
    tokio::time::sleep(IDLE).await;
    let before = processes::memory(without.pid)?;
    without.stop().await?;
    let configuration = std::fs::read_to_string(state.configuration())?;
    let table = "[enrichment]\ndevices_file = \"devices.csv\"\n\n[[issuer]]";
    let configuration = configuration.replacen("[[issuer]]", table, 1);
    std::fs::write(state.configuration(), configuration)?;
    let service = Service::start(&state, "info").await?;
    tokio::time::sleep(IDLE).await;
    let after = processes::memory(service.pid)?;
    println!(
        "\nResident memory, MiB: {} without the list, {} with it.\n",
        before.resident / 1024,
        after.resident / 1024
    );
    let requests = requests(arguments)?;
    stretches(arguments, &state, &csv, &requests).await?;
    let memory = processes::memory(service.pid)?;
    println!(
        "\nResident memory after that, MiB: {}, at its highest {}.",
        memory.resident / 1024,
        memory.peak / 1024
    );
    service.stop().await
}

/// A row as inventories write them, with ids in no order.
fn cells(row: usize) -> [String; 4] {
    let mixed = (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    [
        format!("{:08x}-5e6f-4a7b-8c9d-{row:012x}", mixed >> 32),
        format!("5CD{row:07}"),
        format!("A-{row}"),
        format!("/Schools/{}/Grade {}", row % 97, row % 12),
    ]
}

fn csv_list(rows: usize) -> String {
    let mut text =
        "device_permanent_id,device_serial_number,asset_id,organizational_unit\n".to_owned();
    for row in 0..rows {
        text.push_str(&cells(row).join(","));
        text.push('\n');
    }
    text
}

fn json_list(rows: usize) -> String {
    let mut text = String::from("[");
    for row in 0..rows {
        let [id, serial, asset, unit] = cells(row);
        let comma = if row == 0 { "" } else { "," };
        // Writing to a string cannot fail.
        write!(
            text,
            "{comma}\n{{\"device_permanent_id\": \"{id}\", \"device_serial_number\": \"{serial}\", \
             \"asset_id\": \"{asset}\", \"organizational_unit\": \"{unit}\"}}"
        )
        .ok();
    }
    text.push_str("\n]\n");
    text
}

fn measure(file: &Path, rows: usize) -> anyhow::Result<()> {
    let settings = EnrichmentSettings {
        devices_file: Some(file.to_owned()),
        ..EnrichmentSettings::default()
    };
    let clock = SystemClock::new();
    let lists = Lists::load(&settings)?;
    let read = clock.monotonic();
    let known = identities(|number| cells(number.wrapping_mul(7919) % rows)[0].clone())?;
    let strangers = identities(|number| format!("{number:08x}-nobody"))?;
    println!(
        "| {} | {} | {} | {:.0} | {:.0} |",
        file.file_name().unwrap_or_default().display(),
        std::fs::metadata(file)?.len() / (1024 * 1024),
        read.as_millis(),
        look_up(&lists, &known),
        look_up(&lists, &strangers),
    );
    Ok(())
}

fn identities(id: impl Fn(usize) -> String) -> anyhow::Result<Vec<VerifiedIdentity>> {
    let identity = |number| {
        Ok(VerifiedIdentity::Device {
            device_permanent_id: DeviceId::parse(&id(number))?,
            domain: Domain::parse("example.com")?,
        })
    };
    // More than the processor's caches hold the rows of.
    (0..100_000).map(identity).collect()
}

/// Nanoseconds of one.
fn look_up(lists: &Lists, identities: &[VerifiedIdentity]) -> f64 {
    let clock = SystemClock::new();
    for identity in identities.iter().cycle().take(LOOK_UPS) {
        black_box(lists.look_up(black_box(identity)));
    }
    clock.monotonic().as_secs_f64() * 1e9 / count(LOOK_UPS)
}

fn requests(arguments: &ListsArguments) -> anyhow::Result<Arc<Requests>> {
    // As many as nobody can use up.
    let each = WARM_UP + 1000 * usize::try_from(arguments.seconds)?;
    let requests = Requests::prepare(
        &arguments.ground.requests,
        KeyAlgorithm::Ecdsa,
        each * 2 * arguments.rounds,
    )?;
    Ok(Arc::new(requests))
}

async fn stretches(
    arguments: &ListsArguments,
    state: &State,
    list: &Path,
    requests: &Arc<Requests>,
) -> anyhow::Result<()> {
    println!(
        "| reloads | enrolments per second | p50 ms | p99 ms | longest ms |\n|---:|---:|---:|---:|---:|"
    );
    let each = WARM_UP + 1000 * usize::try_from(arguments.seconds)?;
    for stretch in 0..2 * arguments.rounds {
        let drive = |first, times| Drive {
            address: state.api,
            tls: None,
            task: Task::Enrol {
                requests: Arc::clone(requests),
                first,
            },
            times,
            time: Duration::from_secs(arguments.seconds),
            connections: arguments.connections,
        };
        drive(stretch * each, WARM_UP).run().await?;
        let before = reloads(state)?;
        let changes = (stretch % 2 == 1).then(|| tokio::spawn(change(list.to_owned())));
        let driven = drive(stretch * each + WARM_UP, each - WARM_UP)
            .run()
            .await?;
        if let Some(changes) = changes {
            changes.abort();
        }
        ensure!(driven.errors.is_empty(), "{:?}", driven.errors);
        print_stretch(reloads(state)? - before, &driven);
        tokio::time::sleep(2 * CHANGE).await;
    }
    Ok(())
}

fn print_stretch(reloads: usize, driven: &Driven) {
    let millis = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1e3);
    println!(
        "| {reloads} | {:.0} | {} | {} | {} |",
        driven.rate(),
        millis(driven.percentile(50)),
        millis(driven.percentile(99)),
        millis(driven.percentile(100)),
    );
}

/// Makes the list another file again and again, as far as its times tell.
async fn change(list: PathBuf) -> anyhow::Result<()> {
    let mut written = SystemTime::UNIX_EPOCH;
    loop {
        written += Duration::from_secs(1);
        File::options()
            .append(true)
            .open(&list)?
            .set_modified(written)?;
        tokio::time::sleep(CHANGE).await;
    }
}

/// As many as the service has told of in its log.
fn reloads(state: &State) -> anyhow::Result<usize> {
    let log = std::fs::read_to_string(state.folder.join("vaca.log")).context("no log")?;
    Ok(log.matches("a list was reloaded").count())
}
