//! What is logged holds no secret, however much is logged: a log is read by more people than a key,
//! and is kept longer.

use std::path::Path;
use std::process::{Command, Output};

use axum::Router;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::StatusCode;
use serde_json::json;
use vaca::clock::{Clock as _, SystemClock};
use vaca_emulator::{Call, Fault, KeyAlgorithm, Scope};

use crate::support::service::{Service, VACA};
use crate::support::{ALICE, Engine, TestCa, write_secret};

/// What a PostgreSQL server would be told.
const DATABASE_PASSWORD: &str = "correct horse battery staple";

/// What a service that is told of events knows too.
const SINK_SECRET: [u8; 32] =
    *b"\x8a\x11\xf3sink\x02\xd9\x7c\xe0of\x93the\xb4\x05\xffevents\xa1\xc6\x3e\x19\xd2\x77";

/// Texts that nobody may find, each with its name.
#[derive(Default)]
struct Secrets(Vec<(String, String)>);

impl Secrets {
    /// Whole, and the beginning that a log line would show of it.
    fn add(&mut self, name: &str, text: &str) {
        let text = text.trim();
        assert!(text.len() >= 16, "{name} is long enough to be found");
        let beginning: String = text.chars().take(40).collect();
        self.0.push((name.to_owned(), beginning));
    }

    /// Octets, in every way in which a line might hold them.
    fn add_octets(&mut self, name: &str, octets: &[u8]) {
        self.add(name, &STANDARD.encode(octets));
        self.add(name, &URL_SAFE_NO_PAD.encode(octets));
        let listed = |octets: &[u8]| {
            let numbers: Vec<_> = octets.iter().map(ToString::to_string).collect();
            numbers.join(", ")
        };
        // Behind the first octets, which say what it is and are no secret.
        let inside = &octets[octets.len() / 2..][..16];
        self.add(name, &listed(inside));
        let digits: String = inside.iter().map(|octet| format!("{octet:02x}")).collect();
        self.add(name, &digits);
        self.add(name, &digits.to_uppercase());
        self.add(name, &inside.escape_ascii().to_string());
    }

    /// Every line of a PEM file or of a key within JSON.
    fn add_lines(&mut self, name: &str, text: &str) {
        for line in text.replace("\\n", "\n").lines() {
            if !line.starts_with("-----") && line.len() >= 16 {
                self.add(name, line);
            }
        }
    }

    fn of(ca: &TestCa) -> Self {
        let mut secrets = Self::default();
        let read = |path: &str| std::fs::read_to_string(ca.folder.path().join(path)).unwrap();
        secrets.add("passphrase", &read("issuing/passphrase"));
        secrets.add("root's passphrase", &read("root/passphrase"));
        secrets.add("deployment key", &read("deployment.key"));
        secrets.add_lines("issuing key", &read("issuing/issuing.key"));
        let account: serde_json::Value =
            serde_json::from_str(&read("service-account.json")).unwrap();
        secrets.add_lines("account's key", account["private_key"].as_str().unwrap());
        secrets.add("database password", DATABASE_PASSWORD);
        secrets.add("sink's secret", &read("events.key"));
        secrets.add_octets("sink's secret", &SINK_SECRET);
        for (name, text) in [
            ("a private key", "PRIVATE KEY"),
            // The first octets of every JWT: `{"` in base64url.
            ("a JSON web token", "eyJ"),
            // And of what the emulator's token endpoint gives.
            ("an access token", "emulated."),
            ("a user", ALICE),
        ] {
            secrets.0.push((name.to_owned(), text.to_owned()));
        }
        secrets
    }

    fn are_absent_from(&self, log: &str) {
        for (name, text) in &self.0 {
            if let Some(place) = log.find(text.as_str()) {
                let line = log[..place].rfind('\n').map_or(0, |end| end + 1);
                let line = log[line..].lines().next().unwrap_or_default();
                let line: String = line.chars().take(2000).collect();
                panic!("{name} is logged: {line}");
            }
        }
    }
}

/// A CA of the present, whose record nobody holds open.
async fn ca_with(transport: &str, token: &str) -> TestCa {
    let place = Engine::of_this_run().empty_database().await;
    let ca = TestCa::start_on(place, SystemClock::new().now()).await;
    ca.store.close().await;
    ca.reconfigure(
        "transport = \"rest\"",
        &format!("transport = \"{transport}\"\ntoken = \"{token}\""),
    );
    let digits: String = SINK_SECRET
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect();
    write_secret(&ca.folder.path().join("events.key"), &digits);
    // One that takes what it is told, and one that is not there.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taking = listener.local_addr().unwrap();
    let routes = Router::new().fallback(async || StatusCode::NO_CONTENT);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let sink = |name: &str, address: &str| {
        format!(
            "[[event_sink]]\nname = \"{name}\"\nurl = \"http://{address}/\"\nsecret_file = \"events.key\"\n\n"
        )
    };
    let sinks = sink("taking", &taking.to_string()) + &sink("down", "127.0.0.1:1");
    ca.reconfigure("[[issuer]]", &format!("{sinks}[[issuer]]"));
    ca
}

