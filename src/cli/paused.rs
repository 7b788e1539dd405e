//! `vaca paused list|release`: who has to wait after denials in a row.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::cli::open_store;
use crate::cli::page::{Page, numbered};
use crate::cli::text::{count, one_line, print_json, print_table};
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::http::admin::views::paused::PausedView;
use crate::model::actor::Actor;
use crate::model::pause::identity_of;
use crate::store::pauses::{PausedIdentity, ReleasePaused};

#[derive(Debug, Subcommand)]
pub(super) enum PausedCommand {
    /// Users and devices that were told to wait, until a day after the end of their wait.
    List(List),
    /// End a wait and forget the denials that led to it.
    Release(Release),
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    page: Page,
}

#[derive(Debug, Args)]
pub(super) struct Release {
    /// Who: `user:EMAIL` or `device:ID`, as the list shows it; an e-mail or a device's id alone will do.
    #[arg(value_parser = identity)]
    identity: String,
}

fn identity(text: &str) -> Result<String, String> {
    identity_of(text).map_err(|error| error.to_string())
}

pub(super) async fn run(config: &Config, command: PausedCommand) -> anyhow::Result<ExitCode> {
    let store = open_store(config).await?;
    match command {
        PausedCommand::List(List { page }) => {
            let rows = store.paused_identities(page.before, page.limit).await?;
            if page.json {
                rows.iter().for_each(|row| print_json(&summary(row)));
            } else {
                print_list(&rows);
                page.print_rest(&rows, |row| row.row);
            }
        }
        PausedCommand::Release(Release { identity }) => {
            let release = ReleasePaused {
                identity: identity.clone(),
                actor: Actor::CommandLine,
                now: SystemClock::new().now(),
            };
            let released = store.write(release).await;
            store.close().await;
            let released = released?.with_context(|| {
                format!("{identity} is not paused: `vaca paused list` shows who is")
            })?;
            print_released(&released);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print_list(rows: &[PausedIdentity]) {
    let cells = rows.iter().map(|row| {
        vec![
            row.identity.clone(),
            row.pause.since.rfc3339(),
            row.pause.until.rfc3339(),
            row.pause.denials.to_string(),
            row.pause.code.as_str().to_owned(),
            row.pause.attempt.to_string(),
        ]
    });
    print_table(
        &["WHO", "SINCE", "UNTIL", "DENIALS", "LAST", "ATTEMPT"],
        &cells.collect::<Vec<_>>(),
    );
}

fn summary(row: &PausedIdentity) -> Value {
    numbered(row.row, &PausedView::of(row))
}

fn print_released(released: &PausedIdentity) {
    let denials = usize::try_from(released.pause.denials).unwrap_or(usize::MAX);
    println!(
        "{} need not wait any more: {} in a row forgotten, the last {} ({})",
        one_line(&released.identity),
        count(denials, "denial"),
        released.pause.code.as_str(),
        released.pause.attempt,
    );
}
