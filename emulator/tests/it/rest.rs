//! The REST twin: the same answers by name, on the same port.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tonic::Code;
use vaca_emulator::faults::Field;
use vaca_emulator::protocol::KeyTrustLevel;
use vaca_emulator::{Call, Calls, Fault, KeyAlgorithm, Options, Scope, Transport};

use crate::support::{ALICE, TestBed, bearer, http, scope_claims};

/// Asks over HTTP/1.1; status and JSON.
async fn post(bed: &TestBed, client: &reqwest::Client, method: &str, body: &str) -> (u16, Value) {
    let token = bearer(&bed.emulator.service_account_json(), scope_claims);
    let url = format!(
        "{}/v2/challenge:{method}",
        bed.emulator.verified_access_url()
    );
    let request = client.post(url).bearer_auth(token).body(body.to_owned());
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_default())
}

fn question(response: &[u8], expected_identity: &str) -> String {
    json!({
        "challengeResponse": STANDARD.encode(response),
        "expectedIdentity": expected_identity,
    })
    .to_string()
}

async fn response(bed: &TestBed, client: &reqwest::Client, scope: Scope) -> Vec<u8> {
    let (status, challenge) = post(bed, client, "generate", "{}").await;
    assert_eq!(status, 200);
    let challenge = STANDARD
        .decode(challenge["challenge"].as_str().unwrap())
        .unwrap();
    let mut chromebook = bed.chromebook().await;
    chromebook
        .challenge_key(&challenge, scope, Some(KeyAlgorithm::Ecdsa))
        .await
        .unwrap()
}

#[tokio::test]
async fn both_transports_answer_alike_on_one_port() {
    let bed = TestBed::start().await;
    let client = http();
    let machine = response(&bed, &client, Scope::Machine).await;
    let (status, by_name) = post(&bed, &client, "verify", &question(&machine, "example.com")).await;
    assert_eq!(status, 200, "{by_name}");
    let by_number = bed.caller.verify(&machine, "example.com").await.unwrap();
    assert_eq!(by_name["devicePermanentId"], by_number.device_permanent_id);
    assert_eq!(by_name["virtualDeviceId"], by_number.virtual_device_id);
    assert_eq!(by_name["customerId"], by_number.customer_id);
    assert_eq!(
        by_name["deviceEnrollmentId"],
        by_number.device_enrollment_id
    );
    assert_eq!(
        by_name["signedPublicKeyAndChallenge"],
        by_number.signed_public_key_and_challenge
    );
    assert_eq!(by_name["keyTrustLevel"], "CHROME_OS_VERIFIED_MODE");
    assert_eq!(by_name.as_object().unwrap().len(), 6, "no empty fields");
    let one = Calls {
        generate: 0,
        verify: 1,
    };
    assert_eq!(bed.emulator.calls_over(Transport::Grpc), one);
    let two = Calls {
        generate: 1,
        verify: 1,
    };
    assert_eq!(bed.emulator.calls_over(Transport::Rest), two);
    assert_eq!(bed.emulator.calls().verify, 2);
}

#[tokio::test]
async fn rest_speaks_http_1_over_tls_beside_grpc() {
    let bed = TestBed::start_with(Options {
        tls: true,
        ..Options::default()
    })
    .await;
    let root = bed.emulator.root_certificate_pem().unwrap();
    let client = crate::support::http_trusting(&root);
    let user = response(&bed, &client, Scope::User).await;
    let (status, answer) = post(&bed, &client, "verify", &question(&user, ALICE)).await;
    assert_eq!(status, 200);
    assert!(answer.get("devicePermanentId").is_none());
    bed.caller.verify(&user, ALICE).await.unwrap();
}

#[tokio::test]
async fn refusals_are_googles_json() {
    let bed = TestBed::start().await;
    let client = http();
    let user = response(&bed, &client, Scope::User).await;
    for (body, status, name) in [
        (question(&user, "bob@example.com"), 400, "INVALID_ARGUMENT"),
        (
            "{\"challengeResponse\": 5}".to_owned(),
            400,
            "INVALID_ARGUMENT",
        ),
        ("{\"other\": \"x\"}".to_owned(), 400, "INVALID_ARGUMENT"),
        (
            "{\"challengeResponse\": \"%\"}".to_owned(),
            400,
            "INVALID_ARGUMENT",
        ),
        (String::new(), 400, "INVALID_ARGUMENT"),
    ] {
        let (seen, answer) = post(&bed, &client, "verify", &body).await;
        assert_eq!((seen, &answer["error"]["code"]), (status, &json!(status)));
        assert_eq!(answer["error"]["status"], name);
        assert!(!answer["error"]["message"].as_str().unwrap().is_empty());
    }
    for (code, status) in [
        ("UNAUTHENTICATED", 401),
        ("PERMISSION_DENIED", 403),
        ("NOT_FOUND", 404),
        ("RESOURCE_EXHAUSTED", 429),
        ("INTERNAL", 500),
        ("UNAVAILABLE", 503),
        ("DEADLINE_EXCEEDED", 504),
    ] {
        bed.emulator
            .faults()
            .next(Call::Verify, Fault::status(code));
        let (seen, answer) = post(&bed, &client, "verify", &question(&user, ALICE)).await;
        assert_eq!((seen, &answer["error"]["status"]), (status, &json!(code)));
    }
    // Nobody, and somebody without credentials.
    let url = format!(
        "{}/v2/challenge:generate",
        bed.emulator.verified_access_url()
    );
    let answer = client.post(url).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 401);
}

