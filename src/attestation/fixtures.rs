//! For this module's tests: a service account's key, and a peer that says what it is told to.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail, and only tests use this"
)]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use der::pem::{LineEnding, encode_string};
use tonic::Status;
use tonic::body::Body;
use tonic::server::Grpc as ServerGrpc;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::attestation::failure::code_name;
use crate::attestation::protocol::{
    Challenge, GenerateChallengeRequest, VerifyChallengeResponseRequest,
    VerifyChallengeResponseResult,
};

/// PKCS#8 PEM of a fresh RSA-2048 key, and its public half (PKCS#1), the same for all tests.
pub(super) fn key() -> &'static (String, Vec<u8>) {
    static KEY: OnceLock<(String, Vec<u8>)> = OnceLock::new();
    KEY.get_or_init(|| {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let pem = encode_string("PRIVATE KEY", LineEnding::LF, der.as_ref()).unwrap();
        (pem, pair.public_key().as_ref().to_vec())
    })
}

/// The JSON of a service account's key, with one field changed (or removed, by `Null`).
pub(super) fn key_json(field: &str, value: serde_json::Value) -> serde_json::Value {
    let mut json = serde_json::json!({
        "type": "service_account",
        "project_id": "example",
        "private_key_id": "key-1",
        "private_key": key().0,
        "client_email": "vaca@example.com",
        "token_uri": "https://oauth2.example.com/token",
    });
    if value.is_null() {
        json.as_object_mut().unwrap().remove(field);
    } else {
        json.as_object_mut()
            .unwrap()
            .insert(field.to_owned(), value);
    }
    json
}

/// A folder that holds `json` as a file; both go when the folder is dropped.
pub(super) fn key_file(json: &serde_json::Value) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.json");
    std::fs::write(&path, json.to_string()).unwrap();
    (folder, path)
}

/// What the peer does with one call.
pub(super) enum Act {
    Challenge(Vec<u8>),
    Answer(Box<VerifyChallengeResponseResult>),
    Fail(Status),
    /// Over REST only: any HTTP status, headers' `retry-after` and body.
    Http(u16, Option<&'static str>, Vec<u8>),
    /// Answers nothing for ten seconds.
    Stall,
}

/// One call as the peer saw it.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) over_rest: bool,
    pub(super) authorization: String,
    pub(super) response: Vec<u8>,
    pub(super) expected_identity: String,
}

