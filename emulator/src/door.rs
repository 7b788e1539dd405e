//! The door of the gRPC service: counts calls, and misbehaves where a script says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::{BodyExt as _, Full};
use serde::{Deserialize, Serialize};

use crate::faults::{Call, Fault, Faults, Script};
use crate::renumber;

/// How often each method was called, refused and failed calls included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// `GenerateChallenge`.
    pub generate: u64,
    /// `VerifyChallengeResponse`.
    pub verify: u64,
}

/// Counts calls as they arrive.
#[derive(Debug, Default)]
pub(crate) struct CallCounter {
    generate: AtomicU64,
    verify: AtomicU64,
}

impl CallCounter {
    pub(crate) fn count(&self, call: Call) {
        let counter = match call {
            Call::Generate => &self.generate,
            Call::Verify => &self.verify,
        };
        counter.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn read(&self) -> Calls {
        Calls {
            generate: self.generate.load(Ordering::SeqCst),
            verify: self.verify.load(Ordering::SeqCst),
        }
    }
}

/// What the door needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    pub(crate) faults: Faults,
    pub(crate) calls: Arc<CallCounter>,
}

/// Lets a call in, with the faults for its content among its extensions.
pub(crate) async fn pass(State(door): State<Door>, request: Request, next: Next) -> Response {
    let Some(call) = Call::from_path(request.uri().path()) else {
        return next.run(request).await;
    };
    door.calls.count(call);
    let script = door.faults.take(call);
    if let Some(delay) = script.delay() {
        tokio::time::sleep(delay).await;
    }
    if let Some(status) = script.status() {
        return status.into_http();
    }
    let request = match script.request_numbers() {
        Some(numbers) => {
            let numbers = renumber::inverse(numbers);
            let (parts, body) = request.into_parts();
            let body = rewrite(body, |bytes| renumber::body(bytes, &numbers)).await;
            Request::from_parts(parts, body)
        }
        None => request,
    };
    answer(request, next, script).await
}

async fn answer(mut request: Request, next: Next, script: Script) -> Response {
    request.extensions_mut().insert(script.clone());
    let response = next.run(request).await;
    let malformed = script.has(&Fault::Malformed);
    let numbers = script.result_numbers();
    if !malformed && numbers.is_none() {
        return response;
    }
    let (parts, body) = response.into_parts();
    let body = rewrite(body, |bytes| match numbers {
        _ if malformed => renumber::malform(bytes),
        Some(numbers) => renumber::body(bytes, numbers),
        None => None,
    })
    .await;
    Response::from_parts(parts, body)
}

/// Rewrites a whole body and keeps its trailers, which carry the gRPC status. What cannot be
/// rewritten passes unchanged: the service behind refuses it.
async fn rewrite(body: Body, change: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Body {
    let Ok(collected) = body.collect().await else {
        return Body::empty();
    };
    let trailers = collected.trailers().cloned();
    let bytes = collected.to_bytes();
    let bytes = change(&bytes).map_or(bytes, Bytes::from);
    match trailers {
        Some(trailers) => {
            Body::new(Full::new(bytes).with_trailers(async move { Some(Ok(trailers)) }))
        }
        None => Body::from(bytes),
    }
}
