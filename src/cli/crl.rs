//! `vaca crl list|sign-root|import`: CRLs, and a root's, which a person makes where the root's key is.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};

use crate::ca::Authority;
use crate::ca::crl::{CrlDraft, CrlNumber, CrlUpdate, ReadCrl, unlisted};
use crate::ca::signer::file;
use crate::cli::open_store;
use crate::cli::text::{count, print_table};
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::Config;
use crate::model::actor::Actor;
use crate::model::digest::sha256;
use crate::model::span::{self, DAY};
use crate::publication::{CrlRecorder, Listed, compare};
use crate::server::{read_passphrase, roots};
use crate::store::Store;
use crate::store::revocations::RevokedCertificate;

/// Lines that are read from the record at once.
const LINES: u32 = 1_000;
/// Highest number that is taken from elsewhere: a number of seconds fits, and a billion lists behind it.
const NUMBER_MAX: u64 = 1 << 53;
/// Lists that are signed ahead, at the most: ten years of quarters.
const AHEAD: u32 = 40;

#[derive(Debug, Subcommand)]
pub(super) enum CrlCommand {
    /// The CRLs of every CA: which is served, which were signed ahead.
    List,
    /// Sign a root's next CRL, or a series of them ahead. Needs the root's key: bring its folder back, run
    /// this, take it away again.
    SignRoot(SignRoot),
    /// Take a root's CRL that was signed elsewhere.
    Import(Import),
}

#[derive(Debug, Args)]
pub(super) struct SignRoot {
    /// The folder that holds `root.key`, and `passphrase` where no other file is named.
    #[arg(long, value_name = "DIR", default_value = "root")]
    root_folder: PathBuf,
    /// A file that holds the root key's passphrase.
    #[arg(long, value_name = "FILE")]
    root_passphrase_file: Option<PathBuf>,
    /// How long each is good, such as 365d.
    #[arg(long, default_value = "365d", value_parser = seconds)]
    lifetime: i64,
    /// How many, each beginning so long after the one before as --every says.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(AHEAD)))]
    count: u32,
    /// Between the beginnings of two lists of a series.
    #[arg(long, default_value = "90d", value_parser = seconds)]
    every: i64,
    /// Write them into this folder besides, DER.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Import {
    /// The CRL, DER or PEM.
    file: PathBuf,
}

fn seconds(text: &str) -> Result<i64, String> {
    span::seconds(text).map_err(|error| format!("a span {error}"))
}

