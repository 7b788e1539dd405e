//! `vaca attempts list|show|explain`: the decision record, for whoever asks "why was I denied".

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::cli::open_store;
use crate::cli::page::Page;
use crate::cli::text::{escape, print_json, print_table};
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::Config;
use crate::http::problem::table::row;
use crate::model::attempt::AttemptId;
use crate::model::identity::{DeviceId, Email};
use crate::model::problem_code::ProblemCode;
use crate::store::attempts::{Attempt, AttemptSearch, Outcome};
use crate::store::certificates::CertificateRow;

#[derive(Debug, Subcommand)]
pub(super) enum AttemptsCommand {
    /// The newest attempts that fit.
    List(Box<List>),
    /// One attempt: every check, what was expected, what was seen, what to do.
    Show(Show),
    /// The same in words, for the help desk: what happened, why, what to do; then the checks.
    Explain(Explain),
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// How far back, such as 30m, 12h or 7d; a search in a large record takes time.
    #[arg(long, value_name = "AGE", default_value = "7d", value_parser = age)]
    since: i64,
    /// The e-mail that was claimed.
    #[arg(long)]
    email: Option<String>,
    /// A device, by any of the ids that Google gave it; what was denied before Google answered names none.
    #[arg(long, value_name = "ID", value_parser = DeviceId::parse)]
    device: Option<DeviceId>,
    /// The profile's name.
    #[arg(long)]
    profile: Option<String>,
    /// How it ended.
    #[arg(long, value_enum)]
    outcome: Option<OutcomeArgument>,
    /// Why it was denied, such as developer_mode.
    #[arg(long, value_parser = code)]
    code: Option<ProblemCode>,
    #[command(flatten)]
    page: Page,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OutcomeArgument {
    /// With a certificate.
    Issued,
    /// With a refusal.
    Denied,
    /// Not yet.
    Open,
}

impl From<OutcomeArgument> for Outcome {
    fn from(argument: OutcomeArgument) -> Self {
        match argument {
            OutcomeArgument::Issued => Self::Issued,
            OutcomeArgument::Denied => Self::Denied,
            OutcomeArgument::Open => Self::Open,
        }
    }
}

/// Seconds of a number with `s`, `m`, `h` or `d` behind it.
pub(super) fn age(text: &str) -> Result<i64, String> {
    let wrong = || "an age is a number and s, m, h or d, such as 7d".to_owned();
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 60 * 60,
        Some('d') => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number = text.get(..text.len() - 1).unwrap_or_default();
    let number: u32 = number.parse().map_err(|_| wrong())?;
    Ok(i64::from(number) * unit)
}

fn code(text: &str) -> Result<ProblemCode, String> {
    ProblemCode::parse(text).ok_or_else(|| "no such code; docs/problems.md lists them".to_owned())
}

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The short id, as the Chromebook shows it; case, blanks and dashes do not matter.
    id: String,
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
    match command {
        AttemptsCommand::List(list) => print_list(config, &list).await?,
        AttemptsCommand::Show(show) => {
            let (attempt, certificate) = find(config, &show.id).await?;
            if show.json {
                print_json(&record(&attempt, certificate.as_ref()));
            } else {
                print(&attempt, certificate.as_ref());
            }
        }
        AttemptsCommand::Explain(Explain { id }) => {
            let (attempt, certificate) = find(config, &id).await?;
            let text = explain(&attempt, certificate.as_ref()).replace('\n', " ");
            println!("{}\n", escape(&text));
            print_checks(&attempt);
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn find(config: &Config, id: &str) -> anyhow::Result<(Attempt, Option<CertificateRow>)> {
    let id = AttemptId::parse(id)
        .context("an attempt's id is 8 letters and digits, such as 7K3M9QXT")?;
    let store = open_store(config).await?;
    let attempt = store
        .attempt(&id)
        .await?
        .with_context(|| format!("no attempt has the id {id}"))?;
    let certificate = store.certificate_of_attempt(attempt.row).await?;
    Ok((attempt, certificate))
}

async fn print_list(config: &Config, list: &List) -> anyhow::Result<()> {
    let search = AttemptSearch {
        since: SystemClock::new().now().minus(list.since),
        unverified_email: list.email.as_deref().map(str::to_ascii_lowercase),
        device: list.device.as_ref().map(|id| id.as_str().to_owned()),
        profile: list.profile.clone(),
        code: list.code,
        outcome: list.outcome.map(Outcome::from),
    };
    let store = open_store(config).await?;
    let attempts = store
        .attempts(&search, list.page.before, list.page.limit)
        .await
        .context("the search did not end; where it took too long, narrow it by --since")?;
    if list.page.json {
        attempts
            .iter()
            .for_each(|attempt| print_json(&summary(attempt)));
        return Ok(());
    }
    let rows: Vec<_> = attempts
        .iter()
        .map(|attempt| {
            vec![
                attempt.id.to_string(),
                attempt.binding.at.rfc3339(),
                outcome(attempt).to_owned(),
                attempt.binding.profile.clone(),
                claimed(attempt).to_owned(),
                attempt.peer.clone(),
            ]
        })
        .collect();
    print_table(
        &["ATTEMPT", "BOUND", "OUTCOME", "PROFILE", "CLAIMED", "FROM"],
        &rows,
    );
    list.page.print_rest(&attempts, |attempt| attempt.row);
    Ok(())
}

fn claimed(attempt: &Attempt) -> &str {
    attempt
        .binding
        .unverified_email
        .as_ref()
        .map_or("-", Email::as_str)
}

/// The code of a denial, else the state.
fn outcome(attempt: &Attempt) -> &'static str {
    attempt
        .code
        .map_or(attempt.state.as_str(), ProblemCode::as_str)
}

fn summary(attempt: &Attempt) -> Value {
    json!({
        "row": attempt.row,
        "attempt": attempt.id.as_str(),
        "bound_at": attempt.binding.at.rfc3339(),
        "state": attempt.state.as_str(),
        "code": attempt.code.map(ProblemCode::as_str),
        "profile": attempt.binding.profile,
        "unverified_email": attempt.binding.unverified_email.as_ref().map(Email::as_str),
        "peer": attempt.peer,
    })
}

/// One paragraph: who asked for what, what became of it, why, what to do.
fn explain(attempt: &Attempt, certificate: Option<&CertificateRow>) -> String {
    let binding = &attempt.binding;
    let whom = match &binding.unverified_email {
        Some(email) => format!("the user who says to be {}", email.as_str()),
        None => "a device".to_owned(),
    };
    let mut text = format!(
        "On {} {whom} asked from {} for a certificate of the profile {}.",
        binding.at, attempt.peer, binding.profile
    );
    match &attempt.verified_access {
        Some(answer) => text.push_str(&format!(" Verified Access answered: {answer}.")),
        None => text.push_str(" Verified Access has given no answer."),
    }
    match (attempt.code, certificate) {
        (Some(code), _) => text.push_str(&denied(attempt, code)),
        (None, Some(row)) => text.push_str(&format!(
            " The certificate {} was issued; it names {} and is good until {}.",
            row.serial, row.identity, row.validity.not_after
        )),
        (None, None) => text.push_str(
            " It has no outcome yet: the Chromebook asks again, and the service goes on where it stopped. \
             After 24 hours it ends by itself.",
        ),
    }
    text
}

fn denied(attempt: &Attempt, code: ProblemCode) -> String {
    let row = row(code);
    let mut text = format!(" It was denied ({}): {}", code.as_str(), row.meaning);
    let failed: Vec<_> = attempt
        .checks
        .iter()
        .filter(|check| !check.passed)
        .collect();
    for check in &failed {
        text.push_str(&format!(
            " The check {} wanted {:?} and saw {:?}. What to do: {}.",
            check.name,
            check.expected,
            check.seen,
            check.remedy.trim_end_matches('.')
        ));
        if let Some(message) = &check.message {
            text.push_str(&format!(" The rule tells the person: {message:?}."));
        }
    }
    if failed.is_empty() {
        text.push_str(&format!(" What to do: {}.", row.remedy));
    }
    text
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
        "retry_at": attempt.retry_at.map(Timestamp::rfc3339),
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
    let claimed = claimed(attempt);
    let time = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), Timestamp::rfc3339);
    let (finished, retry) = (time(attempt.finished_at), time(attempt.retry_at));
    let lines = [
        ("attempt", attempt.id.as_str()),
        ("outcome", &outcome),
        ("profile", &attempt.binding.profile),
        ("scope", attempt.binding.scope.as_str()),
        ("claimed e-mail", claimed),
        ("from", &attempt.peer),
        ("bound", &attempt.binding.at.rfc3339()),
        ("finished", &finished),
        ("waits until", &retry),
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
    print_checks(attempt);
}

fn print_checks(attempt: &Attempt) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_a_unit() {
        assert_eq!(age("90s"), Ok(90));
        assert_eq!(age("30m"), Ok(1800));
        assert_eq!(age("7d"), Ok(604_800));
        for wrong in [
            "",
            "7",
            "d",
            "-7d",
            "7w",
            "yesterday",
            "7\u{fc}",
            "99999999999d",
        ] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }
}
