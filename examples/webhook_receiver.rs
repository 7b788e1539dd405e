//! A receiver for `[[webhook]]` and `[[event_sink]]`: small enough to be read in one go and to be
//! rewritten in the language of your inventory. It uses nothing of vaca but what docs/webhook.md and
//! docs/events.md say.
//!
//! `cargo run --example webhook_receiver -- --secret-file webhook.key --inventory inventory.csv`

#![allow(
    clippy::indexing_slicing,
    reason = "a JSON value is null where it has no such member"
)]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use clap::Parser;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

#[path = "webhook_receiver/inventory.rs"]
mod inventory;
#[path = "webhook_receiver/secret.rs"]
mod secret;

use inventory::Inventory;
use secret::Secret;

/// The header that holds the tag of a body.
const SIGNATURE: &str = "vaca-signature";
/// How old what was sent may be, in seconds, and how far our clock may be off.
const OLDEST: u64 = 300;
/// So many ids are kept without a look at their age.
const REMEMBERED: usize = 100_000;

/// Answers vaca's questions from an inventory, and takes its events.
#[derive(Parser)]
struct Arguments {
    /// Where it listens. vaca speaks to it in the clear on this machine alone; put TLS before it otherwise.
    #[arg(long, default_value = "127.0.0.1:8095")]
    listen: SocketAddr,
    /// The secret that vaca knows too: 64 hexadecimal digits.
    #[arg(long)]
    secret_file: PathBuf,
    /// CSV with the columns device_permanent_id, asset_id, organizational_unit and state.
    #[arg(long)]
    inventory: PathBuf,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let inventory = Inventory(arguments.inventory);
    inventory.find("")?;
    let receiver = Receiver {
        secret: Secret::read(&arguments.secret_file)?,
        inventory,
        questions: Mutex::default(),
        events: Mutex::default(),
    };
    let routes = Router::new()
        .route("/inventory", post(answer))
        .route("/events", post(take))
        .with_state(Arc::new(receiver));
    let listener = tokio::net::TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("cannot listen on {}", arguments.listen))?;
    println!("listening on {}", listener.local_addr()?);
    Ok(axum::serve(listener, routes).await?)
}

struct Receiver {
    secret: Secret,
    inventory: Inventory,
    /// Ids of questions that were answered.
    questions: Mutex<Seen>,
    /// Ids of events that were taken. A real receiver keeps them where it keeps the events, and
    /// commits both together.
    events: Mutex<Seen>,
}

/// Ids, and when each came.
type Seen = HashMap<String, u64>;

/// Whether this id is new; forgets those that no signed body of today's can repeat.
fn is_new(seen: &Mutex<Seen>, id: &str, kept: u64, now: u64) -> bool {
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.len() >= REMEMBERED {
        seen.retain(|_, at| *at + kept > now);
    }
    seen.insert(id.to_owned(), now).is_none()
}

impl Receiver {
    /// Holds the body against its tag, before anything of it is read, and then its time against ours.
    fn verified(
        &self,
        purpose: &str,
        headers: &HeaderMap,
        unverified: &[u8],
    ) -> Result<Value, StatusCode> {
        let tag = headers.get(SIGNATURE).and_then(|tag| tag.to_str().ok());
        if !tag.is_some_and(|tag| self.secret.verifies(purpose, unverified, tag)) {
            return Err(StatusCode::UNAUTHORIZED);
        }
        let body: Value =
            serde_json::from_slice(unverified).map_err(|_| StatusCode::BAD_REQUEST)?;
        match body["timestamp"].as_u64() {
            Some(sent) if sent.abs_diff(now()) <= OLDEST => Ok(body),
            _ => Err(StatusCode::UNAUTHORIZED),
        }
    }

    /// What we say of the device that a question is about.
    fn judge(&self, question: &Value) -> anyhow::Result<Value> {
        let id = &question["request_id"];
        let objection = |message| json!({ "request_id": id, "allow": false, "message": message });
        let Some(device) = question["facts"]["device_permanent_id"].as_str() else {
            // A user: this inventory knows devices only.
            return Ok(json!({ "request_id": id, "allow": true }));
        };
        Ok(match self.inventory.find(device)? {
            None => objection("This Chromebook is not in the inventory. Ask the service desk."),
            Some(found) if found.state != "in_use" => {
                objection("This Chromebook was returned. Take it to the service desk.")
            }
            Some(found) => {
                let facts = json!({
                    "asset_id": found.asset_id,
                    "organizational_unit": found.organizational_unit,
                });
                json!({ "request_id": id, "allow": true, "facts": facts })
            }
        })
    }
}

/// `POST /inventory`: may this device have a certificate, and what do we know of it?
async fn answer(
    State(receiver): State<Arc<Receiver>>,
    headers: HeaderMap,
    unverified: Bytes,
) -> Result<Response, StatusCode> {
    let question = receiver.verified("vaca-webhook-question-v1", &headers, &unverified)?;
    let id = question["request_id"].as_str().unwrap_or_default();
    if !is_new(&receiver.questions, id, 2 * OLDEST, now()) {
        return Err(StatusCode::CONFLICT);
    }
    let answer = receiver.judge(&question).map_err(|error| {
        eprintln!("no answer: {error:#}");
        StatusCode::INTERNAL_SERVER_ERROR
    })?;
    let trial = question["dry_run"] == true;
    println!(
        "asked about {}, trial: {trial}: {answer}",
        question["attempt"]
    );
    let body = answer.to_string();
    // The tag covers the request id, which is in the body: it answers this question and no other.
    let tag = receiver
        .secret
        .sign("vaca-webhook-answer-v1", body.as_bytes());
    let json = (header::CONTENT_TYPE, "application/json".to_owned());
    let headers = [json, (header::HeaderName::from_static(SIGNATURE), tag)];
    Ok((headers, body).into_response())
}

/// `POST /events`: something happened. The same event may come twice, with the same id.
async fn take(
    State(receiver): State<Arc<Receiver>>,
    headers: HeaderMap,
    unverified: Bytes,
) -> Result<StatusCode, StatusCode> {
    const FOR_EVER: u64 = 40 * 24 * 60 * 60;
    let event = receiver.verified("vaca-event-delivery-v1", &headers, &unverified)?;
    let id = event["id"].as_str().unwrap_or_default();
    if is_new(&receiver.events, id, FOR_EVER, now()) {
        println!("event {}: {event}", event["kind"]);
    } else {
        println!("event {} again: {id}", event["kind"]);
    }
    Ok(StatusCode::NO_CONTENT)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program of its own, with the machine's clock"
)]
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
