//! Clients in a closed loop: each has one connection and enrols again as soon as it got its answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use hyper::body::Bytes;
use rustls::ClientConfig;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use vaca::clock::{Clock as _, SystemClock};

use crate::connection::Connection;
use crate::requests::Requests;
use crate::response::respond;
use crate::state::PROFILE;

/// What the clients do again and again.
#[derive(Clone, Debug)]
pub enum Task {
    /// Enrol with vaca: a challenge, then a certificate.
    Enrol {
        /// What is certified.
        requests: Arc<Requests>,
        /// Number of the first request; none is used twice.
        first: usize,
    },
    /// Post JSON to some other server.
    Post {
        /// Where.
        path: String,
        /// What.
        bodies: Bodies,
    },
    /// Ask vaca's admin listener, one question after the other and again from the first.
    Ask(Arc<[Question]>),
}

/// What a relying party asks.
#[derive(Clone, Debug)]
pub struct Question {
    /// Where.
    pub path: String,
    /// With what.
    pub fields: HeaderMap,
}

/// What is posted.
#[derive(Clone, Debug)]
pub enum Bodies {
    /// Always the same.
    Same(Bytes),
    /// Each once, in this order.
    Once(Arc<[Bytes]>),
}

impl Bodies {
    /// How often there is something to post.
    #[must_use]
    pub fn times(&self) -> usize {
        match self {
            Self::Same(_) => usize::MAX,
            Self::Once(bodies) => bodies.len(),
        }
    }

    fn nth(&self, number: usize) -> Option<Bytes> {
        match self {
            Self::Same(body) => Some(body.clone()),
            Self::Once(bodies) => bodies.get(number).cloned(),
        }
    }
}

/// One stretch of load.
#[derive(Clone, Debug)]
pub struct Drive {
    /// The server.
    pub address: SocketAddr,
    /// For a server that wants TLS.
    pub tls: Option<Arc<ClientConfig>>,
    /// What is asked of it.
    pub task: Task,
    /// Times at most.
    pub times: usize,
    /// Seconds at most.
    pub time: Duration,
    /// Clients.
    pub connections: usize,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Driven {
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// Of the whole task, an enrolment's challenge and certificate together, where it succeeded;
    /// sorted.
    pub latencies: Vec<Duration>,
    /// How often each problem was answered; empty in a good run.
    pub errors: BTreeMap<String, u64>,
}

impl Driven {
    /// Successes per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        count(self.latencies.len()) / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    /// The latency that `percent` of the successes did not exceed.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Duration {
        let index = (self.latencies.len() * percent).div_ceil(100).max(1) - 1;
        self.latencies.get(index).copied().unwrap_or_default()
    }
}

/// Exact for any count that a run reaches.
#[must_use]
pub fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

/// What the clients share.
struct Shared {
    drive: Drive,
    next: AtomicUsize,
    clock: SystemClock,
}

impl Drive {
    /// Runs it to its end.
    ///
    /// # Errors
    /// Where a connection cannot be opened or breaks.
    pub async fn run(self) -> anyhow::Result<Driven> {
        let mut connections = Vec::with_capacity(self.connections);
        for _ in 0..self.connections {
            connections.push(match &self.tls {
                None => Connection::open(self.address).await?,
                Some(tls) => Connection::open_tls(self.address, Arc::clone(tls)).await?,
            });
        }
        let shared = Arc::new(Shared {
            next: AtomicUsize::new(0),
            clock: SystemClock::new(),
            drive: self,
        });
        let mut clients = JoinSet::new();
        for connection in connections {
            clients.spawn(client(connection, Arc::clone(&shared)));
        }
        let mut driven = Driven::default();
        while let Some(ended) = clients.join_next().await {
            let part = ended??;
            driven.latencies.extend(part.latencies);
            for (code, times) in part.errors {
                *driven.errors.entry(code).or_default() += times;
            }
        }
        driven.elapsed = shared.clock.monotonic();
        driven.latencies.sort();
        Ok(driven)
    }
}

async fn client(mut connection: Connection, shared: Arc<Shared>) -> anyhow::Result<Driven> {
    let mut driven = Driven::default();
    loop {
        let start = shared.clock.monotonic();
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        if start >= shared.drive.time || number >= shared.drive.times {
            return Ok(driven);
        }
        match shared.drive.task.perform(&mut connection, number).await? {
            Ok(()) => {
                let took = shared.clock.monotonic().saturating_sub(start);
                driven.latencies.push(took);
            }
            Err(code) => *driven.errors.entry(code).or_default() += 1,
        }
    }
}

impl Task {
    async fn perform(
        &self,
        connection: &mut Connection,
        number: usize,
    ) -> anyhow::Result<Result<(), String>> {
        match self {
            Self::Enrol { requests, first } => {
                let number = first + number;
                let spkac = requests.nth(number).context("the requests are used up")?;
                enrol(connection, spkac, number).await
            }
            Self::Post { path, bodies } => {
                let body = bodies.nth(number).context("the bodies are used up")?;
                let (status, body) = connection.post(path, body).await?;
                Ok(success(status, &body))
            }
            Self::Ask(questions) => {
                let number = number % questions.len().max(1);
                let question = questions.get(number).context("no question")?;
                let asked = connection.ask(&question.path, &question.fields);
                let (status, body) = asked.await?;
                Ok(success(status, &body))
            }
        }
    }
}

/// Challenge, response, certificate; or the code of the problem that was answered.
async fn enrol(
    connection: &mut Connection,
    spkac: &[u8],
    number: usize,
) -> anyhow::Result<Result<(), String>> {
    let question = json!({ "profile": PROFILE }).to_string();
    let (status, body) = connection.post("/v1/challenges", question).await?;
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    let challenge = answer.get("challenge").and_then(Value::as_str);
    let (StatusCode::CREATED, Some(challenge)) = (status, challenge) else {
        return Ok(Err(code(status, &body)));
    };
    let email = format!("user{number}@example.com");
    let response = respond(&STANDARD.decode(challenge)?, spkac, &email)?;
    let question = json!({
        "challenge_response": STANDARD.encode(response),
        "profile": PROFILE,
        "email": email,
    });
    let answer = connection.post("/v1/certificates", question.to_string());
    let (status, body) = answer.await?;
    Ok(match status {
        StatusCode::CREATED => Ok(()),
        _ => Err(code(status, &body)),
    })
}

fn success(status: StatusCode, body: &Bytes) -> Result<(), String> {
    let refused = (!status.is_success()).then(|| code(status, body));
    refused.map_or(Ok(()), Err)
}

fn code(status: StatusCode, body: &Bytes) -> String {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = problem.get("code").and_then(Value::as_str);
    code.map_or_else(|| status.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_latencies() {
        let driven = Driven {
            latencies: (1..=200).map(Duration::from_millis).collect(),
            elapsed: Duration::from_secs(2),
            ..Driven::default()
        };
        assert_eq!(driven.percentile(50), Duration::from_millis(100));
        assert_eq!(driven.percentile(99), Duration::from_millis(198));
        assert!((driven.rate() - 100.0).abs() < 1e-9);
        assert_eq!(Driven::default().percentile(99), Duration::ZERO);
    }
}
