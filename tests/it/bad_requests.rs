//! What no honest client sends: its code, no certificate, no question to Google, no row.

use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};
use vaca_emulator::forge;

use crate::support::{ALICE, Answer, TestCa, certificate_request};

/// Whatever was sent before, it left nothing behind, and the genuine response still works.
async fn nothing_happened(ca: TestCa, genuine: &[u8]) {
    assert_eq!(ca.emulator.calls().verify, 0, "Google was asked");
    assert_eq!(ca.count("SELECT count(*) FROM attempts").await, 0);
    ca.nothing_issued().await;
    ca.present(genuine, "wifi-user", Some(ALICE)).await.issued();
    ca.check().await;
}

async fn send(ca: &TestCa, method: Method, path: &str, kind: &str, body: Vec<u8>) -> Answer {
    let mut request = ca
        .client_at(Ipv4Addr::LOCALHOST)
        .request(method, format!("{}{path}", ca.api))
        .body(body);
    if !kind.is_empty() {
        request = request.header("content-type", kind);
    }
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test]
async fn what_is_no_challenge_response_is_refused_before_anybody_is_asked() {
    let ca = TestCa::start().await;
    let (_chromebook, genuine) = ca.alices_response().await;
    let foreign = ca.challenge("wifi-user").await;
    let mut wrong = vec![
        forge::with_second_data(&genuine, &foreign),
        forge::with_second_data(&genuine, &genuine),
        forge::with_second_signature(&genuine, b"another"),
        forge::with_second_challenge(&genuine, &foreign).unwrap(),
        forge::with_second_data_in_challenge(&genuine, &foreign).unwrap(),
        forge::without_challenge(&genuine).unwrap(),
        forge::without_signature(&genuine).unwrap(),
        [genuine.as_slice(), &[0]].concat(),
        [genuine.as_slice(), &genuine].concat(),
        vec![0; 33 * 1024],
        b"hello".to_vec(),
    ];
    for length in [1, 2, 3, 4, 10, 100, genuine.len() / 2, genuine.len() - 1] {
        wrong.push(forge::truncated(&genuine, length));
    }
    for bytes in &wrong {
        let answer = ca.present(bytes, "wifi-user", Some(ALICE)).await;
        assert_eq!(answer.is("malformed_challenge_response").status, 400);
    }
    nothing_happened(ca, &genuine).await;
}

#[tokio::test]
async fn there_is_one_way_to_write_a_response() {
    let ca = TestCa::start().await;
    let (_chromebook, genuine) = ca.alices_response().await;
    let encoded = STANDARD.encode(&genuine);
    let (head, tail) = encoded.split_at(76);
    for text in [
        String::new(),
        "!".to_owned(),
        "not base64 at all".to_owned(),
        format!("{encoded}="),
        format!("{encoded}\n"),
        format!(" {encoded}"),
        format!("{head}\r\n{tail}"),
        format!("{encoded}{encoded}."),
        URL_SAFE_NO_PAD.encode([0xff; 30]),
    ] {
        let body = json!({ "challenge_response": text, "profile": "wifi-user", "email": ALICE });
        let answer = ca.post("/v1/certificates", &body).await;
        answer.is("malformed_challenge_response");
    }
    nothing_happened(ca, &genuine).await;
}

#[tokio::test]
async fn a_body_is_one_json_object_with_the_listed_members() {
    let ca = TestCa::start().await;
    let (_chromebook, genuine) = ca.alices_response().await;
    let good = certificate_request(&genuine, "wifi-user", Some(ALICE));
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body.to_string()
    };
    let text = good.to_string();
    for body in [
        String::new(),
        "{".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        json!([STANDARD.encode(&genuine), "wifi-user", ALICE]).to_string(),
        "{}".to_owned(),
        format!("{text}{text}"),
        text.replacen('{', &format!("{{\"email\":\"{ALICE}\","), 1),
        "[".repeat(10_000),
        with("expected_identity", json!(ALICE)),
        with("csr", json!("MIIB")),
        with("challenge_response", Value::Null),
        with("challenge_response", json!([1, 2, 3])),
        with("profile", json!(7)),
        with("email", json!([ALICE])),
    ] {
        for path in ["/v1/certificates", "/v1/challenges"] {
            let body = body.clone().into_bytes();
            let answer = send(&ca, Method::POST, path, "application/json", body).await;
            assert_eq!(answer.is("malformed_request").status, 400);
            assert!(!answer.text.contains(ALICE), "{}", answer.text);
        }
    }
    let not_utf8 = b"{\"profile\": \"\xff\xfe\"}".to_vec();
    send(
        &ca,
        Method::POST,
        "/v1/challenges",
        "application/json",
        not_utf8,
    )
    .await
    .is("malformed_request");
    nothing_happened(ca, &genuine).await;
}

