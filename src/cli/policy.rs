//! `vaca policy test`: what the profiles of this configuration say, before they say it to anybody.
//! Hand-written cases are held against what they expect, recorded attempts against what was decided.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use serde::Deserialize;

use crate::cli::attempts::age;
use crate::cli::open_store;
use crate::cli::progress::Progress;
use crate::cli::text::{count, escape, print_table};
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::Config;
use crate::enrichment::{self, HolderNames, Lists};
use crate::model::attempt::AttemptId;
use crate::model::facts::{Check, FACTS_VERSION, Facts, KeyAlgorithm, KeyTrustLevel};
use crate::model::identity::{DeviceId, Domain, Email, InvalidIdentity, VerifiedIdentity};
use crate::model::listing::AllowListing;
use crate::model::profile::CertificateProfile;
use crate::model::rule::Rule;
use crate::policy::{self, Decision};
use crate::store::attempts::{Attempt, AttemptSearch};

/// Attempts that are read at once.
const PAGE: u32 = 1000;
/// Attempts that are named for each kind of change.
const EXAMPLES: usize = 3;

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Try this configuration's profiles on cases and on recorded attempts. Ends with 1 where a case
    /// does not hold or an attempt would be decided otherwise.
    Test(Test),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct Test {
    /// Cases: facts and what is expected of them (docs/policy.md).
    cases: Option<PathBuf>,
    /// Recorded attempts too, that far back, such as 12h or 7d.
    #[arg(long, value_name = "AGE", value_parser = age)]
    since: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

/// One case. The key's facts are good where they are left out; everything else is not known then.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    profile: String,
    /// `approved`, or the name of the first check that fails.
    expect: String,
    #[serde(default)]
    facts: CaseFacts,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CaseFacts {
    email: Option<String>,
    domain: Option<String>,
    customer_id: Option<String>,
    device_permanent_id: Option<String>,
    virtual_device_id: Option<String>,
    device_enrollment_id: Option<String>,
    attested_device_id: Option<String>,
    key_trust_level: Option<KeyTrustLevel>,
    key_algorithm: Option<KeyAlgorithm>,
    time: Option<Timestamp>,
    device_serial_number: Option<String>,
    asset_id: Option<String>,
    organizational_unit: Option<String>,
    sid: Option<String>,
    live_certificates: Option<u32>,
}

impl CaseFacts {
    /// In the form in which the service holds names.
    fn complete(
        self,
        profile: &CertificateProfile,
        now: Timestamp,
    ) -> Result<Facts, InvalidIdentity> {
        let email = self.email.as_deref().map(Email::parse).transpose()?;
        let domain = self.domain.as_deref().map(Domain::parse).transpose()?;
        let domain = domain.as_ref().map(Domain::as_str);
        let domain = domain
            .or(email.as_ref().map(Email::domain))
            .or(profile.first_domain().map(Domain::as_str));
        Ok(Facts {
            version: FACTS_VERSION,
            profile: profile.name.clone(),
            scope: profile.scope,
            domain: domain.unwrap_or_default().to_owned(),
            email: email.as_ref().map(|email| email.as_str().to_owned()),
            customer_id: self.customer_id,
            device_permanent_id: self.device_permanent_id,
            virtual_device_id: self.virtual_device_id,
            device_enrollment_id: self.device_enrollment_id,
            attested_device_id: self.attested_device_id,
            key_trust_level: self
                .key_trust_level
                .unwrap_or(KeyTrustLevel::ChromeOsVerifiedMode),
            key_algorithm: self.key_algorithm.unwrap_or(KeyAlgorithm::Ecdsa),
            time: Some(self.time.unwrap_or(now)),
            device_serial_number: self.device_serial_number,
            asset_id: self.asset_id,
            organizational_unit: self.organizational_unit,
            sid: self.sid,
            live_certificates: self.live_certificates,
            blocked_by_list: None,
            allowed_by_list: None,
        })
    }
}

pub(super) async fn run(config: &Config, command: PolicyCommand) -> anyhow::Result<ExitCode> {
    let PolicyCommand::Test(test) = command;
    let now = SystemClock::new().now();
    let mut holds = true;
    let lists = Lists::load(&config.enrichment).context("[enrichment]")?;
    if let Some(file) = &test.cases {
        holds &= try_cases(config, &lists, file, now)?;
    }
    if let Some(age) = test.since {
        holds &= try_attempts(config, &lists, now.minus(age)).await?;
    }
    Ok(if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The profile of this name.
pub(super) fn profile<'a>(config: &'a Config, name: &str) -> Option<&'a CertificateProfile> {
    config.profiles.iter().find(|profile| profile.name == name)
}

/// The first check that failed, by name.
fn first_failed(checks: &[Check]) -> Option<&str> {
    let failed = checks.iter().find(|check| !check.passed);
    failed.map(|check| check.name.as_str())
}

fn verdict(decision: &Decision) -> String {
    first_failed(decision.checks())
        .unwrap_or("approved")
        .to_owned()
}

fn try_cases(config: &Config, lists: &Lists, file: &Path, now: Timestamp) -> anyhow::Result<bool> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let cases: Cases =
        toml::from_str(&text).with_context(|| format!("{} is no file of cases", file.display()))?;
    let total = cases.case.len();
    ensure!(total > 0, "{} holds no case", file.display());
    let mut wrong = Vec::new();
    for case in cases.case {
        let profile = profile(config, &case.profile).with_context(|| {
            format!(
                "case {:?}: no profile is named {:?}",
                case.name, case.profile
            )
        })?;
        let mut facts = case
            .facts
            .complete(profile, now)
            .with_context(|| format!("case {:?}", case.name))?;
        facts.blocked_by_list = lists.blocking(HolderNames::of_facts(&facts));
        facts.allowed_by_list = lists.allowing(&profile.allow, HolderNames::of_facts(&facts));
        let decision = policy::evaluate(&facts, profile);
        let seen = verdict(&decision);
        if seen != case.expect {
            let failed = decision.checks().iter().find(|check| !check.passed);
            let why = failed.map_or(String::new(), |check| check.seen.clone());
            wrong.push(vec![case.name, case.expect, seen, why]);
        }
    }
    println!("{}, {} wrong", count(total, "case"), wrong.len());
    if !wrong.is_empty() {
        print_table(&["CASE", "EXPECTED", "DECIDED", "SEEN"], &wrong);
    }
    Ok(wrong.is_empty())
}

