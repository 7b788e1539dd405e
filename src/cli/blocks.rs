//! `vaca blocks list|add|lift`: who gets no certificate.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use crate::cli::open_store;
use crate::cli::page::{Page, numbered};
use crate::cli::text::{escape, print_json, print_table};
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::http::admin::views::block::BlockView;
use crate::model::actor::Actor;
use crate::revocation::Office;
use crate::server::load_deployment_key;
use crate::store::blocks::Blocked;

#[derive(Debug, Subcommand)]
pub(super) enum BlocksCommand {
    /// The newest blocks.
    List(List),
    /// Block a user or device; certificates that are there stay good: `vaca revoke` revokes them.
    Add(Add),
    /// Let a user or device enrol again.
    Lift(Lift),
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    page: Page,
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// Who: `user:EMAIL` or `device:ID`, by any id that Google gave; an e-mail or an id alone will do.
    #[arg(value_parser = whom)]
    who: Blocked,
    /// Why, for whoever looks at the list.
    #[arg(long)]
    reason: String,
}

#[derive(Debug, Args)]
pub(super) struct Lift {
    /// Who, as the list shows it.
    #[arg(value_parser = whom)]
    who: Blocked,
}

fn whom(text: &str) -> Result<Blocked, String> {
    Blocked::parse(text).map_err(|error| error.to_string())
}

pub(super) async fn run(config: &Config, command: BlocksCommand) -> anyhow::Result<ExitCode> {
    let store = open_store(config).await?;
    if let BlocksCommand::List(List { page }) = &command {
        let rows = store.blocks(page.before, page.limit).await?;
        if page.json {
            for row in &rows {
                print_json(&numbered(row.row, &BlockView::of(row)));
            }
            return Ok(ExitCode::SUCCESS);
        }
        let cells = rows.iter().map(|row| {
            vec![
                format!("{}:{}", row.kind.replace("email", "user"), row.value),
                row.created_at.rfc3339(),
                row.reason.clone(),
            ]
        });
        print_table(&["WHO", "SINCE", "WHY"], &cells.collect::<Vec<_>>());
        page.print_rest(&rows, |row| row.row);
        return Ok(ExitCode::SUCCESS);
    }
    let key = load_deployment_key(&config.deployment_key_file)?;
    let office = Office {
        store: &store,
        key: &key,
        policy: &config.revocation,
        now: SystemClock::new().now(),
    };
    match command {
        BlocksCommand::List(_) => {}
        BlocksCommand::Add(Add { who, reason }) => {
            let name = escape(who.stored().1);
            let added = office.block(who, reason, &Actor::CommandLine).await?;
            let when = if added { "now" } else { "already" };
            println!("{name} is blocked {when}");
        }
        BlocksCommand::Lift(Lift { who }) => {
            let name = escape(who.stored().1);
            let lifted = office.lift(who, &Actor::CommandLine).await?;
            lifted.then_some(()).with_context(|| {
                format!("{name} is not blocked: `vaca blocks list` shows who is")
            })?;
            println!("{name} may enrol again");
        }
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}
