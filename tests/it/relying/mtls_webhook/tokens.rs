//! Whose identity tokens are let in, beside a good certificate.

use std::path::{Path, PathBuf};

use axum_server::tls_rustls::RustlsConfig;
use serde_json::{Value, json};
use vaca_emulator::KeyAlgorithm;

use super::signer::{AGENT, AUDIENCE, Signer, claims, claims_but, set};
use super::{Daemon, Webhook, World};
use crate::relying::Holder;
use crate::support::eventually;

fn options<'a>(keys: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let token = ["--token-audience", AUDIENCE, "--token-email", AGENT];
    [&token[..], &["--token-keys", keys], more].concat()
}

/// Writes a set where the server finds it.
fn publish(folder: &Path, signers: &[&Signer]) -> PathBuf {
    let file = folder.join("keys.json");
    std::fs::write(&file, set(signers)).unwrap();
    file
}

struct Asking<'a> {
    server: &'a Webhook,
    holder: &'a Holder,
    /// All that was shown, none of which may stand in the log.
    shown: Vec<String>,
}

impl Asking<'_> {
    async fn is_let_in(&mut self, token: &str) {
        self.shown.push(token.to_owned());
        let header = format!("Authorization: Bearer {token}");
        self.server.lets_in(self.holder, &[&header]).await;
    }

    async fn is_refused(&mut self, token: &str, words: &[&str]) {
        self.shown.push(token.to_owned());
        let header = format!("Authorization: Bearer {token}");
        let holder = [self.holder.chain.as_path(), &self.holder.key];
        self.server.refuses(&holder, &[&header], 401, words).await;
    }

    /// Neither a token nor any part of one is in the log.
    fn check_log(&self) {
        let log = self.server.daemon.log();
        let parts = self.shown.iter().flat_map(|token| token.split('.'));
        for part in parts.filter(|part| !part.is_empty()) {
            assert!(!log.contains(part), "{part}: {log}");
        }
    }
}

#[tokio::test]
async fn are_let_in_or_it_is_told_why_not() {
    let world = World::new().await;
    let holder = world.user("wifi-user", KeyAlgorithm::Ecdsa).await;
    let (one, two) = (Signer::ecdsa("one"), Signer::rsa("two").await);
    let file = publish(world.folder.path(), &[&one, &two]);
    let server = Webhook::for_users(&world, &options(file.to_str().unwrap(), &[])).await;
    let mut asking = Asking {
        server: &server,
        holder: &holder,
        shown: Vec::new(),
    };
    for signer in [&one, &two] {
        asking.is_let_in(&signer.token(&claims()).await).await;
    }
    let shown = [holder.chain.as_path(), &holder.key];
    let missing = ["token_missing", "enable the identity token"];
    server.refuses(&shown, &[], 401, &missing).await;

    let now = claims()["iat"].as_i64().unwrap();
    let elsewhere = json!("https://example.net/\u{1b}[2J\nrefused nobody");
    let wrong: [(Value, &[&str]); 6] = [
        (
            claims_but("aud", json!("https://example.net/webhook")),
            &[
                "token_audience",
                "audience is \"https://example.net/webhook\", configured is \"https://host.example.com/webhook\"",
            ],
        ),
        // What a stranger wrote is one line, and tells a terminal nothing.
        (
            claims_but("aud", elsewhere),
            &["token_audience", "refused nobody", "configured is"],
        ),
        (
            claims_but("iss", json!("https://accounts.example.net")),
            &["token_issuer", "https://accounts.example.net"],
        ),
        (
            claims_but("exp", json!(now - 120)),
            &["token_expired", "is the clock of this machine right?"],
        ),
        (
            claims_but("nbf", json!(now + 120)),
            &["token_not_yet_valid", "begins at"],
        ),
        (
            claims_but("email", json!("mallory@example.com")),
            &[
                "token_of_another",
                "mallory@example.com",
                "let in are agent@example.com",
            ],
        ),
    ];
    for (claims, words) in &wrong {
        asking.is_refused(&one.token(claims).await, words).await;
    }
    assert!(
        !server.daemon.log().contains('\u{1b}'),
        "{}",
        server.daemon.log()
    );
    asking
        .is_refused(&one.unsigned("none"), &["token_algorithm", "\"none\""])
        .await;
    for confused in two.confused() {
        asking
            .is_refused(&confused, &["token_algorithm", "\"HS256\""])
            .await;
    }
    let stranger = Signer::ecdsa("one").token(&claims()).await;
    asking
        .is_refused(&stranger, &["token_signature", "not signed by the key"])
        .await;

    // The issuer takes other keys; nothing is restarted.
    let three = Signer::ecdsa("three");
    let rotated = three.token(&claims()).await;
    asking
        .is_refused(&rotated, &["token_key_unknown", "\"three\""])
        .await;
    publish(world.folder.path(), &[&three]);
    let header = format!("Authorization: Bearer {rotated}");
    let taken = async || server.ask(&shown, &[&header]).await.0 == 200;
    eventually("the new key is known", taken).await;
    let old = one.token(&claims()).await;
    asking
        .is_refused(&old, &["token_key_unknown", "\"one\""])
        .await;
    asking.check_log();
    // A good token is no certificate.
    server
        .refuses(&[], &[&header], 0, &["no_certificate"])
        .await;
    world.ca.check().await;
}

