//! What is asked, by whom is let in; and what is no request at all.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use vaca_emulator::KeyAlgorithm;

use super::{WITHOUT_TOKEN, Webhook, World, answer, question};
use crate::relying::Holder;
use crate::relying::daemon::command;
use crate::relying::world::{HOST, output};

/// Sends this body with this content type.
async fn send(server: &Webhook, holder: &Holder, kind: &str, body: &str) -> (u16, String) {
    let mut curl = server.curl("/webhook", &[&holder.chain, &holder.key]);
    let file = server.folder.join("body");
    std::fs::write(&file, body).unwrap();
    curl.arg("--data-binary")
        .arg(format!("@{}", file.display()));
    curl.args(["--header", &format!("Content-Type: {kind}")]);
    answer(curl).await
}

#[tokio::test]
async fn are_answered_in_the_forms_of_dialogflow() {
    let world = World::new().await;
    let holder = world.user("wifi-user", KeyAlgorithm::Ecdsa).await;
    let server = Webhook::for_users(&world, &WITHOUT_TOKEN).await;
    let kind = "application/json; charset=utf-8";
    let (status, body) = send(&server, &holder, kind, &question("confirm")).await;
    let said: Value = serde_json::from_str(&body).unwrap();
    let expected = json!({
        "fulfillmentResponse": { "messages": [{ "text": { "text": ["Confirmed for alice@example.com."] } }] },
        "sessionInfo": { "parameters": { "certificate_holder": "alice@example.com" } },
    });
    assert_eq!((status, said), (200, expected));
    let es = json!({ "responseId": "1", "session": "s", "queryResult": { "action": "confirm" } });
    let (status, body) = send(&server, &holder, kind, &es.to_string()).await;
    let said: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, said),
        (
            200,
            json!({ "fulfillmentText": "Confirmed for alice@example.com." })
        )
    );
    // Nothing of what was sent comes back, and in the log it is on one line.
    let hostile = "<speak>\u{1b}[2J\nrefused 203.0.113.1: forged\u{202e}";
    let (status, body) = send(&server, &holder, kind, &question(hostile)).await;
    assert_eq!(status, 200);
    assert!(
        !body.contains("speak") && !body.contains("script"),
        "{body}"
    );
    let log = server.daemon.log();
    assert!(log.contains("asks for") && log.contains("<speak>"), "{log}");
    assert!(
        !log.contains('\u{1b}') && !log.contains('\u{202e}'),
        "{log}"
    );
    assert!(
        !log.lines().any(|line| line.starts_with("refused")),
        "{log}"
    );
    world.ca.check().await;
}

#[tokio::test]
async fn that_are_none_are_refused() {
    let world = World::new().await;
    let holder = world.user("wifi-user", KeyAlgorithm::Ecdsa).await;
    let server = Webhook::for_users(&world, &WITHOUT_TOKEN).await;
    let json = "application/json";
    let long = format!("{{\"text\":\"{}\"}}", "a".repeat(10 << 20));
    let both = json!({ "fulfillmentInfo": { "tag": "a" }, "queryResult": {} }).to_string();
    let deep = "[".repeat(100_000);
    for (kind, body, status, code) in [
        (json, long.as_str(), 413, "too_long"),
        ("text/plain", "{}", 415, "not_json"),
        (json, "{}", 400, "not_a_question"),
        (json, "", 400, "not_a_question"),
        (json, "<mallory>", 400, "not_a_question"),
        (
            json,
            "{\"fulfillmentInfo\":{\"tag\":7}}",
            400,
            "not_a_question",
        ),
        (json, &both, 400, "not_a_question"),
        (json, &deep, 400, "not_a_question"),
    ] {
        let before = server.daemon.log().len();
        let (answered, body) = send(&server, &holder, kind, body).await;
        assert_eq!(answered, status, "{code}: {body}");
        assert!(body.contains(&format!("\"code\":\"{code}\"")), "{body}");
        assert!(!body.contains("mallory"), "{body}");
        server.tells(before, &[code]).await;
    }
    // One that does not say how long it is. By when it is refused curl may still be sending, and then it
    // hears of a connection that was closed.
    let before = server.daemon.log().len();
    let mut endless = server.curl("/webhook", &[&holder.chain, &holder.key]);
    endless.args(["--header", "Transfer-Encoding: chunked", "--header"]);
    endless.arg(format!("Content-Type: {json}"));
    let file = server.folder.join("endless");
    std::fs::write(&file, &long).unwrap();
    endless
        .arg("--data-binary")
        .arg(format!("@{}", file.display()));
    assert_ne!(answer(endless).await.0, 200);
    server.tells(before, &["too_long"]).await;
    for path in ["/", "/webhook", "/webhook/%3Cscript%3E"] {
        let before = server.daemon.log().len();
        let (status, body) = answer(server.curl(path, &[&holder.chain, &holder.key])).await;
        assert_eq!((status, body.contains("script")), (404, false), "{body}");
        server
            .tells(before, &["nothing_here", "POST /webhook"])
            .await;
    }
    world.ca.check().await;
}

