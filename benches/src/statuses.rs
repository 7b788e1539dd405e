//! How many certificates a second relying parties can ask about, in a record that has grown.

use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use vaca::admission::Resources;
use vaca::authorization::{self, Question};
use vaca::clock::{Clock as _, SystemClock};
use vaca::model::certificate::IssuerId;
use vaca::model::fingerprint::Fingerprint;
use vaca::model::serial::SerialNumber;
use vaca::model::status::Status;
use vaca::random::SystemRandom;
use vaca::server::{self, Parts};
use vaca::store::fate::AsTheDatabaseSays;
use vaca_benches::drive::count;
use vaca_benches::processes;
use vaca_benches::state::State;

use crate::ground::Ground;

/// Certificates in one commit.
const CHUNK: u64 = 100_000;
/// A month of minutes.
const MINUTES: u64 = 43_200;
/// Certificates that are asked about, one after the other, anywhere in the record.
const ASKED: usize = 20_000;

/// What is measured.
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    ground: Ground,
    /// Certificates in the record.
    #[arg(long, default_value_t = 10_000_000)]
    certificates: u64,
    /// Questions at once.
    #[arg(long, value_delimiter = ',', default_value = "1,16")]
    connections: Vec<usize>,
}

/// Fills a record, then asks.
pub(crate) async fn run(arguments: &StatusArguments) -> anyhow::Result<()> {
    let (state, _verified_access) = arguments.ground.with_a_certificate().await?;
    let clock = SystemClock::new();
    let asked = fill(&state, arguments.certificates).await?;
    println!(
        "{} certificates recorded in {} s.\n",
        arguments.certificates,
        clock.monotonic().as_secs()
    );
    let parts = Parts {
        clock: Arc::new(SystemClock::new()),
        random: Arc::new(SystemRandom),
        commits: Arc::new(AsTheDatabaseSays),
    };
    let server = server::build(&state.config()?, parts).await?;
    println!("| by | at once | look-ups per second | CPU us each |\n|---|---:|---:|---:|");
    for by_fingerprint in [false, true] {
        for &connections in &arguments.connections {
            ask(server.resources(), &asked, by_fingerprint, connections).await?;
        }
    }
    Ok(())
}

/// What a certificate can be asked by.
struct Asked {
    name: (IssuerId, SerialNumber),
    fingerprint: Fingerprint,
}

/// Copies of the one certificate, each with a number, a name, a digest and an end of its own. Its octets are
/// those of the first but for the last ones, so that each has a digest. Answers some of them.
async fn fill(state: &State, certificates: u64) -> anyhow::Result<Vec<Asked>> {
    let mut connection: SqliteConnection = SqliteConnectOptions::new()
        .filename(state.folder.join("vaca.db"))
        .pragma("synchronous", "OFF")
        .pragma("cache_size", "-4000000")
        .connect()
        .await?;
    let pattern: (i64, Vec<u8>, String) = sqlx::query_as(
        "SELECT id, der, issuer_id FROM certificates WHERE kind = 'client' AND state = 'issued'",
    )
    .fetch_one(&mut connection)
    .await?;
    let (row, der, issuer) = pattern;
    let issuer = IssuerId::parse(&issuer).context("the issuer")?;
    let every = (certificates / ASKED as u64).max(1);
    let mut asked = Vec::new();
    let mut first = 0;
    while first < certificates {
        let last = (first + CHUNK).min(certificates);
        let mut transaction = connection.begin().await?;
        for number in first..last {
            let copy = Copy::of(&der, number, certificates);
            copy.insert(&mut transaction, row).await?;
            if number % every == 0 {
                let serial = SerialNumber::parse(&copy.serial).context("a number")?;
                asked.push(Asked {
                    name: (issuer.clone(), serial),
                    fingerprint: Fingerprint(copy.digest),
                });
            }
        }
        transaction.commit().await?;
        eprint!("\r{last} of {certificates} ");
        first = last;
    }
    eprintln!();
    sqlx::raw_sql(AssertSqlSafe("PRAGMA wal_checkpoint(TRUNCATE)".to_owned()))
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    // In no order that the record knows.
    asked.sort_by_key(|asked| asked.fingerprint.0);
    Ok(asked)
}

/// One row more.
struct Copy {
    number: u64,
    /// Minutes from the beginning of a record of a month.
    minute: u64,
    octets: Vec<u8>,
    digest: [u8; 32],
    serial: String,
}

impl Copy {
    fn of(der: &[u8], number: u64, certificates: u64) -> Self {
        let octets = [der, &number.to_be_bytes()].concat();
        let digest = vaca::model::digest::sha256(&octets);
        let minute = number * MINUTES / certificates;
        let mixed = vaca::model::serial::hex(&digest);
        let serial = format!("01{minute:06x}{}", mixed.get(8..32).unwrap_or_default());
        Self {
            number,
            minute,
            octets,
            digest,
            serial,
        }
    }

    async fn insert(&self, connection: &mut SqliteConnection, row: i64) -> anyhow::Result<()> {
        let [a, b, c, d, e, f, g, h, ..] = self.digest;
        sqlx::query(
            "INSERT INTO certificates (certified_key_id, kind, state, issuer_id, serial, profile,
                 profile_hash, identity, email, spki_sha256, tbs, der, not_before, not_after,
                 renew_after, intended_at, closed_at, fingerprint)
             SELECT certified_key_id, kind, state, issuer_id, $1, profile, profile_hash,
                 'user:copy' || $2 || '@example.com', 'copy' || $2 || '@example.com', spki_sha256,
                 tbs, $3, not_before, not_after - $4, renew_after, intended_at, closed_at, $5
             FROM certificates WHERE id = $6",
        )
        .bind(&self.serial)
        .bind(i64::try_from(self.number)?)
        .bind(&self.octets)
        .bind(i64::try_from((MINUTES - self.minute) * 30)?)
        .bind(i64::from_be_bytes([a, b, c, d, e, f, g, h]))
        .bind(row)
        .execute(connection)
        .await?;
        Ok(())
    }
}

async fn ask(
    resources: &Arc<Resources>,
    asked: &[Asked],
    by_fingerprint: bool,
    connections: usize,
) -> anyhow::Result<()> {
    let clock = SystemClock::new();
    let (begun, cpu) = (clock.monotonic(), processes::own_cpu()?);
    let part = asked.len().div_ceil(connections);
    let mut asking = tokio::task::JoinSet::new();
    for part in asked.chunks(part) {
        let questions: Vec<_> = part
            .iter()
            .map(|asked| {
                if by_fingerprint {
                    Question::Fingerprint(asked.fingerprint)
                } else {
                    let (issuer, serial) = asked.name.clone();
                    Question::Name(issuer, serial)
                }
            })
            .collect();
        let resources = Arc::clone(resources);
        asking.spawn(async move {
            for question in &questions {
                match authorization::status(&resources, question).await {
                    Ok(told) if told.status == Status::Good => {}
                    Ok(told) => anyhow::bail!("a copy is {}", told.status.as_str()),
                    Err(refusal) => anyhow::bail!("{:?}", refusal.code),
                }
            }
            Ok(())
        });
    }
    while let Some(ended) = asking.join_next().await {
        ended??;
    }
    let took = (clock.monotonic() - begun).as_secs_f64();
    let cpu = (processes::own_cpu()? - cpu).as_secs_f64();
    println!(
        "| {} | {connections} | {:.0} | {:.0} |",
        if by_fingerprint {
            "fingerprint"
        } else {
            "issuer and number"
        },
        count(asked.len()) / took,
        cpu * 1e6 / count(asked.len()),
    );
    Ok(())
}