/// A web server with a certificate, in the issuer's place.
async fn issuer(world: &World, keys: PathBuf) -> (String, tokio::task::JoinHandle<()>) {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
    let files = ["server.crt", "server.key"].map(|name| world.path(name));
    let [certificate, key] = files;
    let tls = RustlsConfig::from_pem_file(certificate, key).await.unwrap();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("https://{}/certs", listener.local_addr().unwrap());
    let answer = move || async move { std::fs::read(keys).unwrap() };
    let routes = axum::Router::new()
        .route("/certs", axum::routing::get(answer))
        .route("/long", axum::routing::get(async || vec![b' '; 2 << 20]));
    let serving = axum_server::from_tcp_rustls(listener, tls).unwrap();
    let task = tokio::spawn(async move {
        serving.serve(routes.into_make_service()).await.unwrap();
    });
    (url, task)
}

#[tokio::test]
async fn keys_come_from_an_address_too() {
    let world = World::new().await;
    let holder = world.user("wifi-user", KeyAlgorithm::Ecdsa).await;
    let (one, two) = (Signer::ecdsa("one"), Signer::ecdsa("two"));
    let file = publish(world.folder.path(), &[&one]);
    let (url, task) = issuer(&world, file).await;
    let authority = world.path("server-ca.crt").display().to_string();
    let under = ["--token-keys-ca", authority.as_str()];
    let server = Webhook::for_users(&world, &options(&url, &under)).await;
    let mut asking = Asking {
        server: &server,
        holder: &holder,
        shown: Vec::new(),
    };
    asking.is_let_in(&one.token(&claims()).await).await;
    publish(world.folder.path(), &[&two]);
    let header = format!("Authorization: Bearer {}", two.token(&claims()).await);
    let shown = [holder.chain.as_path(), &holder.key];
    let taken = async || server.ask(&shown, &[&header]).await.0 == 200;
    eventually("the new key is known", taken).await;
    // Whoever has other keys where the issuer's were is believed by nobody: not without TLS, not under
    // another authority, nor with more than fits.
    let long = url.replace("/certs", "/long");
    let clear = url.replace("https://", "http://");
    for (keys, more, told) in [
        (&url, &[][..], "cannot have the keys at"),
        (&long, &under, "answers more than"),
        (&clear, &under, "over https:// alone"),
    ] {
        let folder = Webhook::files(&world, "wifi-device").await;
        let mut command = crate::relying::daemon::command(super::example().to_str().unwrap());
        command.current_dir(&folder).args(options(keys, more));
        let files = "--certificate server.crt --key server.key --roots bundle.pem --issuing issuing.pem --lists crl.pem";
        command.args(files.split(' '));
        command.args(["--domain", "example.com", "--listen", "127.0.0.1:0"]);
        let mut daemon = Daemon::spawn(&folder, &mut command);
        assert!(daemon.says_or_ends(told).await, "{told}: {}", daemon.log());
        std::fs::remove_dir_all(folder).unwrap();
    }
    task.abort();
    asking.check_log();
    world.ca.check().await;
}
