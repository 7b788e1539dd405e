//! The control plane: what a test, a virtual Chromebook or a person with `curl` may change.
//! It hands out private keys of fake accounts and rewrites the directory, so it listens on loopback only.
//!
//! All bodies are JSON, but for the token endpoint's form; all paths stand below `/emulator/v1`.
//!
//! | path | methods | what |
//! |---|---|---|
//! | `/keys` | GET | what a Chromebook must trust ([`PublicKeys`]) |
//! | `/calls` | GET | how often Verified Access was asked ([`Calls`]), over both transports |
//! | `/calls/grpc`, `/calls/rest` | GET | the same, over one |
//! | `/faults` | GET, POST, DELETE | what is scripted; adds a [`Rule`]; behaves well again |
//! | `/devices` | GET, POST | all devices; enrols a [`NewDevice`] |
//! | `/devices/{id}` | GET, PATCH, DELETE | one device; `boot_mode`, `customer_id` and `domain` can change |
//! | `/devices/{id}/certificates` | POST | the Privacy CA: [`Certification`] to [`Certified`] |
//! | `/devices/{id}/machine-certificate` | PUT | the upload of a [`Certified`] machine key |
//! | `/users` | GET, POST | all users; adds a [`NewUser`] |
//! | `/users/{email}` | GET, DELETE | one user |
//! | `/service-accounts/full`, `/service-accounts/limited` | GET | JSON key files |
//! | `/token` | POST | the fake token endpoint (RFC 7523) |

mod directory;
mod guard;
mod token;

use std::sync::Arc;

use anyhow::ensure;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde_json::json;

use crate::clock::Clock;
use crate::door::{CallCounter, Calls};
use crate::faults::{Faults, Rule, Transport};
use crate::server_keys::PublicKeys;
use crate::service_accounts::ServiceAccounts;
use crate::verified_access::LocalVerifiedAccess;

pub use directory::{Certification, Certified, NewDevice, NewUser};

/// What the control plane can reach.
#[derive(Clone)]
pub(crate) struct Control {
    pub(crate) verified_access: Arc<LocalVerifiedAccess>,
    pub(crate) accounts: Arc<ServiceAccounts>,
    pub(crate) faults: Faults,
    pub(crate) calls: Arc<CallCounter>,
    pub(crate) clock: Clock,
    pub(crate) token_clock: Clock,
    pub(crate) key_files: KeyFiles,
}

/// The JSON key files of the two service accounts.
#[derive(Clone)]
pub(crate) struct KeyFiles {
    pub(crate) full: String,
    pub(crate) limited: String,
}

impl std::fmt::Debug for KeyFiles {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("KeyFiles")
    }
}

/// All routes of the control plane.
pub(crate) fn router(control: Control) -> axum::Router {
    let routes = axum::Router::new()
        .route("/keys", get(keys))
        .route("/calls", get(calls))
        .route("/calls/{transport}", get(calls_over))
        .route(
            "/faults",
            get(pending_faults).post(add_faults).delete(clear_faults),
        )
        .route(
            "/devices",
            get(directory::devices).post(directory::add_device),
        )
        .route(
            "/devices/{device_id}",
            get(directory::device)
                .patch(directory::change_device)
                .delete(directory::remove_device),
        )
        .route(
            "/devices/{device_id}/certificates",
            post(directory::certify),
        )
        .route(
            "/devices/{device_id}/machine-certificate",
            put(directory::upload),
        )
        .route("/users", get(directory::users).post(directory::add_user))
        .route(
            "/users/{email}",
            get(directory::user).delete(directory::remove_user),
        )
        .route("/service-accounts/full", get(full_account))
        .route("/service-accounts/limited", get(limited_account))
        .route("/token", post(token::exchange));
    axum::Router::new()
        .nest("/emulator/v1", routes)
        .layer(middleware::from_fn(guard::local_callers_only))
        .with_state(control)
}

/// A refused request: status and reason.
#[derive(Debug)]
pub(crate) struct ControlError(StatusCode, String);

impl ControlError {
    fn not_found(what: &str) -> Self {
        Self(StatusCode::NOT_FOUND, format!("no such {what}"))
    }
}

impl From<anyhow::Error> for ControlError {
    fn from(error: anyhow::Error) -> Self {
        Self(StatusCode::UNPROCESSABLE_ENTITY, format!("{error:#}"))
    }
}

impl IntoResponse for ControlError {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

async fn keys(State(control): State<Control>) -> Json<PublicKeys> {
    Json(control.verified_access.public_keys())
}

async fn calls(State(control): State<Control>) -> Json<Calls> {
    Json(control.calls.read())
}

async fn calls_over(
    State(control): State<Control>,
    Path(transport): Path<Transport>,
) -> Json<Calls> {
    Json(control.calls.read_over(transport))
}

async fn pending_faults(State(control): State<Control>) -> Json<Vec<Rule>> {
    Json(control.faults.pending())
}

async fn add_faults(
    State(control): State<Control>,
    Json(rule): Json<Rule>,
) -> Result<StatusCode, ControlError> {
    check(&rule)?;
    control.faults.add(rule);
    Ok(StatusCode::NO_CONTENT)
}

fn check(rule: &Rule) -> anyhow::Result<()> {
    ensure!(!rule.faults.is_empty(), "a rule needs a fault");
    ensure!(rule.times != Some(0), "a rule needs a call to apply to");
    rule.faults.iter().try_for_each(crate::faults::Fault::check)
}

async fn clear_faults(State(control): State<Control>) -> StatusCode {
    control.faults.clear();
    StatusCode::NO_CONTENT
}

async fn full_account(State(control): State<Control>) -> String {
    control.key_files.full
}

async fn limited_account(State(control): State<Control>) -> String {
    control.key_files.limited
}
