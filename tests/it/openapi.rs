//! The documents that describe the routes, held against the service by somebody else's program:
//! schemathesis reads them, makes requests that fit and requests that do not, and compares the answers.

use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use vaca::access::issue::TokenOrder;
use vaca::model::role::Role;
use vaca_emulator::{Call, Fault, KeyAlgorithm};

use crate::support::{ALICE, Answer, TestCa, schemathesis};

async fn fetch(ca: &TestCa, url: &str, token: Option<&str>) -> Answer {
    let request = ca.client_at(Ipv4Addr::LOCALHOST).get(url);
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    Answer::of(request.send().await.unwrap()).await
}

/// Something of every kind to be shown: a user's and a device's certificate, and denials that led to
/// pauses.
async fn something(ca: &TestCa) {
    let mut chromebook = ca.chromebook(ALICE).await;
    let key = KeyAlgorithm::Ecdsa;
    ca.enroll_user(&mut chromebook, key).await.issued();
    ca.enroll_device(&mut chromebook, key).await.issued();
    ca.emulator
        .faults()
        .every(Call::Verify, Fault::DeveloperMode);
    for user in ["bob@example.com", "carol@example.com"] {
        for _ in 0..3 {
            let mut other = ca.chromebook(user).await;
            ca.enroll_user(&mut other, key).await.is("developer_mode");
        }
    }
    ca.emulator.faults().clear();
}

/// The one value that this finds.
async fn one(ca: &TestCa, sql: &'static str) -> String {
    ca.rows(sql).await.remove(0)
}

#[tokio::test]
async fn devices_and_relying_parties_get_what_the_document_says() {
    let ca = TestCa::start().await;
    something(&ca).await;
    let issuer = one(&ca, "SELECT issuer_id FROM certificates").await;
    let of_client = async |column: &str| {
        let sql = format!("SELECT {column} FROM certificates WHERE kind = 'client' ORDER BY id");
        ca.rows(AssertSqlSafe(sql)).await.remove(0)
    };
    let (_chromebook, response) = ca.alices_response().await;
    let configuration = include_str!("openapi/public.toml")
        .replace("ISSUER", &issuer)
        .replace("CLIENT", &of_client("issuer_id").await)
        .replace("SERIAL", &of_client("serial").await)
        .replace("RESPONSE", &STANDARD.encode(response));
    let document = format!("{}/v1/openapi.json", ca.api);
    schemathesis::finds_nothing(&ca, &document, &configuration, None).await;
    let issued = "SELECT count(*) FROM attempts WHERE state = 'issued'";
    assert_eq!(ca.count(issued).await, 3, "it got as far as a certificate");
    ca.check().await;
}

#[tokio::test]
async fn operators_get_what_the_document_says() {
    let ca = TestCa::start().await;
    something(&ca).await;
    let token = ca.token(Role::Administrator).await;
    // Worthless at the end.
    let spare = TokenOrder::new("spare", Role::Auditor, None).unwrap();
    let spare = ca.issue_token(&spare).await;
    let configuration = include_str!("openapi/admin.toml")
        .replace("ATTEMPT", &one(&ca, "SELECT short_id FROM attempts").await)
        .replace(
            "ISSUER",
            &one(&ca, "SELECT issuer_id FROM certificates").await,
        )
        .replace("SERIAL", &one(&ca, "SELECT serial FROM certificates").await)
        .replace("TOKEN", spare.id.as_str());
    let document = format!("{}/v1/admin/openapi.json", ca.admin);
    schemathesis::finds_nothing(&ca, &document, &configuration, Some(&token)).await;
    let paused = format!("{}/v1/admin/paused", ca.admin);
    let paused = fetch(&ca, &paused, Some(&token)).await;
    assert_eq!(paused.json["items"], json!([]), "it released who waited");
    ca.check().await;
}

#[tokio::test]
async fn what_is_described_is_served() {
    let ca = TestCa::start().await;
    let token = ca.token(Role::Administrator).await;
    let public = fetch(&ca, &format!("{}/v1/openapi.json", ca.api), None).await;
    let admin = format!("{}/v1/admin/openapi.json", ca.admin);
    fetch(&ca, &admin, None).await.is("not_found");
    let admin = fetch(&ca, &admin, Some(&token)).await;
    for answer in [&public, &admin] {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.json["openapi"], "3.1.0");
    }
    // A method that no route has: an address at which there is nothing answers otherwise.
    let client = ca.client_at(Ipv4Addr::LOCALHOST);
    for path in paths(&public.json) {
        let request = client.request(Method::PUT, format!("{}{path}", ca.api));
        let answer = Answer::of(request.send().await.unwrap()).await;
        answer.is("method_not_allowed");
    }
    ca.check().await;
}

fn paths(document: &Value) -> Vec<&String> {
    document["paths"].as_object().unwrap().keys().collect()
}
