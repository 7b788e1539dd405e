//! What a long CRL costs: to make, to read again, to hold against the last one; and what it takes to revoke
//! so many certificates of a record.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use vaca::ca::ceremony::{Owner, ROOT_LIFETIME, prepare_root};
use vaca::ca::crl::{CrlDraft, CrlNumber, CrlUpdate, vanished};
use vaca::ca::signer::SignatureAlgorithm;
use vaca::ca::signer::software::SoftwareKey;
use vaca::clock::{Clock as _, SystemClock};
use vaca::model::endpoint::Endpoint;
use vaca::model::revocation::{Revocation, RevocationReason};
use vaca::model::serial::SerialNumber;
use vaca::random::SystemRandom;
use vaca_benches::preload::preload;
use vaca_benches::processes;

use crate::ground::Ground;

/// A week.
const LIFETIME: i64 = 7 * 24 * 60 * 60;

/// One list, in a process of its own, so that its memory is known.
#[derive(Debug, Args)]
pub(crate) struct CrlArguments {
    /// Certificates in the list.
    #[arg(long)]
    entries: usize,
    /// With a reason in each line.
    #[arg(long)]
    reasons: bool,
}

/// Prints one line of a table.
pub(crate) async fn run(arguments: &CrlArguments) -> anyhow::Result<()> {
    let key = SoftwareKey::generate(SignatureAlgorithm::default())?;
    let (clock, random) = (SystemClock::new(), SystemRandom);
    let now = clock.now();
    let owner = Owner::new("Load", Endpoint::Test)?;
    let serial = SerialNumber::draw(now, &random)?;
    let root = prepare_root(&owner, &key, serial, now, ROOT_LIFETIME)?;
    let root = root.sign(&key).await?;
    let serials = (0..arguments.entries).map(|_| SerialNumber::draw(now, &random));
    let serials = serials.collect::<Result<Vec<_>, _>>()?;
    let reason = if arguments.reasons {
        RevocationReason::KeyCompromise
    } else {
        RevocationReason::Unspecified
    };
    let update = CrlUpdate {
        number: CrlNumber(7),
        this_update: now,
        next_update: now.plus(LIFETIME),
    };
    let own = processes::memory(std::process::id())?;
    let begun = processes::own_cpu()?;
    let mut draft = CrlDraft::new(&root, &key, update)?;
    for serial in &serials {
        draft.add(*serial, Revocation { reason, at: now })?;
    }
    let prepared = draft.prepare()?;
    let made = processes::own_cpu()?;
    let issued = prepared.sign(&key).await?;
    let signed = processes::own_cpu()?;
    let made_peak = processes::memory(std::process::id())?;
    ensure!(
        vanished(issued.der(), issued.der())?.is_empty(),
        "a list differs from itself"
    );
    let compared = processes::own_cpu()?;
    let peak = processes::memory(std::process::id())?;
    let millis = |from: Duration, to: Duration| (to - from).as_millis();
    println!(
        "| {} | {} | {} | {} | {} | {} | {} | {} |",
        arguments.entries,
        if arguments.reasons { "yes" } else { "no" },
        issued.der().len(),
        millis(begun, made),
        millis(made, signed),
        millis(signed, compared),
        (made_peak.peak - own.resident) / 1024,
        (peak.peak - own.resident) / 1024,
    );
    Ok(())
}

/// A record, and how much of it is revoked.
#[derive(Debug, Args)]
pub(crate) struct RevokeArguments {
    #[command(flatten)]
    ground: Ground,
    /// Certificates in the record, all of which are revoked.
    #[arg(long, default_value_t = 100_000)]
    certificates: u32,
}

/// Fills a record, revokes all of it by `vaca revoke`, and prints how long that took.
pub(crate) async fn revoke(arguments: &RevokeArguments) -> anyhow::Result<()> {
    let (state, _verified_access) = arguments.ground.with_a_certificate().await?;
    preload(&state, arguments.certificates).await?;
    let order = ["revoke", "--issued-until", "0s", "--reason", "superseded"];
    let clock = SystemClock::new();
    let planning = clock.monotonic();
    let plan = state.output(&[&order[..], &["--dry-run", "--json"]].concat())?;
    let planned = clock.monotonic() - planning;
    let plan: serde_json::Value = serde_json::from_str(&plan).context("the plan")?;
    let digest = plan.get("digest").and_then(serde_json::Value::as_str);
    let digest = digest.context("no digest")?;
    let (begun, before) = (clock.monotonic(), processes::own_cpu()?);
    let told = state.output(&[&order[..], &["--confirm", digest]].concat())?;
    let (took, cpu) = (clock.monotonic() - begun, processes::own_cpu()? - before);
    print!("{told}");
    let count = f64::from(arguments.certificates);
    println!(
        "dry run {:.1} s; revoked in {:.1} s, {:.0} a second, {:.0} us of CPU each",
        planned.as_secs_f64(),
        took.as_secs_f64(),
        count / took.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / count,
    );
    Ok(())
}
