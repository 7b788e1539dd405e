//! Every route, every role, every way in.

use std::net::Ipv4Addr;

use reqwest::Client;
use vaca::http::admin::{Entry, TABLE};
use vaca::model::role::Role;

use super::clients::{Named, TlsCa};
use super::{Answer, answer, is_nothing, nothing, request};
use crate::support::TestCa;

/// The route's address with something behind each variable segment.
fn path(entry: &Entry, attempt: &str, certificate: &str) -> String {
    entry
        .path
        .replace("{issuer}/{serial}", certificate)
        .replace("attempts/{id}", &format!("attempts/{attempt}"))
        .replace("{identity}", "user:alice@example.com")
        .replace("{id}", "00000000")
}

/// An attempt, and a certificate as `issuer/serial`.
async fn something(ca: &TestCa) -> (String, String) {
    let (_chromebook, response) = ca.alices_response().await;
    let issued = ca.present_alices(&response).await;
    issued.issued();
    let certificate = "SELECT issuer_id || '/' || serial FROM certificates WHERE kind = 'client'";
    let certificate = ca.rows(certificate).await.remove(0);
    let attempt = ca.rows("SELECT short_id FROM attempts").await.remove(0);
    (attempt, certificate)
}

/// Whether the handler was reached: its answers say more than that of nothing.
fn entered(answer: &Answer, nothing: &Answer) -> bool {
    if answer.json["detail"] == nothing.json["detail"] {
        is_nothing(answer, nothing);
        return false;
    }
    assert!(
        answer.status == 200 || [400, 404].contains(&answer.status),
        "{}",
        answer.text
    );
    // What relying parties are told is theirs for some seconds.
    let kept = ["no-store", "private, max-age=5"].contains(&answer.header("cache-control"));
    assert!(kept, "{:?}", answer.headers);
    true
}

#[tokio::test]
async fn each_role_enters_where_the_table_says_by_a_token() {
    let ca = TestCa::start().await;
    let (attempt, certificate) = something(&ca).await;
    let nothing = nothing(&ca).await;
    let client = ca.client_at(Ipv4Addr::LOCALHOST);
    for role in Role::ALL {
        let token = ca.token(role).await;
        for entry in TABLE {
            let path = path(entry, &attempt, &certificate);
            let asked = request(&ca, &client, entry.method, &path).bearer_auth(&token);
            let answer = answer(asked).await;
            let entered = entered(&answer, &nothing);
            assert_eq!(
                entered,
                role >= entry.role,
                "{role}: {entry:?}: {}",
                answer.text
            );
        }
    }
    ca.check().await;
}

#[tokio::test]
async fn each_role_enters_where_the_table_says_by_a_certificate() {
    let tls = TlsCa::start(&Role::ALL.map(|role| Named::new(role.as_str(), role))).await;
    let ca = &tls.ca;
    let (attempt, certificate) = something(ca).await;
    let stranger = tls.client(None);
    let nothing = answer(request(ca, &stranger, "GET", "/v1/admin/nothing")).await;
    let try_all = async |client: &Client, role: Option<Role>| {
        for entry in TABLE {
            let path = path(entry, &attempt, &certificate);
            let answer = answer(request(ca, client, entry.method, &path)).await;
            let entered = entered(&answer, &nothing);
            let may = role.is_some_and(|role| role >= entry.role);
            assert_eq!(entered, may, "{role:?}: {entry:?}: {}", answer.text);
        }
    };
    for role in Role::ALL {
        try_all(&tls.client(Some(role.as_str())), Some(role)).await;
    }
    try_all(&stranger, None).await;
    // Vouched for, and not named in the configuration.
    try_all(&tls.client(Some("unnamed")), None).await;
    tls.check().await;
}

#[tokio::test]
async fn a_stranger_finds_nothing_whatever_they_show() {
    let ca = TestCa::start().await;
    let nothing = nothing(&ca).await;
    let client = ca.client_at(Ipv4Addr::LOCALHOST);
    let good = ca.token(Role::Administrator).await;
    let bearer = format!("Bearer {good}");
    let shown: Vec<Vec<String>> = vec![
        vec![],
        vec![String::new()],
        vec!["Bearer".to_owned()],
        vec!["Bearer ".to_owned()],
        vec![good.clone()],
        vec![format!("Basic {good}")],
        vec![format!("Bearer {}", &good[..good.len() - 1])],
        vec![format!("Bearer {good}0")],
        vec![format!("Bearer  {good}")],
        vec![format!("Bearer {}", good.to_uppercase())],
        vec![format!("Bearer {}", good.replace("vaca_", "acav_"))],
        vec![format!("Bearer {}", "x".repeat(10_000))],
        vec![format!("Bearer {good}{}", " ".repeat(10_000)) + "x"],
        vec![bearer.clone(), bearer.clone()],
        vec![bearer.clone(), "Bearer x".to_owned()],
    ];
    for fields in shown {
        for entry in TABLE {
            let mut asked = request(&ca, &client, entry.method, entry.path);
            for field in &fields {
                asked = super::with_field(asked, field);
            }
            is_nothing(&answer(asked).await, &nothing);
        }
    }
    // Neither the method nor the body tells that there is something.
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "POST", "GET", "BREW"] {
        for entry in TABLE {
            let asked = request(&ca, &client, method, entry.path);
            let elsewhere = request(&ca, &client, method, "/v1/admin/nothing");
            is_nothing(&answer(asked).await, &answer(elsewhere).await);
        }
    }
    let asked = client.post(format!("{}/v1/admin/tokens", ca.admin));
    is_nothing(&answer(asked.body("no JSON")).await, &nothing);
    // A wrong method is nothing to an administrator as well.
    let wrong = request(&ca, &client, "PUT", "/v1/admin/tokens");
    is_nothing(&answer(wrong.bearer_auth(&good)).await, &nothing);
    // The other listeners have none of this.
    for base in [&ca.api, &ca.pki] {
        let asked = client.get(format!("{base}/v1/admin/attempts"));
        answer(asked.bearer_auth(&good)).await.is("not_found");
    }
    let events = "SELECT count(*) FROM events WHERE kind = 'record_read'";
    assert_eq!(ca.count(events).await, 0, "strangers write nothing");
    ca.check().await;
}
