//! The `vaca` command: parses arguments, starts telemetry, hands over.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = vaca::cli::Arguments::parse();
    vaca::cli::start_logging(&arguments.log);
    vaca::cli::run(arguments)
}
