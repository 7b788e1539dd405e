//! `emulator`: a local Chrome Verified Access, and virtual Chromebooks.

use std::process::ExitCode;

use clap::Parser as _;
use vaca_emulator::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
