//! The sockets: who may read across origins, TLS and its reload, the end of the service, the other
//! listener, and how much is admitted.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use reqwest::header::HeaderMap;
use reqwest::{Certificate, Client, Method};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use vaca_emulator::{Call, Fault, KeyAlgorithm};

use crate::support::openssl::self_signed;
use crate::support::{ALICE, Answer, TestCa, certificate_request, eventually, http_client};

const EXTENSION: &str = "chrome-extension://abcdefghijklmnopabcdefghijklmnop";

async fn preflight(ca: &TestCa, origin: &str) -> HeaderMap {
    let request = ca
        .client_at(Ipv4Addr::LOCALHOST)
        .request(Method::OPTIONS, format!("{}/v1/certificates", ca.api))
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type");
    Answer::of(request.send().await.unwrap()).await.headers
}

#[tokio::test]
async fn the_configured_extension_may_read_and_nobody_else() {
    let ca = TestCa::start().await;
    let allowed = preflight(&ca, EXTENSION).await;
    assert_eq!(allowed["access-control-allow-origin"], EXTENSION);
    assert!(
        allowed["access-control-allow-methods"]
            .to_str()
            .unwrap()
            .contains("POST")
    );
    assert!(!allowed.contains_key("access-control-allow-credentials"));
    for origin in [
        "https://example.com",
        "null",
        "chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba",
        "https://abcdefghijklmnopabcdefghijklmnop",
        "chrome-extension://abcdefghijklmnopabcdefghijklmnop.example.com",
    ] {
        let refused = preflight(&ca, origin).await;
        assert!(
            !refused.contains_key("access-control-allow-origin"),
            "{origin}"
        );
    }
    // The answers, problems included, are readable with the headers that an extension needs.
    for (profile, status) in [("wifi-user", 201), ("nothing", 404)] {
        let request = ca
            .client_at(Ipv4Addr::LOCALHOST)
            .post(format!("{}/v1/challenges", ca.api))
            .header("origin", EXTENSION)
            .json(&json!({ "profile": profile }));
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), EXTENSION);
        let exposed = answer
            .header("access-control-expose-headers")
            .to_lowercase();
        assert!(
            exposed.contains("date") && exposed.contains("retry-after"),
            "{exposed}"
        );
        assert_eq!(answer.header("date"), "Fri, 15 Jan 2027 08:00:00 GMT");
    }
    ca.check().await;
}

/// A client that trusts this certificate and nothing else.
fn trusting(certificate: &Path) -> Client {
    let pem = std::fs::read(certificate).unwrap();
    let root = Certificate::from_pem(&pem).unwrap();
    http_client(|builder| builder.tls_certs_only([root]))
}

async fn reaches(client: &Client, ca: &TestCa) -> bool {
    let answer = client.get(format!("{}/healthz", ca.api)).send().await;
    answer.is_ok_and(|answer| answer.status() == 200)
}

#[tokio::test]
async fn tls_is_reloaded_and_a_broken_file_keeps_the_last_good_certificate() {
    let mut ca = TestCa::start().await;
    let folder = ca.folder.path().to_owned();
    let (first, first_key) = self_signed(&folder, "first").await;
    let (second, second_key) = self_signed(&folder, "second").await;
    let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
    std::fs::copy(&first, &certificate).unwrap();
    std::fs::copy(&first_key, &key).unwrap();
    ca.stop().await;
    ca.reconfigure(
        "[listen]\n",
        "[listen]\ntls_certificate_file = \"tls.crt\"\ntls_key_file = \"tls.key\"\n",
    );
    ca.serve().await.unwrap();
    assert!(ca.api.starts_with("https://"));
    assert!(reaches(&trusting(&first), &ca).await);
    assert!(!reaches(&trusting(&second), &ca).await);

    // A whole enrolment over TLS.
    let client = trusting(&first);
    let body = json!({ "profile": "wifi-user" });
    let challenge = ca.post_from(&client, "/v1/challenges", &body);
    let challenge = STANDARD
        .decode(challenge.await.json["challenge"].as_str().unwrap())
        .unwrap();
    let mut chromebook = ca.chromebook(ALICE).await;
    let response = chromebook
        .challenge_key(
            &challenge,
            vaca_emulator::Scope::User,
            Some(KeyAlgorithm::Ecdsa),
        )
        .await
        .unwrap();
    let body = certificate_request(&response, "wifi-user", Some(ALICE));
    ca.post_from(&client, "/v1/certificates", &body)
        .await
        .issued();

    // Half-written, then a certificate that does not fit the key, then both.
    let whole = std::fs::read(&second).unwrap();
    std::fs::write(&certificate, &whole[..whole.len() / 2]).unwrap();
    tokio::time::sleep(Duration::from_millis(1300)).await;
    assert!(reaches(&trusting(&first), &ca).await);
    std::fs::write(&certificate, &whole).unwrap();
    tokio::time::sleep(Duration::from_millis(1300)).await;
    assert!(reaches(&trusting(&first), &ca).await);
    std::fs::copy(&second_key, &key).unwrap();
    eventually("the new certificate is served", || async {
        reaches(&trusting(&second), &ca).await
    })
    .await;
    assert!(!reaches(&trusting(&first), &ca).await);
    std::fs::remove_file(&certificate).unwrap();
    tokio::time::sleep(Duration::from_millis(1300)).await;
    assert!(reaches(&trusting(&second), &ca).await);
    // A start is not a reload: it says what is missing.
    ca.stop().await;
    let config = vaca::config::Config::load(&ca.configuration_file()).unwrap();
    let parts = vaca::server::Parts {
        clock: std::sync::Arc::new(ca.clock.clone()),
        random: std::sync::Arc::new(vaca::random::SystemRandom),
        commits: std::sync::Arc::new(vaca::store::fate::AsTheDatabaseSays),
    };
    let server = vaca::server::build(&config, parts).await.unwrap();
    let listeners = vaca::server::Listeners::bind(&config.listen).unwrap();
    let error = server.run(listeners, std::future::pending()).await;
    let error = format!("{:#}", error.unwrap_err());
    assert!(error.contains("tls.crt"), "{error}");
    ca.check().await;
}