pub(super) async fn run(config: &Config, command: CrlCommand) -> anyhow::Result<ExitCode> {
    let store = open_store(config).await?;
    let done = match command {
        CrlCommand::List => list(&store).await,
        CrlCommand::SignRoot(sign) => sign_root(config, &store, &sign).await,
        CrlCommand::Import(Import { file }) => import(config, &store, &file).await,
    };
    store.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn list(store: &Store) -> anyhow::Result<()> {
    let now = SystemClock::new().now();
    let mut rows = Vec::new();
    for crl in store.crls().await? {
        let state = match (crl.row.this_update <= now, crl.row.next_update <= now) {
            (_, true) => "ended",
            (false, _) => "signed ahead",
            (true, false) => "",
        };
        rows.push(vec![
            crl.issuer.to_string(),
            crl.row.number.to_string(),
            crl.row.this_update.rfc3339(),
            crl.row.next_update.rfc3339(),
            crl.row.entries.to_string(),
            state.to_owned(),
        ]);
    }
    let head = ["ISSUER", "NUMBER", "FROM", "UNTIL", "ENTRIES", ""];
    print_table(&head, &rows);
    Ok(())
}

async fn sign_root(config: &Config, store: &Store, sign: &SignRoot) -> anyhow::Result<()> {
    ensure!(
        sign.count == 1 || sign.every < sign.lifetime,
        "--every is less than --lifetime, or there would be times without a list that is good"
    );
    ensure!(sign.lifetime >= DAY, "--lifetime is a day or more");
    let folder = config.folder.join(&sign.root_folder);
    let passphrase = match &sign.root_passphrase_file {
        Some(file) => read_passphrase(file)?,
        None => read_passphrase(&folder.join("passphrase"))?,
    };
    let path = folder.join("root.key");
    let key = file::open(&path, &passphrase)
        .with_context(|| format!("cannot open {}", path.display()))?;
    let signer: &dyn crate::ca::signer::Signer = &key;
    let root = roots(config)?
        .into_iter()
        .find(|root| root.spki_der() == signer.spki_der());
    let root = root.with_context(|| {
        format!(
            "{} is the key of no root in the configuration",
            path.display()
        )
    })?;
    let now = SystemClock::new().now();
    for turn in 0..i64::from(sign.count) {
        let this_update = now.plus(turn * sign.every);
        let update = CrlUpdate {
            number: next_number(store, &root).await?,
            this_update,
            next_update: this_update.plus(sign.lifetime).min(root.not_after()),
        };
        let (revoked, covers) = revoked(store, &root).await?;
        let mut draft = CrlDraft::new(&root, signer, update)?;
        for line in &revoked {
            draft.add(line.serial, line.revocation)?;
        }
        let prepared = draft.prepare()?;
        let recorder = recorder(store, now);
        let intended = recorder.intend(&prepared, listed(covers)).await?;
        let issued = prepared.sign(signer).await?;
        follow(store, &root, issued.der()).await?;
        recorder.record(intended, &issued).await?;
        if let Some(out) = &sign.out {
            let name = format!("{}-{}.crl", root.issuer_id(), update.number.0);
            std::fs::create_dir_all(out)?;
            std::fs::write(out.join(name), issued.der())?;
        }
        println!(
            "number {}: from {} until {}",
            update.number.0, update.this_update, update.next_update
        );
    }
    println!(
        "{} signed; whatever serves takes each over by itself. Take {} off this machine again.",
        count(sign.count as usize, "CRL"),
        folder.display()
    );
    Ok(())
}

async fn next_number(store: &Store, root: &Authority) -> anyhow::Result<CrlNumber> {
    let last = store.last_crl_number(&root.issuer_id()).await?;
    Ok(CrlNumber(u64::try_from(last + 1)?))
}

/// Every certificate of the root's that was revoked, and the number of the last revocation.
async fn revoked(
    store: &Store,
    root: &Authority,
) -> anyhow::Result<(Vec<RevokedCertificate>, i64)> {
    let id = root.issuer_id();
    let covers = store.last_revocation(&id).await?;
    let mut revoked: Vec<RevokedCertificate> = Vec::new();
    loop {
        let part = store
            .revoked_certificates(&id, covers, Timestamp(0), revoked.last(), LINES)
            .await?;
        if part.is_empty() {
            return Ok((revoked, covers));
        }
        revoked.extend(part);
    }
}

/// What a root's CRL has, it has for ever: there are few.
fn listed(covers: i64) -> Listed {
    Listed {
        covers,
        kept_since: Timestamp(0),
    }
}

fn recorder(store: &Store, now: Timestamp) -> CrlRecorder<'_> {
    CrlRecorder {
        store,
        actor: Actor::CommandLine,
        fence: None,
        now,
    }
}

/// Nothing that the last list has is missing in this one.
async fn follow(store: &Store, root: &Authority, der: &[u8]) -> anyhow::Result<()> {
    let id = root.issuer_id();
    if let Some(last) = store.last_crl(&id).await?
        && let Some(earlier) = store.crl_der(last.row).await?
    {
        compare(store, &id, earlier.into(), der, Timestamp(0)).await?;
    }
    Ok(())
}

async fn import(config: &Config, store: &Store, path: &Path) -> anyhow::Result<()> {
    let octets = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let der = match der::pem::decode_vec(&octets) {
        Ok((_, der)) => der,
        Err(_) => octets,
    };
    let roots = roots(config)?;
    let read = roots.iter().find_map(|root| {
        let read = ReadCrl::verify(&der, root).ok()?;
        Some((root, read))
    });
    let (root, read) = read.with_context(|| {
        format!(
            "{} is no CRL of a root in the configuration, with a number and the time of the next",
            path.display()
        )
    })?;
    let (id, update) = (root.issuer_id(), read.update());
    let now = SystemClock::new().now();
    ensure!(
        update.this_update < update.next_update && update.next_update > now,
        "it has ended at {}, or ends before it begins: relying parties would refuse everybody",
        update.next_update
    );
    ensure!(
        update.number.0 <= NUMBER_MAX,
        "its number, {}, leaves no room for those that follow",
        update.number.0
    );
    let last = store.last_crl_number(&id).await?;
    ensure!(
        i64::try_from(update.number.0)? > last,
        "its number, {}, is not above {last}, the highest so far",
        update.number.0
    );
    // Every revocation in the record is in it.
    let (revoked, covers) = revoked(store, root).await?;
    let serials = revoked.iter().map(|line| line.serial);
    let missing = unlisted(&der, serials)?;
    ensure!(
        missing.is_empty(),
        "it does not list {}, which was revoked",
        missing
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    );
    follow(store, root, &der).await?;
    let recorder = recorder(store, now);
    recorder
        .take(&read, sha256(read.tbs()), der, listed(covers))
        .await?;
    println!(
        "number {} of {id}: from {} until {}",
        update.number.0, update.this_update, update.next_update
    );
    Ok(())
}
