//! `examples/mtls_webhook.rs`, as whoever relies on the CA in a server of their own runs it: who is let in,
//! and what its log tells of everybody else.

mod certificates;
mod connections;
mod guide;
mod lists;
mod requests;
mod rules;
mod signer;
mod tokens;

use std::path::{Path, PathBuf};

use serde_json::json;

use super::curl::{Credentials, answer, curl};
use super::{Case, Daemon, Holder, Row, World, cases};
use crate::support::eventually;

/// Lets in without a token.
const WITHOUT_TOKEN: [&str; 1] = ["--without-token"];
/// What it says when it took files that changed.
const READ_AGAIN: &str = "the files were read again";

/// `cargo test` builds the examples beside the tests.
fn example() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let target = tests.parent().unwrap().parent().unwrap();
    let example = target.join("examples/mtls_webhook");
    assert!(
        example.is_file(),
        "{} is missing: cargo build --example mtls_webhook",
        example.display()
    );
    example
}

/// A question in the form of Dialogflow CX.
fn question(tag: &str) -> String {
    json!({
        "detectIntentResponseId": "a7951ce2-2f00-4af5-a508-4c2cb45698b0",
        "sessionInfo": { "session": "sessions/1", "parameters": { "color": "red" } },
        "fulfillmentInfo": { "tag": tag },
        "text": "<script>alert(1)</script>",
        "languageCode": "en",
    })
    .to_string()
}

/// The example as a process.
struct Webhook {
    daemon: Daemon,
    /// Its files, lists among them.
    folder: PathBuf,
    /// The folder of the world, in which the CA of its certificate is.
    world: PathBuf,
    port: u16,
}

impl Webhook {
    /// The files that a configuration has, with the CA's lists, and the bundle as it is published.
    async fn files(world: &World, profile: &str) -> PathBuf {
        let folder = world.generate("node", profile, &[]).await;
        let bundle = world.fetch("/v1/ca/bundle.pem").await;
        std::fs::write(folder.join("bundle.pem"), bundle).unwrap();
        world.refreshed(&folder, &[]).await;
        folder
    }

    /// For users of the profile `wifi-user`.
    async fn for_users(world: &World, options: &[&str]) -> Self {
        let folder = Self::files(world, "wifi-user").await;
        let profile = [
            "--domain",
            "example.com",
            "--policy",
            "1.3.6.1.4.1.32473.1.1",
        ];
        let options = [&profile[..], options].concat();
        Self::start(world, &folder, &["crl.pem"], &options).await
    }

    /// With the files of this folder, these lists among them.
    async fn start(world: &World, folder: &Path, lists: &[&str], options: &[&str]) -> Self {
        let mut command = super::daemon::command(example().to_str().unwrap());
        command.current_dir(folder);
        for (option, file) in [
            ("--certificate", "server.crt"),
            ("--key", "server.key"),
            ("--roots", "bundle.pem"),
            ("--issuing", "issuing.pem"),
        ] {
            command.args([option, file]);
        }
        for list in lists {
            command.args(["--lists", list]);
        }
        command.args(["--listen", "127.0.0.1:0"]).args(options);
        let daemon = Daemon::start(folder, &mut command, "listening on https://127.0.0.1:").await;
        let log = daemon.log();
        let (_, port) = log.split_once("listening on https://127.0.0.1:").unwrap();
        let port = port.lines().next().unwrap().parse().unwrap();
        Self {
            daemon,
            folder: folder.to_owned(),
            world: world.folder.path().to_owned(),
            port,
        }
    }

    fn curl(&self, path: &str, credentials: Credentials<'_>) -> std::process::Command {
        curl(&self.world, self.port, path, credentials)
    }

    /// Asks as Dialogflow CX does, with these headers besides.
    async fn ask(&self, credentials: Credentials<'_>, headers: &[&str]) -> (u16, String) {
        let mut curl = self.curl("/webhook", credentials);
        curl.args(["--data", &question("whoami")]);
        curl.args(["--header", "Content-Type: application/json"]);
        for header in headers {
            curl.args(["--header", header]);
        }
        answer(curl).await
    }

    /// It lets the holder in, and knows who it is.
    async fn lets_in(&self, holder: &Holder, headers: &[&str]) {
        let (status, body) = self.ask(&[&holder.chain, &holder.key], headers).await;
        assert_eq!(status, 200, "{body}: {}", self.daemon.log());
        let known = format!("\"You are {}.\"", holder.identity);
        assert!(body.contains(&known), "{known}: {body}");
    }

    /// It answers with this status, 0 where TLS fails, and its log says these words in one line.
    async fn refuses(
        &self,
        credentials: Credentials<'_>,
        headers: &[&str],
        status: u16,
        words: &[&str],
    ) {
        let before = self.daemon.log().len();
        let (answered, body) = self.ask(credentials, headers).await;
        assert_eq!(answered, status, "{words:?}, {body}: {}", self.daemon.log());
        self.tells(before, words).await;
    }

    /// Behind so many octets, a line of its log says these words, the first of which is the refusal's code.
    async fn tells(&self, before: usize, words: &[&str]) {
        let said = || {
            let log = self.daemon.log();
            log[before..].lines().any(|line| {
                line.contains(&format!(": {}: ", words[0]))
                    && words.iter().all(|word| line.contains(word))
            })
        };
        eventually(&format!("{words:?}: {}", self.daemon.log()), || async {
            said()
        })
        .await;
    }

    /// Waits until it has said so once more.
    async fn says_again(&self, text: &str, before: usize) {
        let said = || self.daemon.log()[before..].contains(text);
        eventually(text, || async { said() }).await;
    }

    /// Runs the generated refresh, and waits until what it brought is read.
    async fn refresh(&self, world: &World) {
        let before = self.daemon.log().len();
        world.refreshed(&self.folder, &[]).await;
        self.says_again(READ_AGAIN, before).await;
    }
}
