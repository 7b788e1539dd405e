//! `vaca certificates list|show`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::cli::open_store;
use crate::cli::page::{Page, numbered};
use crate::cli::text::{json, one_line, print_json, print_table};
use crate::config::Config;
use crate::http::admin::views::certificate::{CertificateRecord, CertificateSummary};
use crate::model::serial::SerialNumber;
use crate::store::certificates::CertificateRow;

#[derive(Debug, Subcommand)]
pub(super) enum CertificatesCommand {
    /// The newest certificates, the CA's own included.
    List(List),
    /// Everything that is known of one certificate.
    Show(Show),
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    page: Page,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The serial number: 32 hexadecimal digits.
    serial: String,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
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
                .context("a serial number is 32 hexadecimal digits that begin with 01")?;
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