/// Attempts that would be decided otherwise, for one reason.
#[derive(Default)]
struct Change {
    attempts: u64,
    examples: Vec<AttemptId>,
}

/// What was decided, what would be, and by which check.
type Changes = BTreeMap<(&'static str, String), Change>;

/// What the recorded attempts came to.
#[derive(Default)]
struct Trial {
    tried: u64,
    /// Decided, and left out because digests stand for what they were decided on.
    shortened: u64,
    /// Decided, and left out because a rule asks for a count that nobody kept.
    uncounted: u64,
    changes: Changes,
}

async fn try_attempts(config: &Config, lists: &Lists, since: Timestamp) -> anyhow::Result<bool> {
    let store = open_store(config).await?;
    let search = AttemptSearch {
        since,
        unverified_email: None,
        device: None,
        profile: None,
        code: None,
        outcome: None,
    };
    let total = store.count_attempts(since).await?;
    let mut progress = Progress::of(total, "attempts");
    let (mut trial, mut before) = (Trial::default(), None);
    loop {
        let page = store.attempts(&search, before, PAGE).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.row);
        for attempt in &page {
            try_attempt(config, lists, attempt, &mut trial)?;
        }
        progress.add(page.len());
    }
    progress.end();
    Ok(trial.tell(since))
}

