//! A Verified Access that believes what it is told, so that it costs next to nothing. It still
//! refuses another identity than the response's, as Google does: a client that tries it out finds
//! what it expects. It speaks gRPC and REST on one port, in the clear, on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::routing::post;
use axum::serve::ListenerExt as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use vaca::clock::{Clock, SystemClock};
use vaca::random::{Random, SystemRandom};
use vaca_emulator::protocol::verified_access_server::{VerifiedAccess, VerifiedAccessServer};
use vaca_emulator::protocol::{
    Challenge, GenerateChallengeRequest, KeyTrustLevel, VerifyChallengeResponseRequest,
    VerifyChallengeResponseResult,
};

use crate::response;

mod rest;

/// The customer that it names as everybody's.
pub const CUSTOMER: &str = "C01example";

/// Generates and verifies, for both transports.
#[derive(Clone, Debug)]
struct Trusting {
    clock: Arc<SystemClock>,
    random: Arc<SystemRandom>,
}

/// Listens on a free loopback port, prints `http://127.0.0.1:PORT`, and serves until it is killed.
///
/// # Errors
/// Where it cannot listen.
pub async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    println!("http://{}", listener.local_addr()?);
    let trusting = Trusting {
        clock: Arc::default(),
        random: Arc::default(),
    };
    let rest = Router::new()
        .route("/v2/challenge:generate", post(rest::generate))
        .route("/v2/challenge:verify", post(rest::verify))
        .with_state(trusting.clone());
    let grpc = Routes::new(VerifiedAccessServer::new(trusting)).into_axum_router();
    // Without this each small answer waits for the peer's acknowledgement.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, rest.merge(grpc)).await?;
    Ok(())
}

impl Trusting {
    fn challenge(&self) -> anyhow::Result<Vec<u8>> {
        let random: &dyn Random = self.random.as_ref();
        Ok(response::challenge(
            random.array()?,
            self.clock.now_millis(),
        ))
    }
}

/// What the response says of itself, if it is about `expected_identity`.
fn verdict(
    response: &[u8],
    expected_identity: &str,
) -> anyhow::Result<VerifyChallengeResponseResult> {
    let key_info = response::open(response)?;
    let identity = key_info.domain.context("no identity")?;
    anyhow::ensure!(identity == expected_identity, "another identity");
    let spkac = key_info.signed_public_key_and_challenge;
    let device_id = key_info.device_id.unwrap_or_default();
    Ok(VerifyChallengeResponseResult {
        virtual_device_id: String::from_utf8(device_id)?,
        customer_id: CUSTOMER.to_owned(),
        signed_public_key_and_challenge: STANDARD.encode(spkac.context("no request")?),
        key_trust_level: KeyTrustLevel::ChromeOsVerifiedMode.into(),
        ..VerifyChallengeResponseResult::default()
    })
}

#[tonic::async_trait]
impl VerifiedAccess for Trusting {
    async fn generate_challenge(
        &self,
        _: Request<GenerateChallengeRequest>,
    ) -> Result<Response<Challenge>, Status> {
        let challenge = self.challenge();
        let challenge = challenge.map_err(|error| Status::internal(error.to_string()))?;
        Ok(Response::new(Challenge { challenge }))
    }

    async fn verify_challenge_response(
        &self,
        request: Request<VerifyChallengeResponseRequest>,
    ) -> Result<Response<VerifyChallengeResponseResult>, Status> {
        let question = request.into_inner();
        verdict(&question.challenge_response, &question.expected_identity)
            .map(Response::new)
            .map_err(|error| Status::invalid_argument(error.to_string()))
    }
}
