//! `vaca attempts show`: the decision record, for whoever asks "why was I denied".

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cli::text::{escape, print_json, print_table};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::model::attempt::AttemptId;
use crate::model::identity::Email;
use crate::model::problem_code::ProblemCode;
use crate::store::Store;
use crate::store::attempts::Attempt;
use crate::store::certificates::CertificateRow;

#[derive(Debug, Subcommand)]
pub(super) enum AttemptsCommand {
    /// One attempt: every check, what was expected, what was seen, what to do.
    Show(Show),
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The short id, as the Chromebook shows it; case, blanks and dashes do not matter.
    id: String,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: &Config, command: AttemptsCommand) -> anyhow::Result<ExitCode> {
    let AttemptsCommand::Show(show) = command;
    let id = AttemptId::parse(&show.id)
        .context("an attempt's id is 8 letters and digits, such as 7K3M9QXT")?;
    let store = Store::open(&config.database)
        .await
        .with_context(|| format!("cannot open the database {}", config.database))?;
    let attempt = store
        .attempt(&id)
        .await?
        .with_context(|| format!("no attempt has the id {id}"))?;
    let certificate = store.certificate_of_attempt(attempt.row).await?;
    if show.json {
        print_json(&record(&attempt, certificate.as_ref()));
    } else {
        print(&attempt, certificate.as_ref());
    }
    Ok(ExitCode::SUCCESS)
}

fn record(attempt: &Attempt, certificate: Option<&CertificateRow>) -> Value {
    let facts = attempt
        .facts
        .as_deref()
        .and_then(|facts| serde_json::from_str::<Value>(facts).ok());
    json!({
        "attempt": attempt.id.as_str(),
        "state": attempt.state.as_str(),
        "code": attempt.code.map(ProblemCode::as_str),
        "profile": attempt.binding.profile,
        "profile_hash": attempt.binding.profile_hash.to_string(),
        "scope": attempt.binding.scope.as_str(),
        "unverified_email": attempt.binding.unverified_email.as_ref().map(Email::as_str),
        "peer": attempt.peer,
        "bound_at": attempt.binding.at.rfc3339(),
        "finished_at": attempt.finished_at.map(Timestamp::rfc3339),
        "verified_access": attempt.verified_access,
        "facts": facts,
        "checks": attempt.checks,
        "serial_number": certificate.map(|row| row.serial.to_string()),
    })
}

fn print(attempt: &Attempt, certificate: Option<&CertificateRow>) {
    let outcome = match (attempt.code, certificate) {
        (Some(code), _) => format!("denied: {}", code.as_str()),
        (None, Some(row)) => format!("issued {}", row.serial),
        (None, None) => format!("unfinished ({})", attempt.state.as_str()),
    };
    let claimed = attempt
        .binding
        .unverified_email
        .as_ref()
        .map_or("-", Email::as_str);
    let finished = attempt
        .finished_at
        .map_or_else(|| "-".to_owned(), Timestamp::rfc3339);
    let lines = [
        ("attempt", attempt.id.as_str()),
        ("outcome", &outcome),
        ("profile", &attempt.binding.profile),
        ("scope", attempt.binding.scope.as_str()),
        ("claimed e-mail", claimed),
        ("from", &attempt.peer),
        ("bound", &attempt.binding.at.rfc3339()),
        ("finished", &finished),
        (
            "verified access",
            attempt
                .verified_access
                .as_deref()
                .unwrap_or("not asked, or no answer"),
        ),
    ];
    for (name, value) in lines {
        println!("{name:<16} {}", escape(value));
    }
    println!();
    let rows: Vec<_> = attempt
        .checks
        .iter()
        .map(|check| {
            let verdict = if check.passed { "ok" } else { "FAILED" };
            vec![
                check.name.clone(),
                verdict.to_owned(),
                check.expected.clone(),
                check.seen.clone(),
                check.remedy.clone(),
            ]
        })
        .collect();
    print_table(&["CHECK", "", "EXPECTED", "SEEN", "REMEDY"], &rows);
}
