//! The door of the service, over gRPC and REST: counts calls, and misbehaves where a script says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::{BodyExt as _, Full};
use serde::{Deserialize, Serialize};

use crate::faults::{Call, Fault, Faults, Script, Transport};
use crate::{renumber, rest};

/// How often each method was called, refused and failed calls included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// `GenerateChallenge`.
    pub generate: u64,
    /// `VerifyChallengeResponse`.
    pub verify: u64,
}

#[derive(Debug, Default)]
struct Counter {
    generate: AtomicU64,
    verify: AtomicU64,
}

impl Counter {
    fn read(&self) -> Calls {
        Calls {
            generate: self.generate.load(Ordering::SeqCst),
            verify: self.verify.load(Ordering::SeqCst),
        }
    }
}

/// Counts calls as they arrive, each transport's apart.
#[derive(Debug, Default)]
pub(crate) struct CallCounter {
    grpc: Counter,
    rest: Counter,
}

impl CallCounter {
    fn of(&self, transport: Transport) -> &Counter {
        match transport {
            Transport::Grpc => &self.grpc,
            Transport::Rest => &self.rest,
        }
    }

    fn count(&self, call: Call, transport: Transport) {
        let counter = self.of(transport);
        let counter = match call {
            Call::Generate => &counter.generate,
            Call::Verify => &counter.verify,
        };
        counter.fetch_add(1, Ordering::SeqCst);
    }

    /// Over both transports together.
    pub(crate) fn read(&self) -> Calls {
        let (grpc, rest) = (self.grpc.read(), self.rest.read());
        Calls {
            generate: grpc.generate + rest.generate,
            verify: grpc.verify + rest.verify,
        }
    }

    pub(crate) fn read_over(&self, transport: Transport) -> Calls {
        self.of(transport).read()
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
    let Some((call, transport)) = Call::from_path(request.uri().path()) else {
        return next.run(request).await;
    };
    door.calls.count(call, transport);
    let script = door.faults.take(call, transport);
    if let Some(delay) = script.delay() {
        tokio::time::sleep(delay).await;
    }
    match (transport, script.status()) {
        (Transport::Grpc, Some(status)) => status.into_http(),
        (Transport::Rest, Some(status)) => rest::error(&status),
        (Transport::Grpc, None) => over_grpc(request, next, script).await,
        (Transport::Rest, None) => over_rest(request, next, script).await,
    }
}

async fn over_rest(mut request: Request, next: Next, script: Script) -> Response {
    let malformed = script.has(&Fault::Malformed);
    request.extensions_mut().insert(script);
    let response = next.run(request).await;
    if malformed {
        response.map(|_| Body::from("{\"challenge"))
    } else {
        response
    }
}

async fn over_grpc(request: Request, next: Next, script: Script) -> Response {
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
