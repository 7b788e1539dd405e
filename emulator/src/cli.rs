//! The command line.

mod chromebook;
mod enroll;
mod fault;
mod serve;

use clap::{Parser, Subcommand};

/// A local Chrome Verified Access, and virtual Chromebooks that enrol through it
#[derive(Debug, Parser)]
#[command(name = "emulator", version, about, long_about = LONG_ABOUT)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const LONG_ABOUT: &str = "\
A local Chrome Verified Access, and virtual Chromebooks that enrol through it.

It speaks the real protocol with real cryptography, under keys of its own: what it confirms is worth
nothing outside tests. It misbehaves on command.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the local Verified Access with its control plane, until Ctrl-C
    Serve(serve::Serve),
    /// Get a certificate for a new virtual Chromebook
    Enroll(enroll::Enroll),
    /// A virtual Chromebook whose tokens an extension can use over loopback
    #[command(subcommand)]
    Chromebook(chromebook::Chromebook),
    /// Make a running local Verified Access misbehave
    #[command(subcommand)]
    Fault(fault::Fault),
}

impl Cli {
    /// Does what the command line says.
    pub async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Serve(serve) => serve.run().await,
            Command::Enroll(enroll) => enroll.run().await,
            Command::Chromebook(chromebook) => chromebook.run().await,
            Command::Fault(fault) => fault.run().await,
        }
    }
}
