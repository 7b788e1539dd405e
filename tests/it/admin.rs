//! The operators' door: who comes in, what they are shown, what is written down of it.

use std::net::Ipv4Addr;

use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{Answer, TestCa};

pub mod clients;
mod reading;
mod roles;
mod tokens;

/// A request as that kind of client makes it: a `POST` with an empty object.
fn request(ca: &TestCa, client: &Client, method: &str, path: &str) -> RequestBuilder {
    let address = format!("{}{path}", ca.admin);
    match method {
        "POST" => client.post(address).json(&json!({})),
        method => client.request(Method::from_bytes(method.as_bytes()).unwrap(), address),
    }
}

async fn answer(request: RequestBuilder) -> Answer {
    Answer::of(request.send().await.unwrap()).await
}

/// Asks with a token.
pub async fn ask(ca: &TestCa, token: &str, method: &str, path: &str) -> Answer {
    let client = ca.client_at(Ipv4Addr::LOCALHOST);
    answer(request(ca, &client, method, path).bearer_auth(token)).await
}

pub async fn get(ca: &TestCa, token: &str, path: &str) -> Answer {
    ask(ca, token, "GET", path).await
}

/// Posts this body with a token.
pub async fn post(ca: &TestCa, token: &str, path: &str, body: &Value) -> Answer {
    let client = ca.client_at(Ipv4Addr::LOCALHOST);
    let request = client.post(format!("{}{path}", ca.admin)).json(body);
    answer(request.bearer_auth(token)).await
}

/// Status, header fields and body, but for what differs from request to request.
fn likeness(answer: &Answer) -> (u16, HeaderMap, Value) {
    let mut body = answer.json.clone();
    if let Value::Object(members) = &mut body {
        members.remove("request_id");
    }
    (answer.status, answer.headers.clone(), body)
}

/// What there is at an address without a route.
async fn nothing(ca: &TestCa) -> Answer {
    let client = ca.client_at(Ipv4Addr::LOCALHOST);
    let answer = answer(request(ca, &client, "GET", "/v1/admin/nothing")).await;
    assert_eq!(answer.is("not_found").status, 404);
    answer
}

/// Asserts that an answer is what a stranger gets.
fn is_nothing(answer: &Answer, nothing: &Answer) {
    assert_eq!(likeness(answer), likeness(nothing), "{}", answer.text);
}

/// Kind, actor and subject of the operators' events, oldest first.
async fn events(ca: &TestCa) -> Vec<String> {
    let sql = "SELECT kind || ' ' || actor || ' ' || subject FROM events
        WHERE actor LIKE 'token:%' OR actor LIKE 'certificate:%' ORDER BY id";
    ca.rows(sql).await
}

/// A field that proves nothing.
fn with_field(request: RequestBuilder, value: &str) -> RequestBuilder {
    request.header(AUTHORIZATION, value)
}
