//! `vaca revoke`: certificates that open nothing any more.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::Args;

use crate::cli::open_store;
use crate::cli::progress::Progress;
use crate::cli::text::{escape, print_json, print_table};
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::Config;
use crate::http::admin::views::revocation::{DoneView, PlanView};
use crate::model::actor::Actor;
use crate::model::certificate::IssuerId;
use crate::model::identity::{DeviceId, Email};
use crate::model::revocation::RevocationReason;
use crate::model::serial::SerialNumber;
use crate::model::span;
use crate::revocation::{Done, Filter, NotRevoked, Office, Order, Plan, Selection, plan};
use crate::server::{issuer_named, load_deployment_key};

#[derive(Debug, Args)]
pub(super) struct Revoke {
    /// A certificate's number, or ISSUER/NUMBER; may stand several times.
    #[arg(long, value_name = "NUMBER")]
    serial: Vec<String>,
    /// A file of numbers, one a line; blank lines and lines that begin with # do not count.
    #[arg(long, value_name = "FILE")]
    serials_file: Option<PathBuf>,
    /// A device's certificates, by any id that Google gave it, and its users' where Google linked them.
    #[arg(long, value_name = "ID", value_parser = device)]
    device: Option<DeviceId>,
    /// A user's certificates, on every device.
    #[arg(long, value_parser = email)]
    email: Option<Email>,
    /// Only of this profile.
    #[arg(long)]
    profile: Option<String>,
    /// Only of this issuer: its configured name, or its 16 digits.
    #[arg(long)]
    issuer: Option<String>,
    /// Only what was issued then or later: 2027-01-15T08:00:00Z, or an age such as 7d.
    #[arg(long, value_name = "TIME")]
    issued_from: Option<String>,
    /// Only what was issued then or earlier.
    #[arg(long, value_name = "TIME")]
    issued_until: Option<String>,
    /// Why: unspecified, key_compromise, affiliation_changed, superseded, cessation_of_operation,
    /// privilege_withdrawn, ca_compromise (RFC 5280, section 5.3.1).
    #[arg(long, value_parser = reason)]
    reason: RevocationReason,
    /// Block the device, and the user named by --email, whatever the configuration says of the reason.
    #[arg(long, conflicts_with = "no_block")]
    block: bool,
    /// Block nobody.
    #[arg(long)]
    no_block: bool,
    /// Only show what would be hit.
    #[arg(long)]
    dry_run: bool,
    /// The digest that a dry run showed, where so many need one.
    #[arg(long, value_name = "DIGEST")]
    confirm: Option<String>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

fn device(text: &str) -> Result<DeviceId, String> {
    DeviceId::parse(text).map_err(|error| error.to_string())
}

fn email(text: &str) -> Result<Email, String> {
    Email::parse(text).map_err(|error| error.to_string())
}

fn reason(text: &str) -> Result<RevocationReason, String> {
    RevocationReason::parse(text).map_err(|error| error.to_string())
}

pub(super) async fn run(config: &Config, revoke: Revoke) -> anyhow::Result<ExitCode> {
    let now = SystemClock::new().now();
    let order = Order {
        selection: revoke.selection(config, now)?,
        reason: revoke.reason,
        actor: Actor::CommandLine,
        block: (revoke.block || revoke.no_block).then_some(revoke.block),
        confirmed: revoke.confirm.clone(),
    };
    let key = load_deployment_key(&config.deployment_key_file)?;
    let store = open_store(config).await?;
    let office = Office {
        store: &store,
        key: &key,
        policy: &config.revocation,
        now,
    };
    let planned = plan(&office, &order).await?;
    ensure!(
        planned.missing.is_empty(),
        "no certificate has the number {}: nothing was revoked (`vaca certificates identify FILE` takes one that the record does not know)",
        planned.missing.join(", ")
    );
    if revoke.dry_run {
        let view = PlanView::of(&planned, office.share().await?, order.reason);
        if revoke.json {
            print_json(&serde_json::to_value(view)?);
        } else {
            show(&view);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let done = carry_out(&office, &order, planned.clone()).await;
    store.close().await;
    let view = DoneView::of(&done?);
    if revoke.json {
        print_json(&serde_json::to_value(view)?);
    } else {
        tell(&view, &planned);
    }
    Ok(ExitCode::SUCCESS)
}

async fn carry_out(office: &Office<'_>, order: &Order, plan: Plan) -> anyhow::Result<Done> {
    let mut progress = Progress::of(plan.rows.len() as u64, "certificates");
    let done = office
        .revoke(order, plan, |done, total| progress.reach(done, total))
        .await;
    progress.end();
    match done {
        Err(error @ NotRevoked::Unconfirmed { .. }) => Err(error).context(
            "look at what --dry-run shows, then confirm exactly that with --confirm and its digest",
        ),
        other => other.context("the same command goes on where this one stopped"),
    }
}

fn tell(view: &DoneView, planned: &Plan) {
    println!(
        "{} revoked now, {} before; {} ids blocked now",
        view.revoked, view.already_revoked, view.blocked
    );
    for note in &planned.notes {
        println!("note: {note}");
    }
    if planned.authorities > 0 {
        println!("note: a CA was revoked: sign its root's next CRL now, with `vaca crl sign-root`");
    }
}

impl Revoke {
    fn selection(&self, config: &Config, now: Timestamp) -> anyhow::Result<Selection> {
        let mut texts = self.serial.clone();
        if let Some(file) = &self.serials_file {
            let lines = std::fs::read_to_string(file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            let lines = lines.lines().map(str::trim);
            let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
            texts.extend(lines.map(ToOwned::to_owned));
            ensure!(!texts.is_empty(), "{} holds no number", file.display());
        }
        let serials = texts.iter().map(|text| serial(config, text));
        let moment = |text: &Option<String>, name: &str| {
            let moment = text.as_deref().map(|text| span::moment(text, now));
            moment.transpose().with_context(|| name.to_owned())
        };
        let filter = Filter {
            profile: self.profile.clone(),
            issuer: match &self.issuer {
                None => None,
                Some(issuer) => Some(issuer_named(config, issuer)?),
            },
            issued_from: moment(&self.issued_from, "--issued-from")?,
            issued_until: moment(&self.issued_until, "--issued-until")?,
        };
        if let Some(profile) = &self.profile {
            let known = config.profiles.iter().any(|known| known.name == *profile);
            if !known {
                eprintln!(
                    "vaca: no profile is named {} now; certificates of an earlier one are selected",
                    escape(profile)
                );
            }
        }
        Ok(Selection::new(
            serials.collect::<anyhow::Result<_>>()?,
            self.device.clone(),
            self.email.clone(),
            filter,
        )?)
    }
}

fn serial(config: &Config, text: &str) -> anyhow::Result<(Option<IssuerId>, SerialNumber)> {
    let (issuer, number) = match text.split_once('/') {
        Some((issuer, number)) => (Some(issuer_named(config, issuer)?), number),
        None => (None, text),
    };
    let number = SerialNumber::parse(number)
        .with_context(|| format!("{} is no serial number in hexadecimal digits", escape(text)))?;
    Ok((issuer, number))
}

fn show(view: &PlanView) {
    println!(
        "would revoke {} ({} more are revoked already), for {}",
        view.to_revoke, view.already_revoked, view.reason
    );
    let rows = view.certificates.iter().map(|one| {
        vec![
            one.serial_number.clone(),
            one.profile.clone(),
            one.identity.clone(),
            one.issued_at.clone(),
            one.not_after.clone(),
            if one.revoked { "revoked" } else { "" }.to_owned(),
        ]
    });
    let head = ["NUMBER", "PROFILE", "IDENTITY", "ISSUED", "NOT AFTER", ""];
    print_table(&head, &rows.collect::<Vec<_>>());
    let shown = view.certificates.len() as u64;
    let all = view.to_revoke + view.already_revoked;
    if all > shown {
        println!("... and {} more", all - shown);
    }
    for id in &view.to_block {
        println!("would block {}", escape(id));
    }
    view.notes.iter().for_each(|note| println!("note: {note}"));
    println!(
        "{} were revoked within a day; {} may be without a confirmation, of {} certificates",
        view.revoked_within_a_day, view.at_most_within_a_day, view.live
    );
    let needed = if view.confirmation_required {
        "needed"
    } else {
        "not needed"
    };
    println!("confirmation ({needed}): --confirm {}", view.digest);
}
