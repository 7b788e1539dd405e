//! `load`: how many enrolments a second, and what each costs. `scripts/bench` runs it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use vaca_emulator::KeyAlgorithm;

mod asked;
mod crls;
mod ground;
mod lists;
mod post;
mod run;
mod statuses;

/// Loads a vaca of its own and measures it.
#[derive(Debug, Parser)]
#[command(name = "load")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a CA, load it, print tables.
    Run(Box<RunArguments>),
    /// Measure a large list, and enrolments while it is reloaded.
    Lists(lists::ListsArguments),
    /// Make one CRL, and print one line.
    Crl(crls::CrlArguments),
    /// Fill a record, and revoke all of it.
    Revoke(crls::RevokeArguments),
    /// Fill a record with certificates, and ask how they stand.
    Status(statuses::StatusArguments),
    /// Ask a running vaca as relying parties do: gates, and how certificates stand.
    Ask(asked::AskArguments),
    /// Load another server with one kind of request, and print one line.
    Post(PostArguments),
    /// Be the Verified Access that believes everybody (started by `run`).
    VerifiedAccess,
}

/// What is run.
#[derive(Debug, Args)]
struct RunArguments {
    /// An empty folder for the CA, on the disk that is to be measured.
    #[arg(long)]
    state: PathBuf,
    /// The program; beside this one where it is not given.
    #[arg(long)]
    vaca: Option<PathBuf>,
    /// An empty database: `sqlite:PATH`, or `postgres://USER@HOST:PORT/DATABASE`.
    #[arg(long, default_value = "sqlite:vaca.db")]
    database: String,
    /// The PostgreSQL server's process id, so that its CPU time is counted.
    #[arg(long)]
    database_pid: Option<u32>,
    /// Where certificate requests are kept between runs.
    #[arg(long, default_value = "target/load")]
    requests: PathBuf,
    /// Kinds of key.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "ecdsa,rsa")]
    keys: Vec<Key>,
    /// Concurrent connections.
    #[arg(long, value_delimiter = ',', default_value = "1,16,256")]
    connections: Vec<usize>,
    /// Seconds of each stretch, at most.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Enrolments of each stretch, at most.
    #[arg(long, default_value_t = 6000)]
    enrolments: usize,
    /// Enrolments before each stretch that are not counted.
    #[arg(long, default_value_t = 200)]
    warm_up: usize,
    /// Beside it a second CA, whose record is filled with this many enrolments; stretches alternate.
    #[arg(long)]
    preload: Option<u32>,
    /// The second CA's empty database; as --database where that is a file.
    #[arg(long)]
    preloaded_database: Option<String>,
    /// How often every stretch is repeated.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
    /// What the service logs.
    #[arg(long, default_value = "info")]
    log: String,
}

/// Another server.
#[derive(Debug, Args)]
struct PostArguments {
    /// What the line calls it.
    #[arg(long)]
    name: String,
    /// Where it listens.
    #[arg(long)]
    address: SocketAddr,
    /// The path.
    #[arg(long)]
    path: String,
    /// A file with the JSON that is posted.
    #[arg(long)]
    body: PathBuf,
    /// The server's roots, PEM, where it wants TLS; its certificate names the IP address.
    #[arg(long)]
    roots: Option<PathBuf>,
    /// A private key, P-256, PKCS#8, PEM: ONE_TIME_TOKEN in the body becomes a token (JWT), another in
    /// every request, with the key id `load`.
    #[arg(long, requires = "token_claims")]
    token_key: Option<PathBuf>,
    /// A file with what the tokens claim, JSON, but for iat, nbf, exp and jti.
    #[arg(long, requires = "token_key")]
    token_claims: Option<PathBuf>,
    /// Tokens that are made, and so the requests at most.
    #[arg(long, default_value_t = 20_000)]
    tokens: usize,
    /// Its process id.
    #[arg(long)]
    pid: u32,
    /// Concurrent connections.
    #[arg(long)]
    connections: usize,
    /// Seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Key {
    Ecdsa,
    Rsa,
}

impl Key {
    fn algorithm(self) -> KeyAlgorithm {
        match self {
            Self::Ecdsa => KeyAlgorithm::Ecdsa,
            Self::Rsa => KeyAlgorithm::Rsa,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ecdsa => "ECDSA",
            Self::Rsa => "RSA",
        }
    }
}

impl RunArguments {
    fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// Every connection warms up.
    fn warm_up(&self, connections: usize) -> usize {
        self.warm_up.max(connections)
    }
}

// One thread: this process must not take more of the machine than it needs.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::VerifiedAccess => vaca_benches::verified_access::serve().await,
        Command::Lists(arguments) => lists::run(&arguments).await,
        Command::Crl(arguments) => crls::run(&arguments).await,
        Command::Revoke(arguments) => crls::revoke(&arguments).await,
        Command::Ask(arguments) => asked::run(&arguments).await,
        Command::Status(arguments) => statuses::run(&arguments).await,
        Command::Post(arguments) => post::run(&arguments).await,
        Command::Run(arguments) => run::run(&arguments).await,
    }
}