#[tokio::test]
async fn a_stop_finishes_what_was_bound() {
    let mut ca = TestCa::start().await;
    let (_chromebook, response) = ca.alices_response().await;
    let (_chromebook, abandoned) = ca.alices_response().await;
    ca.emulator
        .faults()
        .every(Call::Verify, Fault::Slow { milliseconds: 1500 });
    let client = ca.client_at(Ipv4Addr::LOCALHOST);
    let (address, body) = (
        format!("{}/v1/certificates", ca.api),
        certificate_request(&response, "wifi-user", Some(ALICE)),
    );
    let in_flight = tokio::spawn({
        let (client, address) = (client.clone(), address.clone());
        async move { Answer::of(client.post(address).json(&body).send().await.unwrap()).await }
    });
    // Another client hangs up at once: what it began is finished all the same.
    let body = certificate_request(&abandoned, "wifi-user", Some(ALICE));
    let request = client
        .post(&address)
        .json(&body)
        .timeout(Duration::from_millis(300));
    assert!(request.send().await.is_err());
    eventually("both are bound", || async {
        ca.count("SELECT count(*) FROM attempts").await == 2
    })
    .await;
    ca.stop().await;
    let answer = in_flight.await.unwrap();
    answer.issued();
    assert!(client.get(&address).send().await.is_err(), "nobody listens");
    assert_eq!(
        ca.rows("SELECT DISTINCT state FROM attempts").await,
        ["issued"]
    );
    ca.emulator.faults().clear();
    ca.serve().await.unwrap();
    let again = ca.present(&response, "wifi-user", Some(ALICE)).await;
    assert_eq!((again.status, again.text), (200, answer.text));
    let other = ca.present(&abandoned, "wifi-user", Some(ALICE)).await;
    assert_eq!(other.status, 200);
    ca.check().await;
}

#[tokio::test]
async fn relying_parties_fetch_certificates_in_the_clear_and_nothing_else() {
    let ca = TestCa::start().await;
    let client = ca.client_at(Ipv4Addr::LOCALHOST);
    let mut chromebook = ca.chromebook(ALICE).await;
    let enrolled = ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa).await;
    let chain = enrolled.issued().json["chain"][0].as_str().unwrap();
    let (_, issuing) = der::pem::decode_vec(chain.as_bytes()).unwrap();
    let issuer = ca
        .rows("SELECT DISTINCT issuer_id FROM certificates WHERE kind = 'client'")
        .await;
    let path = format!("/ca/{}.crt", issuer[0]);
    for base in [&ca.pki, &ca.api] {
        let answer = client.get(format!("{base}{path}")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "application/pkix-cert");
        assert_eq!(answer.bytes().await.unwrap(), issuing);
        let bundle = client.get(format!("{base}/v1/ca/bundle.pem")).send().await;
        let bundle = bundle.unwrap().text().await.unwrap();
        let root = std::fs::read_to_string(ca.folder.path().join("root.crt")).unwrap();
        assert_eq!(bundle, root);
        for path in ["/healthz", "/readyz"] {
            let answer = client.get(format!("{base}{path}")).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
        }
    }
    for path in ["/v1/challenges", "/v1/certificates"] {
        let request = client
            .post(format!("{}{path}", ca.pki))
            .json(&json!({ "profile": "wifi-user" }));
        let answer = Answer::of(request.send().await.unwrap()).await;
        answer.is("not_found");
    }
    let request = client.get(format!("{}/v1/profiles", ca.pki));
    Answer::of(request.send().await.unwrap())
        .await
        .is("not_found");
    ca.check().await;
}

