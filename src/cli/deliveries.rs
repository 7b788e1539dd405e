//! `vaca deliveries list|retry|drop`: which events services of the organisation's own were not told yet.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::cli::open_store;
use crate::cli::page::{Page, numbered};
use crate::cli::text::{print_json, print_table};
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::Config;
use crate::http::admin::views::delivery::DeliveryView;
use crate::model::actor::Actor;
use crate::model::delivery::{DeliveryId, DeliveryKind};
use crate::store::Store;
use crate::store::deliveries::{Chosen, Delivery, DropDeliveries, RetryDeliveries};

#[derive(Debug, Subcommand)]
pub(super) enum DeliveriesCommand {
    /// Events that wait for their delivery, and those that were given up.
    List(List),
    /// Try again at once, what was given up too, with all patience.
    Retry(Choice),
    /// Drop one undelivered; or, of a whole sink, all that were given up.
    Drop(Choice),
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    page: Page,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Choice {
    /// Which: `SINK/ID`, as the list shows it.
    #[arg(value_parser = delivery)]
    delivery: Option<DeliveryId>,
    /// All of this sink.
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,
}

fn delivery(text: &str) -> Result<DeliveryId, String> {
    DeliveryId::parse(text).ok_or_else(|| "a delivery is named such as siem/4711".to_owned())
}

pub(super) async fn run(config: &Config, command: DeliveriesCommand) -> anyhow::Result<ExitCode> {
    let store = open_store(config).await?;
    let done = match command {
        DeliveriesCommand::List(List { page }) => print_list(&store, &page).await,
        DeliveriesCommand::Retry(choice) => {
            let (chosen, named) = choice.read();
            let (actor, now) = (Actor::CommandLine, SystemClock::new().now());
            let retried = store.write(RetryDeliveries { chosen, actor, now }).await;
            told(retried?, &named, "tried again")
        }
        DeliveriesCommand::Drop(choice) => {
            let (chosen, named) = choice.read();
            let (actor, now) = (Actor::CommandLine, SystemClock::new().now());
            let dropped = store.write(DropDeliveries { chosen, actor, now }).await;
            told(dropped?, &named, "dropped")
        }
    };
    store.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

impl Choice {
    fn read(self) -> (Chosen, String) {
        match (self.delivery, self.sink) {
            (Some(id), _) => (Chosen::One(id.clone()), id.to_string()),
            (None, sink) => {
                let sink = sink.unwrap_or_default();
                (Chosen::Of(sink.clone()), sink)
            }
        }
    }
}

fn told(count: u64, named: &str, done: &str) -> anyhow::Result<()> {
    if count == 0 {
        bail!("there is no such delivery of {named}: `vaca deliveries list` shows what there is");
    }
    println!("{done}: {count}");
    Ok(())
}

async fn print_list(store: &Store, page: &Page) -> anyhow::Result<()> {
    let rows = store.deliveries(page.before, page.limit).await?;
    if page.json {
        rows.iter().for_each(|row| print_json(&summary(row)));
        return Ok(());
    }
    let cells = rows.iter().map(|row| {
        let next = row
            .dead_at
            .map_or_else(|| row.due_at.rfc3339(), |_| "-".to_owned());
        vec![
            format!("{}/{}", row.id.sink, row.name()),
            DeliveryKind::of_stored(&row.event.kind)
                .map_or("-", DeliveryKind::as_str)
                .to_owned(),
            row.event.subject.clone(),
            Timestamp(row.event.at).rfc3339(),
            row.failures.to_string(),
            next,
            row.problem.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    });
    print_table(
        &[
            "DELIVERY",
            "KIND",
            "ABOUT",
            "HAPPENED",
            "FAILED",
            "NEXT",
            "LAST PROBLEM",
        ],
        &cells.collect::<Vec<_>>(),
    );
    page.print_rest(&rows, |row| row.row);
    Ok(())
}

fn summary(row: &Delivery) -> Value {
    numbered(row.row, &DeliveryView::of(row))
}
