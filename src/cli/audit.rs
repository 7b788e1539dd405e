//! `vaca audit verify`: is the record whole?

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;

use crate::audit;
use crate::cli::text::count;
use crate::config::Config;
use crate::store::Store;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Hold every link of the audit log against the event that it covers.
    Verify,
}

pub(super) async fn run(config: &Config, command: AuditCommand) -> anyhow::Result<ExitCode> {
    let AuditCommand::Verify = command;
    let store = Store::open(&config.database)
        .await
        .with_context(|| format!("cannot open the database {}", config.database))?;
    let verified = audit::verify(&store).await;
    store.close().await;
    let events = usize::try_from(verified?).unwrap_or(usize::MAX);
    println!(
        "{}: each link fits the event that it covers",
        count(events, "event")
    );
    Ok(ExitCode::SUCCESS)
}
