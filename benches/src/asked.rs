//! How many questions of relying parties a second a running vaca answers over HTTP, and what one costs.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;
use vaca::model::fingerprint::Fingerprint;
use vaca_benches::drive::{Drive, Question, Task, count};
use vaca_benches::figures::millis;
use vaca_benches::processes;
use vaca_benches::service::Service;
use vaca_benches::state::State;

use crate::ground::Ground;

/// Before each stretch, so that every certificate's path is known.
const WARM_UP: Duration = Duration::from_secs(1);

/// What is measured.
#[derive(Debug, Args)]
pub(crate) struct AskArguments {
    #[command(flatten)]
    ground: Ground,
    /// Certificates that are enrolled, and asked about in turn.
    #[arg(long, default_value_t = 2000)]
    certificates: usize,
    /// Connections of the relying party.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64")]
    connections: Vec<usize>,
    /// Seconds for each line.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

/// Enrols, then asks.
pub(crate) async fn run(arguments: &AskArguments) -> anyhow::Result<()> {
    let certificates = arguments.certificates;
    let (state, _verified_access) = arguments.ground.with_certificates(certificates).await?;
    let ders = certificates_of(&state).await?;
    ensure!(ders.len() == certificates, "{} certificates", ders.len());
    let token = state.output(&[
        "tokens",
        "create",
        "--role",
        "relying_party",
        "--name",
        "load",
        "--certificate-header",
        "client-cert",
    ])?;
    let service = Service::start(&state, "info").await?;
    println!(
        "| asked | connections | answers per second | p50 ms | p99 ms | CPU us of vaca | answers per CPU second |\n|---|---:|---:|---:|---:|---:|---:|"
    );
    for (what, questions) in [
        ("a gate", gates(&ders, token.trim())?),
        ("a status, by fingerprint", statuses(&ders, token.trim())?),
    ] {
        for &connections in &arguments.connections {
            let drive = |time| Drive {
                address: state.admin,
                tls: None,
                task: Task::Ask(Arc::clone(&questions)),
                times: usize::MAX,
                time,
                connections,
            };
            drive(WARM_UP).run().await?;
            let before = processes::cpu(service.pid)?;
            let driven = drive(Duration::from_secs(arguments.seconds)).run().await?;
            let cpu = processes::cpu(service.pid)?.saturating_sub(before);
            ensure!(driven.errors.is_empty(), "{:?}", driven.errors);
            let answers = count(driven.latencies.len());
            println!(
                "| {what} | {connections} | {:.0} | {} | {} | {:.1} | {:.0} |",
                driven.rate(),
                millis(driven.percentile(50)),
                millis(driven.percentile(99)),
                cpu.as_secs_f64() * 1e6 / answers,
                answers / cpu.as_secs_f64(),
            );
        }
    }
    service.stop().await
}

async fn certificates_of(state: &State) -> anyhow::Result<Vec<Vec<u8>>> {
    let database = SqliteConnectOptions::new().filename(state.folder.join("vaca.db"));
    let mut connection = database.connect().await?;
    let sql = "SELECT der FROM certificates WHERE kind = 'client' AND state = 'issued'";
    Ok(sqlx::query_scalar(sql).fetch_all(&mut connection).await?)
}

fn credential(token: &str) -> anyhow::Result<HeaderMap> {
    let bearer = HeaderValue::from_str(&format!("Bearer {token}"))?;
    Ok(HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]))
}

fn gates(ders: &[Vec<u8>], token: &str) -> anyhow::Result<Arc<[Question]>> {
    let question = |der: &Vec<u8>| {
        let mut fields = credential(token)?;
        let field = HeaderName::from_static("client-cert");
        let value = HeaderValue::from_str(&format!(":{}:", STANDARD.encode(der)))?;
        fields.insert(field, value);
        Ok(Question {
            path: "/v1/authorize/intranet".to_owned(),
            fields,
        })
    };
    ders.iter().map(question).collect()
}

fn statuses(ders: &[Vec<u8>], token: &str) -> anyhow::Result<Arc<[Question]>> {
    let question = |der: &Vec<u8>| {
        let fingerprint = Fingerprint::of(der);
        Ok(Question {
            path: format!("/v1/status/sha256/{fingerprint}?require=good"),
            fields: credential(token)?,
        })
    };
    ders.iter().map(question).collect()
}
