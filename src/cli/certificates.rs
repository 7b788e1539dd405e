//! `vaca certificates list|show`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::ca::ForeignCertificate;
use crate::cli::open_store;
use crate::cli::page::{Page, numbered};
use crate::cli::text::{escape, json, one_line, print_json, print_table};
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::http::admin::views::certificate::{CertificateRecord, CertificateSummary};
use crate::model::actor::Actor;
use crate::model::digest::sha256;
use crate::model::event::{AuditEvent, EventKind};
use crate::model::profile::ProfileHash;
use crate::model::serial::{SerialNumber, hex};
use crate::server::issuing_authorities;
use crate::store::Store;
use crate::store::certificates::{CertificateRow, Holder, Intent, TakeUnrecorded};

#[derive(Debug, Subcommand)]
pub(super) enum CertificatesCommand {
    /// The newest certificates, the CA's own included.
    List(List),
    /// Everything that is known of one certificate.
    Show(Show),
    /// Say whose a certificate file is. One that verifies under our key and is not in the record is taken
    /// into it as `unrecorded`, so that it can be revoked: somebody else has the key.
    Identify(Identify),
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    page: Page,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The serial number, in hexadecimal digits.
    serial: String,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Identify {
    /// A certificate, PEM or DER.
    file: PathBuf,
}

pub(super) async fn run(config: &Config, command: CertificatesCommand) -> anyhow::Result<ExitCode> {
    let store = open_store(config).await?;
    match command {
        CertificatesCommand::List(list) => {
            let rows = store
                .certificates(list.page.before, list.page.limit)
                .await?;
            if list.page.json {
                rows.iter().for_each(|row| print_json(&summary(row)));
            } else {
                print_list(&rows);
                list.page.print_rest(&rows, |row| row.row);
            }
            Ok(ExitCode::SUCCESS)
        }
        CertificatesCommand::Show(show) => {
            let serial = SerialNumber::parse(&show.serial.to_ascii_lowercase())
                .context("a serial number is 32 hexadecimal digits that begin with 01; another's may have 2 to 40")?;
            let rows = store.certificates_by_serial(serial).await?;
            for row in &rows {
                if show.json {
                    print_json(&in_full(row));
                } else {
                    print_one(row);
                }
            }
            anyhow::ensure!(!rows.is_empty(), "no certificate has the number {serial}");
            Ok(ExitCode::SUCCESS)
        }
        CertificatesCommand::Identify(Identify { file }) => {
            let told = identify(config, &store, &file).await;
            store.close().await;
            told
        }
    }
}

async fn identify(config: &Config, store: &Store, file: &Path) -> anyhow::Result<ExitCode> {
    let octets = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let der = match der::pem::decode_vec(&octets) {
        Ok((_, der)) => der,
        Err(_) => octets,
    };
    let issuing = issuing_authorities(config)?;
    let authorities = issuing.iter().map(|(_, authority)| authority);
    let foreign = authorities
        .filter_map(|authority| ForeignCertificate::signed_by(&der, authority).ok())
        .next();
    let foreign = foreign.with_context(|| {
        format!(
            "{} is no certificate that an issuing CA of this configuration has signed",
            file.display()
        )
    })?;
    let rows = store.certificates_by_serial(foreign.serial()).await?;
    let same = rows.iter().find(|row| {
        row.issuer == *foreign.issuer_id() && row.der.as_deref() == Some(der.as_slice())
    });
    if let Some(row) = same {
        print_one(row);
        return Ok(ExitCode::SUCCESS);
    }
    let name = format!("{}/{}", foreign.issuer_id(), foreign.serial());
    let taken = store.write(take(&foreign, der)).await?;
    taken.with_context(|| {
        format!("ALARM: another certificate of the number {name} is in the record. Somebody else has the key of the issuing CA: stop the service, and read docs/revocation.md, \"When a key is compromised\"")
    })?;
    println!("{name} was not in the record, and is now, as unrecorded.");
    println!("it names {}", escape(foreign.unverified_subject()));
    println!(
        "ALARM: it verifies under our key, and nobody here meant to sign it: somebody else has the key."
    );
    println!("Revoke it: vaca revoke --serial {name} --reason key_compromise");
    println!("Then read docs/revocation.md, \"When a key is compromised\".");
    Ok(ExitCode::FAILURE)
}

fn take(foreign: &ForeignCertificate, der: Vec<u8>) -> TakeUnrecorded {
    let now = SystemClock::new().now();
    let name = format!("{}/{}", foreign.issuer_id(), foreign.serial());
    let (kind, actor) = (EventKind::CertificateUnrecorded, Actor::CommandLine);
    let event = AuditEvent::new(now, kind, actor, name).with("sha256", hex(&sha256(&der)));
    let unrecorded = foreign.kind().as_str().to_owned();
    TakeUnrecorded {
        intent: Intent {
            kind: foreign.kind(),
            issuer: foreign.issuer_id().clone(),
            serial: foreign.serial(),
            profile: unrecorded.clone(),
            profile_hash: ProfileHash([0; 32]),
            identity: unrecorded,
            holder: Holder::default(),
            spki_sha256: *foreign.spki_sha256(),
            tbs: foreign.tbs().to_vec(),
            validity: foreign.validity(),
        },
        der,
        event,
    }
}

fn print_list(rows: &[CertificateRow]) {
    let head = [
        "SERIAL",
        "STATE",
        "PROFILE",
        "IDENTITY",
        "NOT AFTER",
        "ATTEMPT",
    ];
    let cells: Vec<_> = rows
        .iter()
        .map(|row| {
            vec![
                row.serial.to_string(),
                row.state.clone(),
                row.profile.clone(),
                row.identity.clone(),
                row.validity.not_after.rfc3339(),
                row.attempt.clone().unwrap_or_default(),
            ]
        })
        .collect();
    print_table(&head, &cells);
}

fn summary(row: &CertificateRow) -> Value {
    numbered(row.row, &CertificateSummary::of(row))
}

fn in_full(row: &CertificateRow) -> Value {
    numbered(row.row, &CertificateRecord::of(row))
}

fn print_one(row: &CertificateRow) {
    if let Value::Object(fields) = in_full(row) {
        for (name, value) in &fields {
            match value {
                Value::Null => {}
                Value::String(text) if name == "certificate" => print!("{text}"),
                Value::String(text) => println!("{name:<22} {}", one_line(text)),
                other => println!("{name:<22} {}", json(other)),
            }
        }
    }
}
