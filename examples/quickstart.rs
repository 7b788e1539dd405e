//! The main job on a fresh machine: two virtual Chromebooks get their certificates, and a TLS
//! server accepts them.
//!
//! Run it with `cargo run --example quickstart`. Nothing leaves this machine: a local Verified Access
//! stands in for Google, and the CA says in its name that it is a test. Read [`start`] and [`watch`]
//! first: they are the whole story; what each line of them does has a file of its own beside this one.

#[path = "quickstart/authority.rs"]
mod authority;
#[path = "quickstart/chromebook.rs"]
mod chromebook;
#[path = "quickstart/inspect.rs"]
mod inspect;
#[path = "quickstart/ports.rs"]
mod ports;
#[path = "quickstart/report.rs"]
mod report;
#[path = "quickstart/state.rs"]
mod state;
#[path = "quickstart/tls_server.rs"]
mod tls_server;
#[path = "quickstart/verified_access.rs"]
mod verified_access;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use vaca_emulator::{Emulator, EnrollRequest, KeyAlgorithm, Scope};

use crate::authority::Authority;
use crate::inspect::Inspection;
use crate::report::step;
use crate::state::StateFolder;
use crate::tls_server::TlsServer;

/// Watch two virtual Chromebooks get their certificates, and a TLS server accept them
///
/// Starts a local Verified Access (127.0.0.1:8090, its control plane on 8091) and a test CA on
/// SQLite (127.0.0.1:8080), enrols a user and a device, proves both certificates in mutual TLS, and
/// runs until Ctrl-C. A port that is taken is replaced by a free one.
#[derive(Debug, Parser)]
#[command(name = "quickstart")]
struct Arguments {
    /// Keep CA, database and certificates in this folder; the next run on it goes on with them
    /// [default: a temporary folder, removed at the end]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Exit after the last step instead of running until Ctrl-C
    #[arg(long)]
    once: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    report::show_warnings();
    // TLS has one provider of cryptography a process; the program chooses it, no library does.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::failed(&error);
            ExitCode::FAILURE
        }
    }
}

/// Starts both sides, tells the story, and stops what runs, however the story ends.
async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let state = StateFolder::open(arguments.state.as_deref())?;
    let (google, ca) = tokio::select! {
        started = start(&state) => started?,
        told = told_to_stop() => return told,
    };
    let ended = tokio::select! {
        ended = watch(&state, &google, &ca, arguments.once) => ended,
        told = told_to_stop() => told,
    };
    let stopped = ca.stop().await;
    google.shutdown().await;
    ended.and(stopped)
}

/// Two servers: who says which Chromebook asks, and who certifies it.
async fn start(state: &StateFolder) -> anyhow::Result<(Emulator, Authority)> {
    step(1, "A local Verified Access, in Google's place");
    let google = verified_access::start(state).await?;

    step(2, "A test CA: root, issuing CA, SQLite, HTTP API");
    let ca = Authority::start(state, &google).await?;
    Ok((google, ca))
}

/// One enrolment of each kind, as far as a TLS server that says welcome.
async fn watch(
    state: &StateFolder,
    google: &Emulator,
    ca: &Authority,
    once: bool,
) -> anyhow::Result<()> {
    ca.check_ready().await?;

    step(3, "A user's certificate: profile wifi-user, ECDSA key");
    let user = chromebook::enroll(state, google, ca, &user_request()).await?;

    step(4, "A device's certificate: profile wifi-device, RSA key");
    let device = chromebook::enroll(state, google, ca, &device_request()).await?;

    step(5, "A TLS server that trusts the CA's published bundle");
    let server = TlsServer::start(state, ca).await?;
    server.prove("the user", &user).await?;
    server.prove("the device", &device).await?;

    let inspection = Inspection {
        state,
        google,
        ca,
        user: &user,
    };
    inspection.print(once);
    if !once {
        // Both servers go on; only a signal ends this.
        std::future::pending::<()>().await;
    }
    Ok(())
}

/// The e-mail is only a claim: Verified Access must confirm it before it stands in a certificate.
fn user_request() -> EnrollRequest {
    EnrollRequest {
        profile: "wifi-user".to_owned(),
        scope: Scope::User,
        key: KeyAlgorithm::Ecdsa,
        email: Some("alice@example.com".to_owned()),
    }
}

/// A device claims nothing: Verified Access says which device of the domain answered.
fn device_request() -> EnrollRequest {
    EnrollRequest {
        profile: "wifi-device".to_owned(),
        scope: Scope::Machine,
        key: KeyAlgorithm::Rsa,
        email: None,
    }
}

/// Ctrl-C, or the polite signal of `kill`.
async fn told_to_stop() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
