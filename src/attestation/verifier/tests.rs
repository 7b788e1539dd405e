#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use std::net::SocketAddr;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use prost::encoding::{WireType, encode_key, encode_varint};
use tonic::{Code, Status};

use super::*;
use crate::attestation::fixtures::{Act, Peer, key_file, key_json};
use crate::attestation::protocol::VerifyChallengeResponseResult;
use crate::attestation::settings::Trust;
use crate::clock::TestClock;
use crate::model::identity::Email;
use crate::random::SeededRandom;

const NOW: i64 = 1_700_000_000;

fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_key(number, WireType::LengthDelimited, &mut bytes);
    encode_varint(content.len() as u64, &mut bytes);
    [bytes, content.to_vec()].concat()
}

/// A challenge of `seconds` since the epoch.
fn challenge(seconds: i64) -> Vec<u8> {
    let mut time = Vec::new();
    encode_key(3, WireType::Varint, &mut time);
    encode_varint(u64::try_from(seconds * 1000).unwrap(), &mut time);
    let data = [field(1, b"prefix"), field(2, b"nonce"), time].concat();
    [field(1, &data), field(2, b"signature")].concat()
}

fn response() -> UnverifiedResponse {
    let inner = [
        field(1, &challenge(NOW)),
        field(2, b"nonce"),
        field(3, b"key info"),
    ];
    let bytes = [field(1, &inner.concat()), field(2, b"signature")].concat();
    UnverifiedResponse::parse(bytes).unwrap()
}

fn alice() -> ExpectedIdentity {
    ExpectedIdentity::Email(Email::parse("alice@example.com").unwrap())
}

fn answer() -> Act {
    Act::Answer(Box::new(VerifyChallengeResponseResult {
        customer_id: "C01ours".to_owned(),
        ..VerifyChallengeResponseResult::default()
    }))
}

/// Over REST, by one call for one question.
async fn connect(address: SocketAddr) -> (Verifier, TestClock) {
    connect_over(Transport::Rest, address).await
}

async fn connect_over(transport: Transport, address: SocketAddr) -> (Verifier, TestClock) {
    let (_folder, path) = key_file(&key_json("project_id", "example".into()));
    let settings = VerifiedAccessSettings {
        endpoint: Endpoint::Test,
        url: Some(format!("http://{address}")),
        service_account_file: Some(path),
        transport,
        ..VerifiedAccessSettings::default()
    };
    let clock = TestClock::at(Timestamp(NOW));
    let random = Arc::new(SeededRandom::new(1));
    let verifier =
        Verifier::connect(&settings, Arc::new(clock.clone()), random, Calls::default()).await;
    (verifier.unwrap(), clock)
}

async fn verify(verifier: &Verifier) -> Result<UnverifiedAnswer, Failure> {
    verifier
        .verify(&response(), &alice(), Duration::from_secs(8))
        .await
}

fn fail(code: Code) -> Act {
    Act::Fail(Status::new(code, "said of alice@example.com"))
}

#[test]
fn its_futures_may_change_threads() {
    fn is_send<T: Send>(_: &T) {}
    #[expect(dead_code, reason = "compiling is the test")]
    fn check(verifier: &Verifier, response: &UnverifiedResponse, expected: &ExpectedIdentity) {
        is_send(&verifier.generate());
        is_send(&verifier.verify(response, expected, Duration::ZERO));
    }
}

#[tokio::test]
async fn a_challenge_and_its_response_go_and_come_unchanged() {
    let (peer, address) = Peer::start();
    let (verifier, clock) = connect(address).await;
    peer.will([Act::Challenge(challenge(NOW - 100)), answer()]);
    let (made, digest) = verifier.generate().await.unwrap();
    assert_eq!(made.0, challenge(NOW - 100));
    assert_eq!(digest, challenge_digest(&made).unwrap().0);
    assert_eq!(verifier.status().last_success, None);

    let answer = verify(&verifier).await.unwrap();
    assert_eq!(answer.customer_id, "C01ours");
    clock.advance(3);
    let status = verifier.status();
    assert_eq!(status.last_success, Some(Duration::from_secs(3)));
    assert_eq!(status.clock_skew_seconds, Some(100));
    assert!(status.clock_trusted && status.misconfigured.is_none());
    assert_eq!((status.transport, status.trust), ("rest", "cleartext"));
    assert_eq!(status.transports(), "rest");

    let seen = peer.seen();
    assert_eq!(seen[1].response, response().bytes());
    assert_eq!(seen[1].expected_identity, "alice@example.com");
    for call in seen {
        let token = call.authorization.strip_prefix("Bearer ").unwrap();
        let claims = BASE64_URL_SAFE_NO_PAD
            .decode(token.split('.').nth(1).unwrap())
            .unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["iss"], "vaca@example.com");
        assert_eq!(
            claims["scope"],
            "https://www.googleapis.com/auth/verifiedaccess"
        );
    }
}

