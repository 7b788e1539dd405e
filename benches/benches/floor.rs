//! `cargo bench -p vaca-benches`: elapsed time of the steps of an enrolment, each by itself. Folders
//! are made below `target/floor`; the commits go to SQLite on that disk.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark that cannot be set up has nothing to say"
)]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use divan::Bencher;
use divan::counter::ItemsCount;
use tokio::runtime::Runtime;
use vaca_benches::floor::{Commits, Floor, Ocsp};
use vaca_benches::requests::Requests;
use vaca_benches::state::State;
use vaca_emulator::KeyAlgorithm;

/// The CA, made by the program that stands beside the benchmark's folder.
static STATE: OnceLock<State> = OnceLock::new();

fn main() {
    divan::main();
}

fn state() -> &'static State {
    STATE.get_or_init(|| {
        let folder = target().join("floor/state");
        std::fs::remove_dir_all(&folder).ok();
        let vaca = target().join("release/vaca").canonicalize();
        assert!(vaca.is_ok(), "build it: cargo build --release --bin vaca");
        let vaca = vaca.unwrap();
        State::create(&folder, &vaca, "sqlite:vaca.db", "http://127.0.0.1:1").unwrap()
    })
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target")
}

fn floor(algorithm: KeyAlgorithm) -> Floor {
    let requests = Requests::prepare(&target().join("floor"), algorithm, 1).unwrap();
    Floor::new(&state().config().unwrap(), requests.nth(0).unwrap()).unwrap()
}

#[divan::bench(args = [KeyAlgorithm::Ecdsa, KeyAlgorithm::Rsa])]
fn spkac(bencher: Bencher<'_, '_>, algorithm: KeyAlgorithm) {
    let floor = floor(algorithm);
    bencher.bench_local(|| floor.prove_key().unwrap());
}

#[divan::bench]
fn response(bencher: Bencher<'_, '_>) {
    let floor = floor(KeyAlgorithm::Ecdsa);
    bencher.bench_local(|| floor.parse_response().unwrap());
}

/// By the number of rules.
#[divan::bench(args = [0, 1, 10, 50])]
fn policy(bencher: Bencher<'_, '_>, rules: usize) {
    let floor = floor(KeyAlgorithm::Ecdsa).with_rules(rules).unwrap();
    bencher.bench_local(|| floor.evaluate().unwrap());
}

/// The names of a profile by default, and of one that asks for all that there is.
#[divan::bench(args = [false, true])]
fn names(bencher: Bencher<'_, '_>, all: bool) {
    let mut floor = floor(KeyAlgorithm::Ecdsa);
    if all {
        floor = floor.with_names().unwrap();
    }
    bencher.bench_local(|| floor.names().unwrap());
}

/// One signature with P-256 and nothing else, to hold the others against.
#[divan::bench]
fn signature(bencher: Bencher<'_, '_>) {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let random = SystemRandom::new();
    bencher.bench_local(|| key.sign(&random, &[0x30; 600]).unwrap());
}

/// An OCSP request of one certificate, read; and its answer, signed.
#[divan::bench(args = [false, true])]
fn ocsp(bencher: Bencher<'_, '_>, answered: bool) {
    let runtime = Runtime::new().unwrap();
    let config = state().config().unwrap();
    let ocsp = runtime.block_on(Ocsp::new(&config)).unwrap();
    bencher.bench_local(|| match answered {
        false => ocsp.read().map(|_| ()).unwrap(),
        true => runtime.block_on(ocsp.answer()).map(|_| ()).unwrap(),
    });
}

#[divan::bench]
fn prepare(bencher: Bencher<'_, '_>) {
    let floor = floor(KeyAlgorithm::Ecdsa);
    bencher.bench_local(|| floor.prepare().unwrap());
}

#[divan::bench]
fn certificate(bencher: Bencher<'_, '_>) {
    let floor = floor(KeyAlgorithm::Ecdsa);
    let runtime = Runtime::new().unwrap();
    bencher.bench_local(|| runtime.block_on(floor.certify()).unwrap());
}

/// Commits of one row by concurrent callers; the items are commands, so that the time of one is seen.
#[divan::bench(args = [1, 16, 256])]
fn commits(bencher: Bencher<'_, '_>, callers: usize) {
    let runtime = Runtime::new().unwrap();
    let config = state().config().unwrap();
    let floor = floor(KeyAlgorithm::Ecdsa);
    let commits = runtime.block_on(Commits::open(&config, &floor)).unwrap();
    bencher.counter(ItemsCount::new(callers)).bench_local(|| {
        runtime.block_on(async {
            let mut running = tokio::task::JoinSet::new();
            for _ in 0..callers {
                let commits = commits.clone();
                running.spawn(async move { commits.remember().await });
            }
            while let Some(ended) = running.join_next().await {
                ended.unwrap().unwrap();
            }
        });
    });
    runtime.block_on(commits.close());
}
