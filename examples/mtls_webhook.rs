//! A relying party of one's own: a webhook that lets in who shows a certificate of the CA and an identity
//! token besides, and that writes of everybody else what has to be installed where.
//!
//! `cargo run --example mtls_webhook -- --help`. It uses nothing of vaca but what docs/relying-parties.md
//! and docs/certificate-profile.md say; docs/mtls-webhook.md sets it up. Read [`door`] first: every
//! request passes it.

use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::{Router, middleware, routing};
use axum_server::Handle;
use clap::Parser as _;
use hyper_util::rt::TokioTimer;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

#[path = "mtls_webhook/acceptor.rs"]
mod acceptor;
#[path = "mtls_webhook/arguments.rs"]
mod arguments;
#[path = "mtls_webhook/authority.rs"]
mod authority;
#[path = "mtls_webhook/certificate.rs"]
mod certificate;
#[path = "mtls_webhook/dialogflow.rs"]
mod dialogflow;
#[path = "mtls_webhook/door.rs"]
mod door;
#[path = "mtls_webhook/fetch.rs"]
mod fetch;
#[path = "mtls_webhook/gate.rs"]
mod gate;
#[path = "mtls_webhook/handshake.rs"]
mod handshake;
#[path = "mtls_webhook/holder.rs"]
mod holder;
#[path = "mtls_webhook/keys.rs"]
mod keys;
#[path = "mtls_webhook/list.rs"]
mod list;
#[path = "mtls_webhook/quote.rs"]
mod quote;
#[path = "mtls_webhook/refusal.rs"]
mod refusal;
#[path = "mtls_webhook/reload.rs"]
mod reload;
#[path = "mtls_webhook/token.rs"]
mod token;
#[path = "mtls_webhook/trust.rs"]
mod trust;

use acceptor::Acceptor;
use arguments::Arguments;
use door::Door;
use trust::Trust;

/// How long a request's head may take, and how long a connection may be silent between two.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// How long requests that are being answered have when the program is told to stop.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .init();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let files = arguments.files();
    let seen = files.stamps();
    let (told, trust) = watch::channel(Arc::new(Trust::load(&files)?));
    let door = Door {
        trust: trust.clone(),
        profile: arguments.profile(),
        tokens: arguments.tokens().await?,
    };
    let listener = TcpListener::bind(arguments.listen)
        .with_context(|| format!("cannot listen on {}", arguments.listen))?;
    listener.set_nonblocking(true)?;
    println!("listening on https://{}", listener.local_addr()?);
    let handle = Handle::new();
    let hangup = signal(SignalKind::hangup())?;
    tokio::spawn(reload::watch(files, seen, told, hangup));
    tokio::spawn(stop_when_told(handle.clone()));
    serve(listener, Acceptor::new(trust), door, handle).await
}

async fn serve(
    listener: TcpListener,
    acceptor: Acceptor,
    door: Door,
    handle: Handle<std::net::SocketAddr>,
) -> anyhow::Result<()> {
    let routes = Router::new()
        .route("/webhook", routing::post(dialogflow::answer))
        .fallback(dialogflow::nothing_here)
        .method_not_allowed_fallback(dialogflow::nothing_here)
        .layer(axum::extract::DefaultBodyLimit::max(dialogflow::LONGEST))
        .layer(middleware::from_fn_with_state(Arc::new(door), door::admit));
    // HTTP/1.1 alone: the time that a head may take is a limit of it.
    let mut server = axum_server::from_tcp(listener)?
        .acceptor(acceptor)
        .http1_only()
        .handle(handle);
    server
        .http_builder()
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME);
    Ok(server.serve(routes.into_make_service()).await?)
}

/// Ctrl-C, or the polite signal of `kill`.
async fn stop_when_told(handle: Handle<std::net::SocketAddr>) {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping: no new connections, open requests are answered");
    handle.graceful_shutdown(Some(LAST_ANSWERS));
}