#[test]
fn readiness_shows_whom_tls_trusts() {
    let word = |root: Option<&str>, trust, origin: &'static str| {
        let settings = VerifiedAccessSettings {
            root_certificate_file: root.map(Into::into),
            trust,
            ..VerifiedAccessSettings::default()
        };
        trust_word(&settings, &Uri::from_static(origin))
    };
    let narrow = Trust::GoogleTrustServices;
    assert_eq!(word(None, Trust::Public, "https://a.example"), "public");
    assert_eq!(
        word(None, narrow, "https://a.example"),
        "google_trust_services"
    );
    assert_eq!(
        word(Some("r"), Trust::Public, "https://a.example"),
        "replaced"
    );
    assert_eq!(word(None, Trust::Public, "http://127.0.0.1:1"), "cleartext");
}

#[tokio::test]
async fn what_may_pass_is_asked_again_and_a_refusal_is_not() {
    let (peer, address) = Peer::start();
    let (verifier, _clock) = connect(address).await;
    peer.will([fail(Code::Unavailable), fail(Code::Internal), answer()]);
    assert!(verify(&verifier).await.is_ok());
    assert_eq!(peer.seen().len(), 3);

    peer.will([fail(Code::InvalidArgument)]);
    let refused = verify(&verifier).await.unwrap_err();
    let status = "INVALID_ARGUMENT".to_owned();
    assert_eq!(refused, Failure::Refused { status });
    assert_eq!(peer.seen().len(), 1);

    peer.will([
        fail(Code::ResourceExhausted),
        fail(Code::ResourceExhausted),
        answer(),
    ]);
    let full = verify(&verifier).await.unwrap_err();
    let cause = "RESOURCE_EXHAUSTED: said of [address]".to_owned();
    let retry_after = None;
    assert_eq!(full, Failure::Unavailable { cause, retry_after });
    assert_eq!(peer.seen().len(), 2);
}

#[tokio::test]
async fn what_cannot_be_read_is_an_outage_and_a_wait_is_kept() {
    let (peer, address) = Peer::start();
    let (verifier, _clock) = connect(address).await;
    let too_long = vec![b' '; 256 * 1024 + 1];
    for (status, body) in [
        (200, b"{\"customerId\": 5}".to_vec()),
        (200, b"[]".to_vec()),
        (200, Vec::new()),
        (200, too_long),
        (204, Vec::new()),
        (302, Vec::new()),
        (400, b"<html>not Google</html>".to_vec()),
        (404, Vec::new()),
        (503, b"{\"error\": {}}".to_vec()),
    ] {
        peer.will((0..4).map(|_| Act::Http(status, None, body.clone())));
        let failure = verify(&verifier).await.unwrap_err();
        assert!(
            matches!(failure, Failure::Unavailable { .. }),
            "{status} {failure}"
        );
        assert_eq!(peer.seen().len(), 4, "asked again");
    }
    let full = br#"{"error": {"status": "RESOURCE_EXHAUSTED", "message": "later"}}"#;
    peer.will((0..2).map(|_| Act::Http(429, Some("7"), full.to_vec())));
    let cause = "RESOURCE_EXHAUSTED: later".to_owned();
    let retry_after = Some(7);
    assert_eq!(
        verify(&verifier).await.unwrap_err(),
        Failure::Unavailable { cause, retry_after }
    );
}

#[tokio::test]
async fn grpc_alone_is_believed_after_it_refused_a_wrong_identity() {
    let (peer, address) = Peer::start();
    let (verifier, clock) = connect_over(Transport::Grpc, address).await;
    let status = verifier.status();
    assert!(
        status
            .transports()
            .starts_with("grpc: user over grpc (not proven")
    );

    // Nothing is learnt where the right identity is refused too.
    peer.will([fail(Code::InvalidArgument), fail(Code::InvalidArgument)]);
    let failure = verify(&verifier).await.unwrap_err();
    assert!(matches!(failure, Failure::Refused { .. }));
    peer.will([fail(Code::InvalidArgument), answer()]);
    assert_eq!(verify(&verifier).await.unwrap().customer_id, "C01ours");
    let seen = peer.seen();
    assert_eq!(seen.len(), 4);
    for probe in [&seen[0], &seen[2]] {
        assert!(probe.expected_identity.ends_with("@example.com"));
        assert_ne!(probe.expected_identity, "alice@example.com");
        assert_eq!(probe.response, response().bytes());
    }
    assert_eq!(seen[3].expected_identity, "alice@example.com");
    assert!(seen.iter().all(|call| !call.over_rest));

    // Proven for a day.
    peer.will([answer()]);
    verify(&verifier).await.unwrap();
    clock.advance(24 * 60 * 60);
    peer.will([fail(Code::InvalidArgument), answer()]);
    verify(&verifier).await.unwrap();
    assert_eq!(peer.seen().len(), 3);
    assert_eq!(verifier.status().misconfigured, None);
}

