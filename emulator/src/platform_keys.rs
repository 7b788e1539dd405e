//! `chrome.enterprise.platformKeys` of a virtual Chromebook, over loopback HTTP: for a browser that is
//! not ChromeOS, and so for tests of extensions.
//!
//! Bodies are JSON, bytes are base64, paths stand below `/chromebook/v1`. What ChromeOS refuses is
//! answered with 422 and `{"error": "..."}`, the words being ChromeOS's.
//!
//! | path | methods | what |
//! |---|---|---|
//! | `/user` | GET | who is signed in: `{"email"}` |
//! | `/challenge-key` | POST | [`ChallengeKey`] to `{"response"}` |
//! | `/tokens` | GET | how many keys each token holds |
//! | `/tokens/{token}/certificates` | GET, POST, DELETE | all of a token's; imports or removes a [`Held`] one |

mod guard;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use crate::chromebook::{Scope, Token, VirtualChromebook};
use crate::clock::Clock;
use crate::encoding::base64_bytes;
use crate::keys::KeyAlgorithm;

/// What `challengeKey` takes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChallengeKey {
    /// The challenge as it came.
    #[serde(with = "base64_bytes")]
    pub challenge: Vec<u8>,
    /// Whose key answers.
    pub scope: Scope,
    /// The kind of key to register, if one is to be.
    #[serde(default)]
    pub register: Option<KeyAlgorithm>,
}

/// A certificate that goes into a token or out of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// DER.
    #[serde(with = "base64_bytes")]
    pub certificate: Vec<u8>,
}

/// A Chromebook that listens.
#[derive(Debug)]
pub struct PlatformKeys {
    listener: TcpListener,
    router: axum::Router,
}

#[derive(Clone)]
struct Desk {
    chromebook: Arc<Mutex<VirtualChromebook>>,
    clock: Clock,
}

impl PlatformKeys {
    /// Listens on a loopback address; `origin`, for instance `chrome-extension://ID`, is the only one
    /// whose pages are answered.
    ///
    /// # Errors
    /// An address that is not loopback, or one that is taken.
    pub async fn bind(
        address: SocketAddr,
        origin: &str,
        chromebook: VirtualChromebook,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        ensure!(
            address.ip().is_loopback(),
            "whoever reaches a Chromebook uses its keys: it listens on loopback only, not on {address}"
        );
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("cannot listen on {address}"))?;
        let desk = Desk {
            chromebook: Arc::new(Mutex::new(chromebook)),
            clock,
        };
        Ok(Self {
            listener,
            router: router(desk, origin),
        })
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    ///
    /// # Errors
    /// Those of the system.
    pub fn url(&self) -> anyhow::Result<String> {
        Ok(format!("http://{}", self.listener.local_addr()?))
    }

    /// Answers until `stop` is done.
    ///
    /// # Errors
    /// Those of the system.
    pub async fn serve(
        self,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> anyhow::Result<()> {
        axum::serve(self.listener, self.router)
            .with_graceful_shutdown(stop)
            .await
            .context("the Chromebook stopped listening")
    }
}

fn router(desk: Desk, origin: &str) -> axum::Router {
    let routes = axum::Router::new()
        .route("/user", get(user))
        .route("/challenge-key", post(challenge_key))
        .route("/tokens", get(tokens))
        .route(
            "/tokens/{token}/certificates",
            get(certificates).post(import).delete(remove),
        );
    let origin: Arc<str> = Arc::from(origin);
    axum::Router::new()
        .nest("/chromebook/v1", routes)
        .layer(middleware::from_fn_with_state(origin, guard::admit))
        .with_state(desk)
}

fn refused(words: &impl ToString) -> Response {
    let body = Json(json!({ "error": words.to_string() }));
    (StatusCode::UNPROCESSABLE_ENTITY, body).into_response()
}

async fn user(State(desk): State<Desk>) -> Json<Value> {
    let chromebook = desk.chromebook.lock().await;
    Json(json!({ "email": chromebook.user_email() }))
}

async fn challenge_key(
    State(desk): State<Desk>,
    Json(asked): Json<ChallengeKey>,
) -> Result<Json<Value>, Response> {
    #[derive(Serialize)]
    struct Answer(#[serde(with = "base64_bytes")] Vec<u8>);

    let mut chromebook = desk.chromebook.lock().await;
    let response = chromebook.challenge_key(&asked.challenge, asked.scope, asked.register);
    let response = response.await.map_err(|error| refused(&error))?;
    Ok(Json(json!({ "response": Answer(response) })))
}

async fn tokens(State(desk): State<Desk>) -> Json<Value> {
    let chromebook = desk.chromebook.lock().await;
    Json(json!({
        "user": chromebook.registered_keys(Token::User),
        "system": chromebook.registered_keys(Token::System),
    }))
}

async fn certificates(State(desk): State<Desk>, Path(token): Path<Token>) -> Json<Vec<Held>> {
    let chromebook = desk.chromebook.lock().await;
    let held = chromebook.certificates(token).map(|der| Held {
        certificate: der.to_vec(),
    });
    Json(held.collect())
}

async fn import(
    State(desk): State<Desk>,
    Path(token): Path<Token>,
    Json(held): Json<Held>,
) -> Result<StatusCode, Response> {
    let mut chromebook = desk.chromebook.lock().await;
    chromebook
        .import_certificate(token, &held.certificate, (desk.clock)())
        .map_err(|error| refused(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove(
    State(desk): State<Desk>,
    Path(token): Path<Token>,
    Json(held): Json<Held>,
) -> StatusCode {
    let mut chromebook = desk.chromebook.lock().await;
    if chromebook.remove_certificate(token, &held.certificate) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}