impl Trial {
    /// Whether nothing would change.
    fn tell(self, since: Timestamp) -> bool {
        let changed: u64 = self.changes.values().map(|change| change.attempts).sum();
        let tried = self.tried;
        println!("{tried} recorded decisions since {since}, {changed} would change");
        if self.shortened > 0 {
            let left_out = self.shortened;
            println!("{left_out} older ones are left out: their personal data was shortened");
        }
        if self.uncounted > 0 {
            let left_out = self.uncounted;
            println!(
                "{left_out} are left out: a rule names live_certificates, which was not counted then"
            );
        }
        let rows: Vec<_> = self
            .changes
            .into_iter()
            .map(|((change, check), of)| {
                let examples: Vec<_> = of.examples.iter().map(AttemptId::as_str).collect();
                let examples = examples.join(" ");
                vec![change.to_owned(), check, of.attempts.to_string(), examples]
            })
            .collect();
        if !rows.is_empty() {
            print_table(&["CHANGE", "BY", "ATTEMPTS", "SUCH AS"], &rows);
        }
        rows.is_empty()
    }
}

/// What a list said then stands in the facts; a list that the profile did not name then is asked now.
fn allow_by_list(facts: &mut Facts, profile: &CertificateProfile, lists: &Lists) {
    let now = lists.allowing(&profile.allow, HolderNames::of_facts(facts));
    let file =
        |listing: &Option<AllowListing>| listing.as_ref().map(|listing| listing.file.clone());
    if file(&now) != file(&facts.allowed_by_list) {
        facts.allowed_by_list = now;
    }
}

/// Decides an attempt again on which policy had decided, with what the lists of this configuration say
/// of its identity.
fn try_attempt(
    config: &Config,
    lists: &Lists,
    attempt: &Attempt,
    trial: &mut Trial,
) -> anyhow::Result<()> {
    // On digests no rule about names decides as it did.
    if attempt.shortened.is_some() {
        let mut checks = attempt.checks.iter();
        trial.shortened += u64::from(checks.any(|check| policy::is_check(&check.name)));
        return Ok(());
    }
    let Some(facts) = &attempt.facts else {
        return Ok(());
    };
    let mut facts: Facts = serde_json::from_str(facts)
        .with_context(|| format!("the facts of {} are of another version", attempt.id))?;
    let tried = profile(config, &attempt.binding.profile);
    // A webhook is not asked about what is over: what it said then stands.
    let asks = tried.is_some_and(|profile| profile.webhook.is_some());
    if let Some(identity) = identity(&facts).filter(|_| !asks) {
        enrichment::supply(&mut facts, lists.look_up(&identity));
    }
    let counts = |profile: &CertificateProfile| profile.rules.iter().any(Rule::counts_certificates);
    if facts.live_certificates.is_none() && tried.is_some_and(counts) {
        trial.uncounted += 1;
        return Ok(());
    }
    trial.tried += 1;
    let then = attempt
        .checks
        .iter()
        .find(|check| !check.passed && policy::is_check(&check.name));
    let then = then.map(|check| check.name.as_str());
    let change = match tried {
        None => Some(("the profile is gone", attempt.binding.profile.clone())),
        Some(profile) => {
            allow_by_list(&mut facts, profile, lists);
            let decision = policy::evaluate(&facts, profile);
            match (then, first_failed(decision.checks())) {
                (None, Some(now)) => Some(("approved by policy, now refused", now.to_owned())),
                (Some(then), None) => Some(("refused by policy, now approved", then.to_owned())),
                _ => None,
            }
        }
    };
    if let Some((change, check)) = change {
        let change = trial.changes.entry((change, escape(&check))).or_default();
        change.attempts += 1;
        if change.examples.len() < EXAMPLES {
            change.examples.push(attempt.id.clone());
        }
    }
    Ok(())
}

/// Whom facts are about.
fn identity(facts: &Facts) -> Option<VerifiedIdentity> {
    match (&facts.email, &facts.device_permanent_id) {
        (Some(email), _) => Some(VerifiedIdentity::User {
            email: Email::parse(email).ok()?,
        }),
        (None, Some(id)) => Some(VerifiedIdentity::Device {
            device_permanent_id: DeviceId::parse(id).ok()?,
            domain: Domain::parse(&facts.domain).ok()?,
        }),
        (None, None) => None,
    }
}