#[tokio::test]
async fn grpc_alone_answers_nobody_where_a_wrong_identity_is_accepted() {
    let (peer, address) = Peer::start();
    let (verifier, clock) = connect_over(Transport::Grpc, address).await;
    peer.will([answer()]);
    for _ in 0..2 {
        let failure = verify(&verifier).await.unwrap_err();
        assert!(
            matches!(failure, Failure::Misconfigured { .. }),
            "{failure}"
        );
    }
    assert_eq!(peer.seen().len(), 1, "it is not asked again");
    let status = verifier.status();
    assert!(status.misconfigured.unwrap().contains("nobody is answered"));
    clock.advance(24 * 60 * 60);
    assert_eq!(verifier.status().misconfigured, None);

    // A permission denied proves nothing, and blames nobody else where the right identity passes.
    peer.will([fail(Code::PermissionDenied), answer()]);
    let failure = verify(&verifier).await.unwrap_err();
    assert!(
        matches!(failure, Failure::Misconfigured { .. }),
        "{failure}"
    );
    peer.will([fail(Code::PermissionDenied), fail(Code::InvalidArgument)]);
    let failure = verify(&verifier).await.unwrap_err();
    assert!(matches!(failure, Failure::Refused { .. }), "{failure}");
}

#[tokio::test]
async fn permission_denied_is_ours_until_something_has_succeeded() {
    let (peer, address) = Peer::start();
    let (verifier, _clock) = connect(address).await;
    peer.will([fail(Code::PermissionDenied), answer()]);
    let denied = verify(&verifier).await.unwrap_err();
    assert!(matches!(denied, Failure::Misconfigured { .. }));
    assert!(verifier.status().misconfigured.is_some());
    verify(&verifier).await.unwrap();
    assert_eq!(verifier.status().misconfigured, None);
    peer.will([fail(Code::PermissionDenied)]);
    let denied = verify(&verifier).await.unwrap_err();
    assert_eq!(denied, Failure::NotPermitted);
    assert_eq!(verifier.status().permission_denials, 1);
}

#[tokio::test]
async fn nobody_is_refused_where_a_challenge_is_not_made() {
    let (peer, address) = Peer::start();
    let (verifier, _clock) = connect(address).await;
    for act in [
        fail(Code::PermissionDenied),
        fail(Code::Unauthenticated),
        fail(Code::NotFound),
        Act::Challenge(Vec::new()),
        Act::Challenge(b"not a challenge".to_vec()),
    ] {
        peer.will([act]);
        let failure = verifier.generate().await.unwrap_err();
        assert!(matches!(failure, Failure::Misconfigured { .. }));
        assert!(verifier.status().misconfigured.is_some());
    }
    peer.will([Act::Challenge(challenge(NOW)), fail(Code::Unauthenticated)]);
    verifier.generate().await.unwrap();
    assert_eq!(verifier.status().misconfigured, None);
    let failure = verify(&verifier).await.unwrap_err();
    assert!(matches!(failure, Failure::Misconfigured { .. }));
}

#[tokio::test]
async fn an_outage_is_no_refusal_and_ends_in_time() {
    let (peer, address) = Peer::start();
    let (verifier, _clock) = connect(address).await;
    peer.will([Act::Stall]);
    let failure = verifier
        .verify(&response(), &alice(), Duration::from_millis(200))
        .await
        .unwrap_err();
    assert!(matches!(failure, Failure::Unavailable { .. }), "{failure}");

    // A port that was free a moment ago, and that nobody listens on.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let (verifier, _clock) = connect(address).await;
    let failure = verify(&verifier).await.unwrap_err();
    assert!(matches!(failure, Failure::Unavailable { .. }), "{failure}");
    assert_eq!(verifier.status().misconfigured, None);
}

#[tokio::test]
async fn a_clock_that_was_wrong_is_not_believed_again() {
    let (peer, address) = Peer::start();
    let (verifier, clock) = connect(address).await;
    peer.will([
        Act::Challenge(challenge(NOW)),
        Act::Challenge(challenge(NOW)),
    ]);
    clock.jump(120);
    assert!(verifier.generate().await.is_ok());
    clock.jump(1);
    let untrusted = Failure::ClockUntrusted { skew_seconds: 121 };
    assert_eq!(verifier.generate().await.unwrap_err(), untrusted);
    assert_eq!(peer.seen().len(), 2);
    clock.jump(-121);
    assert_eq!(verifier.generate().await.unwrap_err(), untrusted);
    assert_eq!(verify(&verifier).await.unwrap_err(), untrusted);
    assert!(peer.seen().is_empty(), "nothing was asked");
    assert!(!verifier.clock_trusted());
}
