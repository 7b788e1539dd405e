//! `vaca lists show|find`: what the organisation's lists say, as their files stand now.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cli::text::{escape, print_json, print_table};
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::enrichment::{ListFile, ListReport, Lists};
use crate::model::identity::{DeviceId, Email};

#[derive(Debug, Subcommand)]
pub(super) enum ListsCommand {
    /// Every list: its file, its rows, when it was written, its SHA-256.
    Show(Show),
    /// What the lists say of a user or device. Ends with 1 where none says anything.
    Find(Find),
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Find {
    /// An e-mail, or any identifier that Google gave a device.
    #[arg(value_parser = name)]
    name: String,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

/// In the form in which the lists are searched.
fn name(text: &str) -> Result<String, String> {
    let parsed = if text.contains('@') {
        Email::parse(text).map(|email| email.as_str().to_owned())
    } else {
        DeviceId::parse(text).map(|id| id.as_str().to_owned())
    };
    parsed.map_err(|error| error.to_string())
}

pub(super) fn run(config: &Config, command: &ListsCommand) -> anyhow::Result<ExitCode> {
    let lists = Lists::load(&config.enrichment).context("[enrichment]")?;
    match command {
        ListsCommand::Show(show) => print_reports(&lists, show.json),
        ListsCommand::Find(find) => {
            let found = lists.find(&find.name);
            if found.is_empty() {
                eprintln!("no list says anything of {}", escape(&find.name));
                return Ok(ExitCode::FAILURE);
            }
            print_found(&found, find.json);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print_reports(lists: &Lists, as_json: bool) {
    let reports = lists.reports(SystemClock::new().now());
    if as_json {
        reports
            .iter()
            .for_each(|report| print_json(&summary(report)));
        return;
    }
    let row = |report: &ListReport| {
        vec![
            report.file.kind.as_str().to_owned(),
            report.file.path.display().to_string(),
            report.rows.to_string(),
            report.modified_at.rfc3339(),
            format!("{} s", report.age),
            report.digest.clone(),
        ]
    };
    let rows: Vec<_> = reports.iter().map(row).collect();
    print_table(
        &["LIST", "FILE", "ROWS", "WRITTEN", "AGE", "SHA-256"],
        &rows,
    );
}

fn summary(report: &ListReport) -> Value {
    json!({
        "list": report.file.kind.as_str(),
        "file": report.file.path.display().to_string(),
        "rows": report.rows,
        "written_at": report.modified_at.rfc3339(),
        "age_seconds": report.age,
        "sha256": report.digest,
    })
}

type Found<'a> = (&'a ListFile, Vec<(&'static str, &'a str)>);

fn print_found(found: &[Found<'_>], as_json: bool) {
    if as_json {
        for (file, cells) in found {
            let cells: serde_json::Map<_, _> = cells
                .iter()
                .map(|&(column, value)| (column.to_owned(), json!(value)))
                .collect();
            print_json(&json!({
                "list": file.kind.as_str(),
                "file": file.path.display().to_string(),
                "row": cells,
            }));
        }
        return;
    }
    let rows = found.iter().flat_map(|(file, cells)| {
        cells.iter().map(|(column, value)| {
            vec![
                file.to_string(),
                (*column).to_owned(),
                // In quotation marks: a list may hold what a spreadsheet would take for a formula.
                format!("{value:?}"),
            ]
        })
    });
    print_table(&["LIST", "COLUMN", "VALUE"], &rows.collect::<Vec<_>>());
}
