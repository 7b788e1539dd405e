//! `vaca paused list|release`: who has to wait after denials in a row.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cli::open_store;
use crate::cli::page::Page;
use crate::cli::text::{count, escape, print_json, print_table};
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::model::actor::Actor;
use crate::model::identity::{DeviceId, Email};
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

/// The text under which an identity is counted.
fn identity(text: &str) -> Result<String, String> {
    let user = |email| Email::parse(email).map(|email| format!("user:{}", email.as_str()));
    let device = |id| DeviceId::parse(id).map(|id| format!("device:{}", id.as_str()));
    let parsed = if let Some(email) = text.strip_prefix("user:") {
        user(email)
    } else if let Some(id) = text.strip_prefix("device:") {
        device(id)
    } else if text.contains('@') {
        user(text)
    } else {
        device(text)
    };
    parsed.map_err(|error| error.to_string())
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
    json!({
        "row": row.row,
        "identity": row.identity,
        "since": row.pause.since.rfc3339(),
        "until": row.pause.until.rfc3339(),
        "denials": row.pause.denials,
        "code": row.pause.code.as_str(),
        "attempt": row.pause.attempt.as_str(),
    })
}

fn print_released(released: &PausedIdentity) {
    let denials = usize::try_from(released.pause.denials).unwrap_or(usize::MAX);
    println!(
        "{} need not wait any more: {} in a row forgotten, the last {} ({})",
        escape(&released.identity),
        count(denials, "denial"),
        released.pause.code.as_str(),
        released.pause.attempt,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_listed_or_typed_is_the_same() {
        for (text, who) in [
            ("user:alice@example.com", "user:alice@example.com"),
            ("Alice@Example.com", "user:alice@example.com"),
            ("device:1a2B", "device:1a2B"),
            ("1a2B", "device:1a2B"),
        ] {
            assert_eq!(identity(text).as_deref(), Ok(who), "{text}");
        }
        for text in [
            "",
            "user:",
            "user:alice",
            "device:",
            "device:a@b",
            "a b",
            "group:x",
        ] {
            assert!(identity(text).is_err(), "{text}");
        }
    }
}
