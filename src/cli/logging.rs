//! Log lines for the operator: on standard error, one a fact, with ids instead of persons.

use std::io::IsTerminal as _;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged.
#[derive(Clone, Debug, Args)]
pub struct LogArguments {
    /// Which lines to log: `error`, `warn`, `info`, `debug`, or a filter such as `vaca=debug`.
    #[arg(long = "log", env = "VACA_LOG", default_value = "info", global = true)]
    pub filter: String,
    /// How to write them.
    #[arg(
        long,
        env = "VACA_LOG_FORMAT",
        value_enum,
        default_value = "text",
        global = true
    )]
    pub log_format: LogFormat,
}

/// Starts logging; a filter that does not parse falls back to `info`, and says so.
pub fn start(arguments: &LogArguments) {
    let (filter, complaint) = match EnvFilter::try_new(&arguments.filter) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match arguments.log_format {
        LogFormat::Text => lines.with_target(false).init(),
        LogFormat::Json => lines.json().init(),
    }
    if let Some(error) = complaint {
        tracing::warn!(%error, "--log does not parse; logging at info");
    }
}