fn vaca(folder: &Path, format: &str, filter: &str) -> Command {
    let mut command = Command::new(VACA);
    command
        .args(["--log-format", format, "--log", filter])
        .env("VACA_DATABASE_PASSWORD", DATABASE_PASSWORD)
        .current_dir(folder);
    command
}

/// A response of a Chromebook of Alice's to a challenge of the process.
async fn response(ca: &TestCa, service: &Service) -> Vec<u8> {
    let late = SystemClock::new().now().since(ca.clock.now());
    ca.clock.jump(late);
    let mut chromebook = ca.chromebook(ALICE).await;
    let challenge = service.challenge().await;
    let made = chromebook.challenge_key(&challenge, Scope::User, Some(KeyAlgorithm::Ecdsa));
    made.await.unwrap()
}

/// An enrolment, denials, outages and mistakes; everything that was logged meanwhile.
async fn everything_happens(ca: &TestCa, service: Service, secrets: &mut Secrets) -> String {
    let faults = ca.emulator.faults();
    for fault in [
        None,
        Some(Fault::DeveloperMode),
        Some(Fault::status("INVALID_ARGUMENT")),
        Some(Fault::status("PERMISSION_DENIED")),
        Some(Fault::status("UNAUTHENTICATED")),
        Some(Fault::Malformed),
        Some(Fault::Down),
    ] {
        let response = response(ca, &service).await;
        secrets.add_octets("a challenge response", &response);
        if let Some(fault) = &fault {
            faults.every(Call::Verify, fault.clone());
        }
        let answer = service.present(&response).await;
        assert_eq!(answer.status == 201, fault.is_none(), "{}", answer.text);
        faults.clear();
        service.present(&response).await;
        // A body that does not parse, cut in the middle of the response.
        let text = STANDARD.encode(&response);
        let broken = json!({ "challenge_response": { "of": text }, "profile": "wifi-user" });
        let refused = service.post("/v1/certificates", &broken).await;
        refused.is("malformed_request");
        let garbled = json!({ "challenge_response": format!("{text}!"), "profile": "wifi-user",
            "email": ALICE });
        let refused = service.post("/v1/certificates", &garbled).await;
        refused.is("malformed_challenge_response");
    }
    service.stop_and_read_log().await
}

async fn nothing_leaks(transport: &str, token: &str, format: &str, filter: &str) {
    let ca = ca_with(transport, token).await;
    let mut secrets = Secrets::of(&ca);
    let mut command = vaca(ca.folder.path(), format, filter);
    let service = Service::start_as(command.arg("serve")).await;
    let log = everything_happens(&ca, service, &mut secrets).await;
    // What is searched is what was asked for.
    for word in ["issued", "denied", "answered", "was not taken", "DEBUG"] {
        assert!(
            log.contains(word),
            "no {word} in {} lines",
            log.lines().count()
        );
    }
    assert_eq!(log.contains("\"level\":\"DEBUG\""), format == "json");
    secrets.are_absent_from(&log);
}

#[tokio::test]
async fn people_read_no_secret_at_the_level_of_debug() {
    nothing_leaks("auto", "jwt_bearer", "text", "vaca=trace,debug").await;
}

#[tokio::test]
async fn programs_read_no_secret_at_the_level_of_debug() {
    nothing_leaks("auto", "self_signed_jwt", "json", "vaca=trace,debug").await;
}

#[tokio::test]
async fn nobody_reads_a_secret_at_the_level_of_trace() {
    nothing_leaks("auto", "jwt_bearer", "json", "trace").await;
}

fn said(output: &Output) -> String {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

#[tokio::test]
async fn a_start_that_is_refused_repeats_no_secret() {
    let ca = ca_with("rest", "self_signed_jwt").await;
    let secrets = Secrets::of(&ca);
    let account = std::fs::read_to_string(ca.folder.path().join("service-account.json")).unwrap();
    let key = std::fs::read_to_string(ca.folder.path().join("issuing/issuing.key")).unwrap();
    for (file, wrong) in [
        ("issuing/passphrase", DATABASE_PASSWORD.to_owned()),
        ("issuing/issuing.key", key[..key.len() - 70].to_owned()),
        ("deployment.key", format!("{DATABASE_PASSWORD}\n")),
        (
            "service-account.json",
            account[..account.len() / 2].to_owned(),
        ),
        (
            "service-account.json",
            account.replace("BEGIN PRIVATE", "BEGIN OTHER"),
        ),
        (
            "service-account.json",
            account.replace("\"private_key\"", "\"private\""),
        ),
    ] {
        let path = ca.folder.path().join(file);
        let right = std::fs::read_to_string(&path).unwrap();
        write_secret(&path, &wrong);
        let mut command = vaca(ca.folder.path(), "json", "trace");
        let output = command.arg("serve").output().unwrap();
        assert!(!output.status.success(), "{file}");
        secrets.are_absent_from(&said(&output));
        write_secret(&path, &right);
    }
    let output = vaca(ca.folder.path(), "text", "trace")
        .arg("doctor")
        .output();
    secrets.are_absent_from(&said(&output.unwrap()));
}