#[tokio::test]
async fn numbers_concern_grpc_alone_and_one_transport_can_fail_alone() {
    let bed = TestBed::start().await;
    let client = http();
    let user = response(&bed, &client, Scope::User).await;
    let faults = bed.emulator.faults();
    faults.every(
        Call::Verify,
        [
            Fault::ResultNumbers(BTreeMap::from([(3, 4), (4, 3)])),
            Fault::RequestNumbers(BTreeMap::from([(2, 12)])),
        ],
    );
    let (_, answer) = post(&bed, &client, "verify", &question(&user, ALICE)).await;
    assert_eq!(answer["customerId"], "C01example");
    let (status, _) = post(&bed, &client, "verify", &question(&user, "bob@example.com")).await;
    assert_eq!(status, 400, "the identity is checked by name");
    // Over gRPC it is not even seen.
    bed.caller.verify(&user, "bob@example.com").await.unwrap();

    faults.clear();
    faults.every_over(Transport::Grpc, Call::Verify, Fault::Down);
    let refused = bed.caller.verify(&user, ALICE).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    let (status, _) = post(&bed, &client, "verify", &question(&user, ALICE)).await;
    assert_eq!(status, 200);

    faults.clear();
    faults.every_over(Transport::Rest, Call::Verify, Fault::Down);
    bed.caller.verify(&user, ALICE).await.unwrap();
    let (status, _) = post(&bed, &client, "verify", &question(&user, ALICE)).await;
    assert_eq!(status, 503);
}

#[tokio::test]
async fn the_control_plane_tells_transports_apart() {
    let bed = TestBed::start().await;
    let client = http();
    let control = format!("{}/emulator/v1", bed.emulator.control_url());
    let rule = json!({"call": "generate", "transport": "rest", "faults": ["down"], "times": 1});
    let added = client.post(format!("{control}/faults")).json(&rule).send();
    assert!(added.await.unwrap().status().is_success());
    let pending = client
        .get(format!("{control}/faults"))
        .send()
        .await
        .unwrap();
    assert_eq!(pending.json::<Value>().await.unwrap(), json!([rule]));
    bed.caller.generate().await.unwrap();
    assert_eq!(post(&bed, &client, "generate", "").await.0, 503);
    assert_eq!(post(&bed, &client, "generate", "").await.0, 200);
    for (path, generate) in [("calls", 3), ("calls/grpc", 1), ("calls/rest", 2)] {
        let calls = client
            .get(format!("{control}/{path}"))
            .send()
            .await
            .unwrap();
        let calls: Value = calls.json().await.unwrap();
        assert_eq!(calls["generate"], generate, "{path}");
    }
    let unknown = client.get(format!("{control}/calls/http")).send().await;
    assert_eq!(unknown.unwrap().status().as_u16(), 400);
}

#[tokio::test]
async fn odd_contents_are_written_as_google_would() {
    let bed = TestBed::start().await;
    let client = http();
    let user = response(&bed, &client, Scope::User).await;
    let faults = bed.emulator.faults();
    faults.next(
        Call::Verify,
        [
            Fault::KeyTrustLevel("77".to_owned()),
            Fault::Set {
                field: Field::ProfileKeyTrustLevel,
                value: KeyTrustLevel::ChromeBrowserOsKey.as_str_name().to_owned(),
            },
        ],
    );
    let (_, answer) = post(&bed, &client, "verify", &question(&user, ALICE)).await;
    assert_eq!(answer["keyTrustLevel"], 77);
    assert_eq!(answer["profileKeyTrustLevel"], "CHROME_BROWSER_OS_KEY");
    faults.next(Call::Verify, Fault::Malformed);
    let (_, answer) = post(&bed, &client, "verify", &question(&user, ALICE)).await;
    assert_eq!(answer, Value::Null, "not JSON");
}
