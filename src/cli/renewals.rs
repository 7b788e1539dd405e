//! `vaca renewals order|list`: certificates that are to be renewed before their time.

use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};

use crate::cli::open_store;
use crate::cli::page::{Page, numbered};
use crate::cli::text::{print_json, print_table};
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::http::admin::views::renewal::OrderView;
use crate::model::actor::Actor;
use crate::model::renewal::{RenewalOrder, UnverifiedOrder};
use crate::store::renewals::OrderRenewal;

#[derive(Debug, Subcommand)]
pub(super) enum RenewalsCommand {
    /// Have devices renew, each at a moment of its own: all certificates, or those that fit.
    Order(Order),
    /// The newest orders, those that are over included.
    List(List),
}

#[derive(Debug, Args)]
pub(super) struct Order {
    /// Those of this profile.
    #[arg(long)]
    profile: Option<String>,
    /// Those of this issuer, by its id.
    #[arg(long, value_name = "ID")]
    issuer: Option<String>,
    /// Those that were issued then or later: 2027-01-15T08:00:00Z, or an age such as 7d.
    #[arg(long, value_name = "TIME")]
    issued_from: Option<String>,
    /// Those that were issued then or earlier; until now where it is left out.
    #[arg(long, value_name = "TIME")]
    issued_until: Option<String>,
    /// Over how long the renewals are spread, such as 6h: 1h to 30d.
    #[arg(long, value_name = "AGE")]
    within: String,
    /// Say how many certificates it concerns, and order nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    page: Page,
}

pub(super) async fn run(config: &Config, command: RenewalsCommand) -> anyhow::Result<ExitCode> {
    match command {
        RenewalsCommand::Order(wanted) => order(config, &wanted).await?,
        RenewalsCommand::List(List { page }) => print_list(config, &page).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn order(config: &Config, wanted: &Order) -> anyhow::Result<()> {
    let now = SystemClock::new().now();
    let read = UnverifiedOrder {
        profile: wanted.profile.as_deref(),
        issuer: wanted.issuer.as_deref(),
        issued_from: wanted.issued_from.as_deref(),
        issued_until: wanted.issued_until.as_deref(),
        within: &wanted.within,
    };
    let order = RenewalOrder::new(&read, now)?;
    if let Some(name) = &order.profile {
        let known = config.profiles.iter().any(|profile| profile.name == *name);
        ensure!(known, "no profile of the configuration is called {name}");
    }
    let store = open_store(config).await?;
    let certificates = store.concerned(&order, now).await?;
    let (starts, ends) = (order.starts_at, order.ends_at);
    if wanted.dry_run {
        println!("{certificates} certificates would be renewed from {starts} to {ends}");
        return Ok(());
    }
    let command = OrderRenewal {
        order,
        actor: Actor::CommandLine,
        at: now,
        certificates,
    };
    let ordered = store.write(command).await;
    store.close().await;
    let id = ordered?.context(
        "there are 100 orders already whose certificates have not all ended: wait for their end",
    )?;
    println!("order {id}: {certificates} certificates are renewed from {starts} to {ends}");
    Ok(())
}

async fn print_list(config: &Config, page: &Page) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    let rows = store.renewal_orders(page.before, page.limit).await?;
    let views: Vec<_> = rows.iter().map(OrderView::of).collect();
    if page.json {
        for (row, view) in rows.iter().zip(&views) {
            print_json(&numbered(row.row, view));
        }
        return Ok(());
    }
    let any = || "any".to_owned();
    let cells = views.into_iter().map(|view| {
        vec![
            view.id.to_string(),
            view.terms.profile.unwrap_or_else(any),
            view.terms.issuer.unwrap_or_else(any),
            view.terms.issued_from,
            view.terms.issued_until,
            view.terms.starts_at,
            view.terms.ends_at,
            view.created_by,
        ]
    });
    let head = [
        "ORDER",
        "PROFILE",
        "ISSUER",
        "ISSUED FROM",
        "UNTIL",
        "RENEWED FROM",
        "UNTIL",
        "BY",
    ];
    print_table(&head, &cells.collect::<Vec<_>>());
    page.print_rest(&rows, |row| row.row);
    Ok(())
}
