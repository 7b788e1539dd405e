//! `vaca attempts list|show|explain`: the decision record, for whoever asks "why was I denied".

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::cli::open_store;
use crate::cli::page::{Page, numbered};
use crate::cli::text::{escape, one_line, print_json, print_table};
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::Config;
use crate::http::admin::views::attempt::{
    AttemptRecord, AttemptSummary, Explanation, brief, claimed, shortened_at,
};
use crate::model::attempt::AttemptId;
use crate::model::identity::DeviceId;
use crate::model::problem_code::ProblemCode;
use crate::model::span;
use crate::server::load_deployment_key;
use crate::store::attempts::{Attempt, AttemptSearch, Outcome, Sought};
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
    span::seconds(text).map_err(|error| format!("an age {error}"))
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
                print_json(&json!(AttemptRecord::of(&attempt, certificate.as_ref())));
            } else {
                print(&attempt, certificate.as_ref());
            }
        }
        AttemptsCommand::Explain(Explain { id }) => {
            let (attempt, certificate) = find(config, &id).await?;
            let explanation = Explanation::of(&attempt, certificate.as_ref());
            println!("{}\n", one_line(&explanation.text));
            print_checks(&attempt);
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn find(
    config: &Config,
    id: &str,
) -> anyhow::Result<(Attempt, Option<CertificateRow>)> {
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
    let (email, device) = sought(config, list);
    let search = AttemptSearch {
        since: SystemClock::new().now().minus(list.since),
        unverified_email: email,
        device,
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
                claimed(attempt).map_or("-".to_owned(), |email| brief(attempt, email)),
                brief(attempt, &attempt.peer),
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

/// E-mail and device as they stand in a record, old or new. Whoever may not read the deployment key
/// still finds what was not shortened.
fn sought(config: &Config, list: &List) -> (Option<Sought>, Option<Sought>) {
    if list.email.is_none() && list.device.is_none() {
        return (None, None);
    }
    let key = load_deployment_key(&config.deployment_key_file)
        .inspect_err(|error| {
            let why = escape(&format!("{error:#}"));
            eprintln!("vaca: attempts that were shortened are not searched: {why}");
        })
        .ok();
    let sought = |value: &str| Sought::new(value, key.as_ref());
    let device = list.device.as_ref().map(|id| sought(id.as_str()));
    (list.email.as_deref().map(sought), device)
}

/// The code of a denial, else the state.
fn outcome(attempt: &Attempt) -> &'static str {
    attempt
        .code
        .map_or(attempt.state.as_str(), ProblemCode::as_str)
}

fn summary(attempt: &Attempt) -> Value {
    numbered(attempt.row, &AttemptSummary::of(attempt))
}

fn print(attempt: &Attempt, certificate: Option<&CertificateRow>) {
    let outcome = match (attempt.code, certificate) {
        (Some(code), _) => format!("denied: {}", code.as_str()),
        (None, Some(row)) => format!("issued {}", row.serial),
        (None, None) => format!("unfinished ({})", attempt.state.as_str()),
    };
    let claimed = claimed(attempt).unwrap_or("-");
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
        println!("{name:<16} {}", one_line(value));
    }
    if let Some(at) = shortened_at(attempt) {
        println!(
            "{:<16} shortened on {at}: digests stand for values",
            "personal data"
        );
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
            let rule = check.rule_hash.as_deref().unwrap_or_default();
            vec![
                check.name.clone(),
                verdict.to_owned(),
                check.expected.clone(),
                check.seen.clone(),
                check.remedy.clone(),
                rule.get(..16).unwrap_or(rule).to_owned(),
            ]
        })
        .collect();
    let ruled = attempt.checks.iter().any(|check| check.rule_hash.is_some());
    let last = if ruled { "RULE" } else { "" };
    print_table(&["CHECK", "", "EXPECTED", "SEEN", "REMEDY", last], &rows);
}
