//! `vaca webhook try`: what a webhook would answer, before devices depend on it.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::attestation::{SealedVerdict, VerifiedDevice};
use crate::cli::attempts::find;
use crate::cli::open_store;
use crate::cli::policy::profile;
use crate::cli::text::{escape, one_line, print_json, print_table};
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::csr;
use crate::enrichment::webhook::{Answer, Question, Subject, Unanswered, Webhook};
use crate::enrichment::{self, Circumstances, Lists, Supplied};
use crate::model::facts::{Check, Facts};
use crate::model::profile::CertificateProfile;
use crate::model::rule::Rule;
use crate::policy;
use crate::random::SystemRandom;
use crate::server::{load_deployment_key, load_webhook};
use crate::store::attempts::Attempt;

#[derive(Debug, Subcommand)]
pub(super) enum WebhookCommand {
    /// Ask a webhook about a recorded attempt, as a trial. The record stays as it is. Ends with 1
    /// where it objects, or gives no answer that counts.
    Try(Try),
}

#[derive(Debug, Args)]
pub(super) struct Try {
    /// The webhook's name; no profile need name it yet.
    name: String,
    /// The attempt to ask about: its short id, as the Chromebook shows it.
    #[arg(long, value_name = "ID")]
    attempt: String,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: &Config, command: WebhookCommand) -> anyhow::Result<ExitCode> {
    let WebhookCommand::Try(arguments) = command;
    let webhook = webhook(config, &arguments.name)?;
    let (attempt, _) = find(config, &arguments.attempt).await?;
    let profile = profile(config, &attempt.binding.profile).with_context(|| {
        format!(
            "no [[profile]] is named {:?} any more",
            attempt.binding.profile
        )
    })?;
    let device = verdict(config, &attempt)?;
    let key = csr::prove(&device)
        .map_err(|refusal| anyhow::anyhow!("{}", refusal.code.as_str()))
        .context("no webhook was asked about this attempt, for its key is refused before")?;
    let circumstances = circumstances(config, &attempt, &device, profile).await?;
    let facts = enrichment::gather(&device, &key, profile, circumstances);
    let subject = Subject {
        attempt: attempt.id.as_str(),
        device: &device,
        key: &key,
        facts: &facts,
    };
    let now = SystemClock::new().now();
    let question = Question::about(&subject, now, &SystemRandom)?.as_trial();
    let outcome = webhook.put(&question).await;
    let trial = Trial {
        webhook: webhook.name(),
        question: &question,
        decided: decide(&facts, &outcome, profile),
        outcome: &outcome,
    };
    if arguments.json {
        print_json(&trial.json());
    } else {
        trial.print()?;
    }
    Ok(match outcome {
        Ok(Answer { allow: true, .. }) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn webhook(config: &Config, name: &str) -> anyhow::Result<Webhook> {
    let settings = config.webhooks.iter().find(|one| one.name == name);
    let settings = settings.with_context(|| {
        let names: Vec<_> = config
            .webhooks
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        let there = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        };
        format!("no [[webhook]] is named {name:?}; there is: {there}")
    })?;
    load_webhook(settings)
}

/// What Verified Access said, as it was kept.
fn verdict(config: &Config, attempt: &Attempt) -> anyhow::Result<VerifiedDevice> {
    let id = &attempt.id;
    if let Some(shortened) = &attempt.shortened {
        bail!(
            "what was asked about {id} is no longer recorded: its personal data was shortened on {}, digests stand for e-mail and device ids, and the attested request is gone; take a younger attempt",
            shortened.at
        );
    }
    let Some((json, tag)) = &attempt.unverified_verdict else {
        bail!(
            "no webhook was ever asked about {id}: Verified Access did not vouch for it; `vaca attempts explain {id}` says why"
        );
    };
    let key = load_deployment_key(&config.deployment_key_file)?;
    Ok(SealedVerdict::reopen(json, tag, &attempt.binding, &key)?)
}

/// What would be known of the attempt if it came now: lists and counts as they stand.
async fn circumstances(
    config: &Config,
    attempt: &Attempt,
    device: &VerifiedDevice,
    profile: &CertificateProfile,
) -> anyhow::Result<Circumstances> {
    let lists = Lists::load(&config.enrichment).context("[enrichment]")?;
    let mut circumstances = Circumstances::listed(&lists, attempt.binding.at, device, profile);
    if profile.rules.iter().any(Rule::counts_certificates) {
        let (store, now) = (open_store(config).await?, SystemClock::new().now());
        let counted = store
            .live_certificates(&device.identity().key(), &profile.name, attempt.row, now)
            .await?;
        circumstances.live_certificates = Some(counted);
    }
    Ok(circumstances)
}

/// What policy would say then; `None` where it would not be asked.
fn decide(
    facts: &Facts,
    outcome: &Result<Answer, Unanswered>,
    profile: &CertificateProfile,
) -> Option<Vec<Check>> {
    let answer = outcome.as_ref().ok().filter(|answer| answer.allow)?;
    let mut facts = facts.clone();
    let known = Supplied::of(&facts);
    enrichment::supply(&mut facts, answer.supplied.clone().or(known));
    Some(policy::evaluate(&facts, profile).checks().to_vec())
}

/// What was asked, and what came of it.
struct Trial<'a> {
    webhook: &'a str,
    question: &'a Question<'a>,
    outcome: &'a Result<Answer, Unanswered>,
    decided: Option<Vec<Check>>,
}

impl Trial<'_> {
    fn json(&self) -> Value {
        let answer = self.outcome.as_ref().ok().map(|answer| {
            let facts: serde_json::Map<_, _> = supplied(&answer.supplied)
                .into_iter()
                .map(|(name, value)| (name.to_owned(), json!(value)))
                .collect();
            json!({ "allow": answer.allow, "message": answer.message, "facts": facts })
        });
        json!({
            "webhook": self.webhook,
            "question": self.question,
            "answer": answer,
            "problem": self.outcome.as_ref().err().map(ToString::to_string),
            "policy": self.decided,
        })
    }

    fn print(&self) -> anyhow::Result<()> {
        println!(
            "a trial: {} is asked, and the record stays as it is\n",
            self.webhook
        );
        let question = serde_json::to_string_pretty(self.question)?;
        println!("{}\n", escape(&question));
        let answer = match self.outcome {
            Ok(answer) => answer,
            Err(problem) => {
                println!(
                    "no answer that counts: {}\na device would be told webhook_unavailable, and come back with the same bytes",
                    one_line(&problem.to_string())
                );
                return Ok(());
            }
        };
        if !answer.allow {
            println!("it objects: a device would be told refused_by_webhook");
            // In quotation marks, like the values below: a spreadsheet would take some for formulae.
            let message = answer
                .message
                .as_ref()
                .map(|message| format!("{message:?}"));
            let message = message.unwrap_or_else(|| "no message of its own".to_owned());
            println!("the person would read: {}", escape(&message));
            return Ok(());
        }
        println!("it has no objection");
        let facts = supplied(&answer.supplied);
        if facts.is_empty() {
            println!("it adds no facts");
        } else {
            let row = |(name, value): (&str, &str)| vec![name.to_owned(), format!("{value:?}")];
            print_table(
                &["FACT", "VALUE"],
                &facts.into_iter().map(row).collect::<Vec<_>>(),
            );
        }
        self.print_decision();
        Ok(())
    }

    fn print_decision(&self) {
        let checks = self.decided.iter().flatten();
        let failed: Vec<_> = checks
            .filter(|check| !check.passed)
            .map(|check| vec![check.name.clone(), check.seen.clone(), check.remedy.clone()])
            .collect();
        if failed.is_empty() {
            println!("policy would approve");
        } else {
            println!("policy would refuse all the same:");
            print_table(&["CHECK", "SEEN", "REMEDY"], &failed);
        }
    }
}

/// What an answer adds, by the names of its members.
fn supplied(supplied: &Supplied) -> Vec<(&'static str, &str)> {
    let Supplied {
        device_serial_number,
        asset_id,
        organizational_unit,
        sid,
    } = supplied;
    let all = [
        ("device_serial_number", device_serial_number),
        ("asset_id", asset_id),
        ("organizational_unit", organizational_unit),
        ("sid", sid),
    ];
    let known = all
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)));
    known.collect()
}