#[tokio::test]
async fn admission_is_bounded_before_google_is_asked() {
    let ca = TestCa::start_with(
        |configuration| {
            format!(
                "{configuration}\n[admission]\nchallenges_per_second = 10\noutstanding_challenges = 2\n"
            )
        },
        |options| options,
    )
    .await;
    let ask = || async {
        ca.post("/v1/challenges", &json!({ "profile": "wifi-user" }))
            .await
    };
    let (_chromebook, answered) = ca.alices_response().await;
    ask().await.issued();
    let asked = ca.emulator.calls().generate;
    assert_eq!(asked, 2);
    for _ in 0..3 {
        let busy = ask().await;
        assert_eq!(busy.is("busy").status, 503);
        let wait: u64 = busy.header("retry-after").parse().unwrap();
        assert!((1..=5).contains(&wait));
    }
    assert_eq!(ca.emulator.calls().generate, asked);
    // A place is free once its challenge is answered, or has expired.
    ca.present(&answered, "wifi-user", Some(ALICE))
        .await
        .issued();
    ask().await.issued();
    ask().await.is("busy");
    ca.clock.advance(60);
    ask().await.issued();
    ask().await.issued();
    ask().await.is("busy");
    ca.check().await;
}

#[tokio::test]
async fn challenges_are_fetched_at_a_bounded_rate() {
    let ca = TestCa::start_with(
        |configuration| format!("{configuration}\n[admission]\nchallenges_per_second = 1\n"),
        |options| options,
    )
    .await;
    let body = json!({ "profile": "wifi-user" });
    for _ in 0..2 {
        ca.post("/v1/challenges", &body).await.issued();
    }
    ca.post("/v1/challenges", &body).await.is("busy");
    assert_eq!(ca.emulator.calls().generate, 2);
    ca.clock.advance(1);
    ca.post("/v1/challenges", &body).await.issued();
    ca.post("/v1/challenges", &body).await.is("busy");
    assert_eq!(ca.emulator.calls().generate, 3);
    ca.check().await;
}

/// Sends `said`, then waits for the end of the connection; what came before it.
async fn until_the_end(address: &str, said: &[u8]) -> Vec<u8> {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(said).await.unwrap();
    let mut heard = Vec::new();
    let ended = connection.read_to_end(&mut heard);
    // An abrupt end is an end as well.
    let ended = tokio::time::timeout(Duration::from_secs(25), ended).await;
    drop(ended.unwrap_or_else(|_| panic!("{said:?} holds a connection for ever")));
    heard
}

#[tokio::test]
async fn a_peer_that_says_nothing_or_half_a_thing_is_hung_up_on() {
    let ca = TestCa::start().await;
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let cases: [&[u8]; 5] = [
        b"",
        b"P",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        &request[..30],
        request,
    ];
    let both = [&ca.api, &ca.pki].map(|base| async {
        let address = base.strip_prefix("http://").unwrap();
        join_all(cases.map(|said| until_the_end(address, said))).await
    });
    for heard in join_all(both).await {
        assert!(heard[0].is_empty() && heard[1].is_empty());
        let served = String::from_utf8_lossy(&heard[4]);
        assert!(served.starts_with("HTTP/1.1 200 OK"), "{served}");
    }
    ca.check().await;
}

#[tokio::test]
async fn operators_have_a_listener_of_their_own() {
    let ca = TestCa::start().await;
    let client = ca.client_at(std::net::Ipv4Addr::LOCALHOST);
    let get = async |base: &str, path: &str| {
        let answer = client.get(format!("{base}{path}")).send().await.unwrap();
        Answer::of(answer).await
    };
    assert_eq!(get(&ca.admin, "/readyz").await.status, 200);
    get(&ca.admin, "/v1/profiles").await.is("not_found");
    get(&ca.admin, "/v1/ca/bundle.pem").await.is("not_found");
    ca.check().await;
}
