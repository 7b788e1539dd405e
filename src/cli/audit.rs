//! `vaca audit verify`: is the record whole?

use std::process::ExitCode;

use clap::Subcommand;

use crate::audit;
use crate::cli::open_store;
use crate::cli::text::count;
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Hold every link of the audit log against the event that it covers.
    Verify,
}

pub(super) async fn run(config: &Config, command: AuditCommand) -> anyhow::Result<ExitCode> {
    let AuditCommand::Verify = command;
    let store = open_store(config).await?;
    let verified = audit::verify(&store).await;
    store.close().await;
    let events = usize::try_from(verified?).unwrap_or(usize::MAX);
    println!(
        "{}: each link fits the event that it covers",
        count(events, "event")
    );
    Ok(ExitCode::SUCCESS)
}
