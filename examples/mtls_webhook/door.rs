//! The door: every request passes it, in this order.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use rustls::pki_types::UnixTime;
use tokio::sync::watch;

use crate::acceptor::Peer;
use crate::gate::judge_again;
use crate::holder::{Holder, Profile};
use crate::refusal::Refusal;
use crate::token::{self, Tokens};
use crate::trust::Trust;

/// How long a request may take, its body included.
const LONGEST: Duration = Duration::from_secs(10);

/// What it takes to be let in.
pub(crate) struct Door {
    pub(crate) trust: watch::Receiver<Arc<Trust>>,
    pub(crate) profile: Profile,
    /// Nothing where a certificate is enough.
    pub(crate) tokens: Option<Tokens>,
}

/// Lets a request in, or writes down why not.
pub(crate) async fn admit(
    State(door): State<Arc<Door>>,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let answered = tokio::time::timeout(LONGEST, door.answer(&peer, request, next)).await;
    let response = answered.unwrap_or_else(|_| {
        let cause = "the request was not there in time";
        Refusal::of(StatusCode::REQUEST_TIMEOUT, "too_slow", cause).into_response()
    });
    if let Some(refusal) = response.extensions().get::<Refusal>() {
        Peer::refused(peer.address, refusal);
    }
    response
}

impl Door {
    async fn answer(&self, peer: &Peer, mut request: Request, next: Next) -> Response {
        match self.holder(peer, request.headers()).await {
            Ok(holder) => {
                request.extensions_mut().insert(holder);
                next.run(request).await
            }
            Err(refusal) => refusal.into_response(),
        }
    }

    /// The certificate first: to whom has none of ours, tokens are not even looked at.
    async fn holder(&self, peer: &Peer, headers: &HeaderMap) -> Result<Holder, Refusal> {
        let trust = Arc::clone(&self.trust.borrow());
        judge_again(&trust, &peer.chain, UnixTime::now())?;
        let Some(leaf) = peer.chain.first() else {
            return Err(Refusal::certificate("no_certificate", "no certificate"));
        };
        let holder = self.profile.holder(leaf)?;
        let Holder { name, serial } = &holder;
        match &self.tokens {
            Some(tokens) => {
                let agent = tokens.check(headers, token::now()).await?;
                tracing::info!("let in {name} (serial {serial}), with the token of {agent}");
            }
            None => tracing::info!("let in {name} (serial {serial})"),
        }
        Ok(holder)
    }
}