/// A Verified Access of no cryptography, on loopback.
#[derive(Clone, Default)]
pub(super) struct Peer {
    acts: Arc<Mutex<VecDeque<Act>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Peer {
    /// Listens on a free port until the test's runtime ends.
    pub(super) fn start() -> (Self, SocketAddr) {
        let peer = Self::default();
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = incoming.local_addr().unwrap();
        let routes = axum::Router::new().fallback_service(service_fn({
            let peer = peer.clone();
            move |request| {
                let peer = peer.clone();
                async move { Ok::<_, Infallible>(peer.serve(request).await) }
            }
        }));
        tokio::spawn(
            Server::builder()
                .accept_http1(true)
                .add_routes(routes.into())
                .serve_with_incoming(incoming.with_nodelay(Some(true))),
        );
        (peer, address)
    }

    /// What is done with the next calls, in order; after that, every call fails as INTERNAL.
    pub(super) fn will(&self, acts: impl IntoIterator<Item = Act>) {
        self.acts.lock().unwrap().extend(acts);
    }

    /// The calls so far, and forgets them.
    pub(super) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    async fn act(&self, seen: Seen) -> Result<Act, Status> {
        self.seen.lock().unwrap().push(seen);
        let act = self.acts.lock().unwrap().pop_front();
        match act {
            Some(Act::Fail(status)) => Err(status),
            Some(Act::Stall) => {
                tokio::time::sleep(Duration::from_secs(10)).await;
                Err(Status::internal("stalled"))
            }
            Some(act) => Ok(act),
            None => Err(Status::internal("the test says nothing of this call")),
        }
    }

    async fn act_over_rest(&self, authorization: String, body: &[u8]) -> Result<Act, Status> {
        let question: serde_json::Value = serde_json::from_slice(body).unwrap();
        let text = |name: &str| question[name].as_str().unwrap_or_default().to_owned();
        self.act(Seen {
            over_rest: true,
            authorization,
            response: BASE64_STANDARD.decode(text("challengeResponse")).unwrap(),
            expected_identity: text("expectedIdentity"),
        })
        .await
    }

    async fn serve(&self, request: http::Request<axum::body::Body>) -> http::Response<Body> {
        let authorization = request.headers().get("authorization");
        let authorization = authorization
            .map_or("", |value| value.to_str().unwrap())
            .to_owned();
        let method = request.uri().path().rsplit('/').next().unwrap().to_owned();
        match method.as_str() {
            "challenge:generate" | "challenge:verify" => {
                let body = axum::body::to_bytes(request.into_body(), 1 << 20).await;
                rest(self.act_over_rest(authorization, &body.unwrap()).await)
            }
            "GenerateChallenge" => {
                let service = service_fn(|_: tonic::Request<GenerateChallengeRequest>| async {
                    let seen = Seen {
                        authorization: authorization.clone(),
                        ..Seen::default()
                    };
                    match self.act(seen).await? {
                        Act::Challenge(challenge) => {
                            Ok(tonic::Response::new(Challenge { challenge }))
                        }
                        _ => Err(Status::internal("the test meant another method")),
                    }
                });
                let codec = ProstCodec::<Challenge, GenerateChallengeRequest>::default();
                ServerGrpc::new(codec).unary(service, request).await
            }
            "VerifyChallengeResponse" => {
                let service = service_fn(
                    |question: tonic::Request<VerifyChallengeResponseRequest>| async {
                        let question = question.into_inner();
                        let seen = Seen {
                            over_rest: false,
                            authorization: authorization.clone(),
                            response: question.challenge_response,
                            expected_identity: question.expected_identity,
                        };
                        match self.act(seen).await? {
                            Act::Answer(answer) => Ok(tonic::Response::new(*answer)),
                            _ => Err(Status::internal("the test meant another method")),
                        }
                    },
                );
                let codec = ProstCodec::<
                    VerifyChallengeResponseResult,
                    VerifyChallengeResponseRequest,
                >::default();
                ServerGrpc::new(codec).unary(service, request).await
            }
            other => panic!("no such method: {other}"),
        }
    }
}

/// An act as Google's front end writes it.
fn rest(act: Result<Act, Status>) -> http::Response<Body> {
    let json = |value: serde_json::Value| (200, None, value.to_string().into_bytes());
    let (status, wait, body) = match act {
        Ok(Act::Challenge(challenge)) => json(serde_json::json!({
            "challenge": BASE64_STANDARD.encode(challenge),
        })),
        Ok(Act::Answer(answer)) => json(serde_json::json!({
            "devicePermanentId": answer.device_permanent_id,
            "customerId": answer.customer_id,
            "signedPublicKeyAndChallenge": answer.signed_public_key_and_challenge,
            "keyTrustLevel": answer.key_trust_level().as_str_name(),
        })),
        Ok(Act::Http(status, wait, body)) => (status, wait, body),
        Ok(Act::Fail(status)) | Err(status) => {
            let body = serde_json::json!({
                "error": {
                    "code": 0,
                    "message": status.message(),
                    "status": code_name(status.code()),
                }
            });
            // The name decides: the HTTP status is some error.
            (500, None, body.to_string().into_bytes())
        }
        Ok(Act::Stall) => panic!("stalling answers nothing"),
    };
    let mut response = http::Response::builder().status(status);
    if let Some(wait) = wait {
        response = response.header("retry-after", wait);
    }
    response
        .body(Body::new(axum::body::Body::from(body)))
        .unwrap()
}