#[tokio::test]
async fn a_body_is_declared_as_json_and_bounded() {
    let ca = TestCa::start().await;
    let (_chromebook, genuine) = ca.alices_response().await;
    let body = certificate_request(&genuine, "wifi-user", Some(ALICE)).to_string();
    for kind in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "text/plain; application/json",
    ] {
        let body = body.clone().into_bytes();
        let answer = send(&ca, Method::POST, "/v1/certificates", kind, body).await;
        assert_eq!(answer.is("unsupported_media_type").status, 415);
    }
    for path in ["/v1/certificates", "/v1/challenges"] {
        let mut large = body.clone().into_bytes();
        large.resize(1024 * 1024, b' ');
        let answer = send(&ca, Method::POST, path, "application/json", large).await;
        assert_eq!(answer.is("body_too_large").status, 413);
    }
    nothing_happened(ca, &genuine).await;
}

#[tokio::test]
async fn a_route_and_its_method_are_fixed() {
    let ca = TestCa::start().await;
    let (_chromebook, genuine) = ca.alices_response().await;
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/v1"),
        (Method::POST, "/v1/challenges/"),
        (Method::POST, "/v2/certificates"),
        (Method::POST, "/v1/certificates/sign"),
        (Method::GET, "/v1/attempts"),
        (Method::GET, "/admin"),
        (Method::GET, "/metrics"),
        (Method::GET, "/ca/..%2fissuing%2fissuing.key.crt"),
    ] {
        let answer = send(&ca, method, path, "application/json", b"{}".to_vec()).await;
        assert_eq!(answer.is("not_found").status, 404, "{path}");
    }
    for (method, path, allowed) in [
        (Method::GET, "/v1/challenges", "POST"),
        (Method::PUT, "/v1/certificates", "POST"),
        (Method::DELETE, "/v1/certificates", "POST"),
        (Method::POST, "/v1/profiles", "GET,HEAD"),
        (Method::PATCH, "/v1/ca/bundle.pem", "GET,HEAD"),
    ] {
        let answer = send(&ca, method, path, "application/json", b"{}".to_vec()).await;
        assert_eq!(answer.is("method_not_allowed").status, 405, "{path}");
        assert_eq!(answer.header("allow"), allowed, "{path}");
    }
    nothing_happened(ca, &genuine).await;
}

#[tokio::test]
async fn a_profile_is_found_by_its_exact_name() {
    let ca = TestCa::start().await;
    let (_chromebook, genuine) = ca.alices_response().await;
    let generated = ca.emulator.calls().generate;
    let long = "x".repeat(10_000);
    for profile in [
        "",
        "WIFI-USER",
        "wifi-user ",
        "wifi",
        "wifi-user\0",
        "*",
        &long,
    ] {
        let answer = ca
            .post("/v1/challenges", &json!({ "profile": profile }))
            .await;
        assert_eq!(answer.is("unknown_profile").status, 404);
        ca.present(&genuine, profile, Some(ALICE))
            .await
            .is("unknown_profile");
    }
    assert_eq!(ca.emulator.calls().generate, generated);
    nothing_happened(ca, &genuine).await;
}

#[tokio::test]
async fn an_email_that_no_certificate_can_carry_is_refused_not_repaired() {
    let ca = TestCa::start().await;
    let (_chromebook, genuine) = ca.alices_response().await;
    let long = format!("{}@example.com", "a".repeat(65));
    for email in [
        "",
        "alice",
        "@example.com",
        "alice@",
        "alice@localhost",
        "ali\0ce@example.com",
        "alice\n@example.com",
        "alice@example.com\n",
        "alice\u{7f}@example.com",
        " alice@example.com",
        "alice@example.com ",
        "*@example.com",
        "alice@*.com",
        "alice@example.*",
        "alice@@example.com",
        "alice@example.com@example.com",
        "mallory@example.net@example.com",
        "\u{e4}lice@example.com",
        "\u{430}lice@example.com",
        "alice@ex\u{e4}mple.com",
        "alice@example\u{3002}com",
        "\u{212a}@example.com",
        "al\u{202e}ice@example.com",
        "\"alice\"@example.com",
        "alice,CN=root@example.com",
        "alice/x@example.com",
        "alice%40example.net@example.com",
        "alice@example.com.",
        "alice@-example.com",
        "alice@[127.0.0.1]",
        &long,
    ] {
        let answer = ca.present(&genuine, "wifi-user", Some(email)).await;
        assert_eq!(answer.is("invalid_email").status, 422, "{email:?}");
    }
    nothing_happened(ca, &genuine).await;
}

#[tokio::test]
async fn an_email_belongs_to_a_domain_of_the_profile_and_to_users_alone() {
    let ca = TestCa::start().await;
    let (_chromebook, genuine) = ca.alices_response().await;
    for email in [
        "alice@example.org",
        "alice@sub.example.com",
        "alice@example.com.example.org",
        "alice@notexample.com",
        "alice@xn--exmple-cua.com",
    ] {
        let answer = ca.present(&genuine, "wifi-user", Some(email)).await;
        assert_eq!(answer.is("email_domain_not_allowed").status, 403, "{email}");
    }
    let answer = ca.present(&genuine, "wifi-user", None).await;
    assert_eq!(answer.is("email_required").status, 422);
    for email in [ALICE, "", "nobody"] {
        let answer = ca.present(&genuine, "wifi-device", Some(email)).await;
        assert_eq!(answer.is("email_not_expected").status, 422);
    }
    nothing_happened(ca, &genuine).await;
}