/// Sends these octets to the port itself, and waits until the server has closed the connection.
fn knock(port: u16, octets: &'static [u8]) -> tokio::task::JoinHandle<()> {
    tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        stream.write_all(octets).unwrap();
        stream.read_to_end(&mut Vec::new()).ok();
    })
}

#[tokio::test]
async fn that_never_begin_are_told_too() {
    let world = World::new().await;
    let holder = world.user("wifi-user", KeyAlgorithm::Ecdsa).await;
    let server = Webhook::for_users(&world, &WITHOUT_TOKEN).await;
    knock(server.port, b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    server
        .tells(0, &["not_tls", "http:// instead of https://"])
        .await;
    // A client that does not know who signed the server's certificate.
    let mut distrusting = command("curl");
    distrusting
        .args(["--silent", "--cacert"])
        .arg(world.ca.folder.path().join("root.crt"));
    distrusting.args(["--resolve", &format!("{HOST}:{0}:127.0.0.1", server.port)]);
    distrusting.arg(format!("https://{HOST}:{}/webhook", server.port));
    assert!(!output(distrusting).await.status.success());
    server
        .tells(
            0,
            &["server_not_trusted", "install the CA of --certificate"],
        )
        .await;
    // One that speaks nothing but TLS 1.1.
    let mut old = command("openssl");
    old.args([
        "s_client",
        "-tls1_1",
        "-cipher",
        "ALL:@SECLEVEL=0",
        "-connect",
    ]);
    old.arg(format!("127.0.0.1:{}", server.port))
        .stdin(std::process::Stdio::null());
    assert!(!output(old).await.status.success());
    server
        .tells(0, &["nothing_in_common", "no version or algorithm"])
        .await;
    // One that says nothing, and one that promises a body and does not send it.
    let silent = knock(server.port, b"");
    let mut slow = server.curl("/webhook", &[&holder.chain, &holder.key]);
    slow.args(["--header", "Content-Type: application/json"]);
    slow.args(["--header", "Content-Length: 1000", "--request", "POST"]);
    let (status, body) = answer(slow).await;
    assert_eq!(status, 408, "{body}");
    silent.await.unwrap();
    server.tells(0, &["too_slow", "handshake in time"]).await;
    server
        .tells(0, &["too_slow", "request was not there in time"])
        .await;
    server.lets_in(&holder, &[]).await;
    world.ca.check().await;
}

#[tokio::test]
async fn end_before_the_program_does() {
    let world = World::new().await;
    let server = Webhook::for_users(&world, &WITHOUT_TOKEN).await;
    let id = server.daemon.id();
    let told = Command::new("kill").args(["-TERM", &id]).status();
    assert!(told.unwrap().success());
    let mut daemon = server.daemon;
    assert!(daemon.says_or_ends("stopping").await);
    assert_eq!(daemon.ends().await.code(), Some(0), "{}", daemon.log());
    world.ca.check().await;
}
