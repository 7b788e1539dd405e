//! The command line: one file a command.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::config::Config;
use crate::store::Store;
use logging::LogArguments;

mod attempts;
mod audit;
mod blocks;
mod certificates;
mod config;
mod crl;
mod deliveries;
mod doctor;
mod init;
mod lists;
mod logging;
mod migrate;
mod page;
mod paused;
mod policy;
mod progress;
mod relying_party;
mod renewals;
mod revoke;
mod serve;
mod text;
mod tokens;
mod webhook;

pub use init::{InitArguments, KeyKind, initialize};
pub use logging::start as start_logging;

/// The Verified Access CA: client certificates for managed Chromebooks, gated by Chrome Verified
/// Access.
#[derive(Debug, Parser)]
#[command(name = "vaca", version, propagate_version = true)]
pub struct Arguments {
    /// The configuration file.
    #[arg(long, env = "VACA_CONFIG", default_value = "vaca.toml", global = true)]
    pub config: PathBuf,
    /// Logging.
    #[command(flatten)]
    pub log: LogArguments,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve devices and relying parties until told to stop.
    Serve,
    /// Create the database, or bring its schema up to date.
    Migrate,
    /// Make root and issuing key, their certificates and the root's first CRL.
    Init(InitArguments),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check what the service needs, and say what to do about what is wrong.
    Doctor(doctor::DoctorArguments),
    /// Look at certificates.
    #[command(subcommand)]
    Certificates(certificates::CertificatesCommand),
    /// Look at attempts.
    #[command(subcommand)]
    Attempts(attempts::AttemptsCommand),
    /// Revoke certificates: by number, device, e-mail, profile, issuer or when they were issued.
    Revoke(Box<revoke::Revoke>),
    /// Look at users and devices that get no certificate, add and lift blocks.
    #[command(subcommand)]
    Blocks(blocks::BlocksCommand),
    /// Look at CRLs, and make a root's.
    #[command(subcommand)]
    Crl(crl::CrlCommand),
    /// Look at users and devices that have to wait, and release them.
    #[command(subcommand)]
    Paused(paused::PausedCommand),
    /// Look at events that services of yours were not told yet, and try again.
    #[command(subcommand)]
    Deliveries(deliveries::DeliveriesCommand),
    /// Have certificates renewed before their time.
    #[command(subcommand)]
    Renewals(renewals::RenewalsCommand),
    /// Make, list and revoke the tokens of operators and their programs.
    #[command(subcommand)]
    Tokens(tokens::TokensCommand),
    /// Look at the organisation's lists of devices and users.
    #[command(subcommand)]
    Lists(lists::ListsCommand),
    /// Try a webhook before devices depend on it.
    #[command(subcommand)]
    Webhook(webhook::WebhookCommand),
    /// Try policy before it is in force.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Write what servers and clients need to rely on the certificates.
    #[command(subcommand)]
    RelyingParty(relying_party::RelyingPartyCommand),
    /// Check the audit log.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Read the configuration as `serve` would, and say what is wrong with it.
    Check,
}

/// Runs the command. Failures go to standard error, with their causes.
#[must_use]
pub fn run(arguments: Arguments) -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("vaca: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(dispatch(arguments)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("vaca: {}", text::escape(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

/// The record, for a command that looks at it.
async fn open_store(config: &Config) -> anyhow::Result<Store> {
    Store::open_and_tell(&config.database, config.subscriptions())
        .await
        .with_context(|| format!("cannot open the database {}", config.database))
}

async fn dispatch(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let path = arguments.config;
    let config = Config::load(&path)?;
    match arguments.command {
        Command::Serve => serve::run(&config).await?,
        Command::Migrate => migrate::run(&config).await?,
        Command::Init(init) => init::run(&config, &init).await?,
        Command::Config(ConfigCommand::Check) => config::check(&config, &path)?,
        Command::Doctor(asked) => return doctor::run(&config, &asked).await,
        Command::Certificates(command) => return certificates::run(&config, command).await,
        Command::Attempts(command) => return attempts::run(&config, command).await,
        Command::Revoke(revoke) => return revoke::run(&config, *revoke).await,
        Command::Blocks(command) => return blocks::run(&config, command).await,
        Command::Crl(command) => return crl::run(&config, command).await,
        Command::Paused(command) => return paused::run(&config, command).await,
        Command::Deliveries(command) => return deliveries::run(&config, command).await,
        Command::Renewals(command) => return renewals::run(&config, command).await,
        Command::Tokens(command) => return tokens::run(&config, command).await,
        Command::Lists(command) => return lists::run(&config, &command),
        Command::Webhook(command) => return webhook::run(&config, command).await,
        Command::Policy(command) => return policy::run(&config, command).await,
        Command::RelyingParty(command) => return relying_party::run(&config, command),
        Command::Audit(command) => return audit::run(&config, command).await,
    }
    Ok(ExitCode::SUCCESS)
}
