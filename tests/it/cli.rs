//! The command as people type it: its words, its files, its exit codes.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;
use vaca_emulator::faults::Field;
use vaca_emulator::{
    Call, Emulator, Fault, KeyAlgorithm, Options, Scope, VirtualChromebook, forge,
};

use crate::support::openssl::{openssl, openssl_refuses, run, said};
use crate::support::service::{Service, VACA};
use crate::support::{
    ALICE, CONFIGURATION, Engine, TestCa, certificate_request, eventually, write_secret,
};

async fn vaca(folder: &Path, arguments: &[&str]) -> Output {
    run(VACA, arguments, folder).await
}

/// What the command prints, where it succeeds.
async fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = vaca(folder, arguments).await;
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// What it complains about, where it does not; it fails with 1 and prints nothing else.
async fn fails(folder: &Path, arguments: &[&str]) -> String {
    let output = vaca(folder, arguments).await;
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    String::from_utf8(output.stderr).unwrap()
}

/// A folder on the machine's own clock, as an administrator makes it.
struct Site {
    folder: TempDir,
    emulator: Emulator,
}

impl Site {
    async fn new() -> Self {
        let options = Options {
            shared_keys: true,
            ..Options::default()
        };
        let emulator = Emulator::start(options).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let place = Engine::of_this_run().empty_database().await;
        let configuration = CONFIGURATION
            .replace("DATABASE", &place.url().await)
            .replace("VERIFIED_ACCESS", &emulator.verified_access_url());
        std::fs::write(folder.path().join("vaca.toml"), configuration).unwrap();
        let key = emulator.service_account_json();
        write_secret(&folder.path().join("service-account.json"), &key);
        Self { folder, emulator }
    }

    /// The same, migrated and with a CA.
    async fn initialized(key: &str) -> Self {
        let site = Self::new().await;
        site.succeeds(&["migrate"]).await;
        let init = ["init", "--test", "--organization", "Example", "--key", key];
        site.succeeds(&init).await;
        site
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    async fn succeeds(&self, arguments: &[&str]) -> String {
        succeeds(self.path(), arguments).await
    }

    async fn fails(&self, arguments: &[&str]) -> String {
        fails(self.path(), arguments).await
    }

    /// `vaca doctor`: its exit code, and its lines.
    async fn doctor(&self) -> (Option<i32>, String) {
        let output = vaca(self.path(), &["doctor"]).await;
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text)
    }
}

#[tokio::test]
async fn the_help_of_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let mut pages = Vec::new();
    for command in [
        &[][..],
        &["serve"],
        &["migrate"],
        &["init"],
        &["config"],
        &["config", "check"],
        &["doctor"],
        &["certificates"],
        &["certificates", "list"],
        &["certificates", "show"],
        &["attempts"],
        &["attempts", "show"],
        &["lists"],
        &["lists", "show"],
        &["lists", "find"],
        &["paused"],
        &["paused", "list"],
        &["paused", "release"],
        &["deliveries"],
        &["deliveries", "list"],
        &["deliveries", "retry"],
        &["deliveries", "drop"],
        &["webhook"],
        &["webhook", "try"],
        &["tokens"],
        &["tokens", "create"],
        &["tokens", "list"],
        &["tokens", "revoke"],
        &["tokens", "bootstrap"],
        &["relying-party"],
        &["relying-party", "config"],
    ] {
        let arguments = [command, &["--help"]].concat();
        let page = succeeds(folder.path(), &arguments).await;
        pages.push(format!("$ vaca {}\n{page}", arguments.join(" ")));
    }
    insta::assert_snapshot!("help", pages.join("\n"));
    let version = succeeds(folder.path(), &["--version"]).await;
    assert_eq!(version, format!("vaca {}\n", env!("CARGO_PKG_VERSION")));
    // What nobody understands is a usage error, not a failure.
    let output = vaca(folder.path(), &["sign"]).await;
    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test]
async fn from_an_empty_folder_to_a_service_that_is_told_to_stop() {
    let site = Site::new().await;
    let folder = site.path();
    let checked = site.succeeds(&["config", "check"]).await;
    assert!(checked.contains("1 issuer and 4 profiles"), "{checked}");
    let error = site
        .fails(&["init", "--organization", "Example", "--test"])
        .await;
    assert!(error.contains("cannot open the database"), "{error}");
    let migrated = site.succeeds(&["migrate"]).await;
    assert!(migrated.contains("schema version 2"), "{migrated}");
    assert_eq!(
        site.succeeds(&["migrate"]).await,
        migrated,
        "again is harmless"
    );
    let error = site.fails(&["init", "--organization", "Example"]).await;
    assert!(error.contains("its issuer is made with --test"), "{error}");
    let error = site.fails(&["serve"]).await;
    assert!(error.contains("`vaca init` makes it"), "{error}");

    let made = site
        .succeeds(&["init", "--organization", "Example", "--test"])
        .await;
    assert!(made.contains("off this machine now"), "{made}");
    let secrets = [
        "root/root.key",
        "root/passphrase",
        "issuing/issuing.key",
        "issuing/passphrase",
        "deployment.key",
    ];
    let file = (Engine::of_this_run() == Engine::Sqlite).then_some("vaca.db");
    for name in secrets.into_iter().chain(file) {
        let mode = std::fs::metadata(folder.join(name)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600, "{name}");
    }
    for name in ["root", "issuing"] {
        let mode = std::fs::metadata(folder.join(name)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o700, "{name}");
    }
    // A second birth would end the first.
    let before: Vec<_> = secrets
        .iter()
        .map(|name| std::fs::read(folder.join(name)).unwrap())
        .collect();
    let error = site
        .fails(&["init", "--organization", "Example", "--test"])
        .await;
    assert!(error.contains("a CA is never overwritten"), "{error}");
    // Unless it is told to leave one that is there, for set-ups that run at every start.
    let again = [
        "init",
        "--organization",
        "Example",
        "--test",
        "--if-missing",
    ];
    let left = site.succeeds(&again).await;
    assert_eq!(left, "the CA is there already\n");
    for (name, before) in secrets.iter().zip(before) {
        assert_eq!(std::fs::read(folder.join(name)).unwrap(), before, "{name}");
    }

    // The root's key is for its next CRL; the service has no use for it.
    std::fs::remove_dir_all(folder.join("root")).unwrap();
    let service = Service::start(folder).await;
    let mut chromebook = VirtualChromebook::enrolled(&site.emulator.control_url(), ALICE)
        .await
        .unwrap();
    let challenge = service.challenge().await;
    let response = chromebook
        .challenge_key(&challenge, Scope::User, Some(KeyAlgorithm::Rsa))
        .await
        .unwrap();
    let body = certificate_request(&response, "wifi-user", Some(ALICE));
    let issued = service.post("/v1/certificates", &body).await;
    let serial = issued.issued().serial().to_owned();
    assert_eq!(service.stop("-TERM").await, Some(0));
    let shown = site.succeeds(&["certificates", "show", &serial]).await;
    assert!(shown.contains(ALICE), "{shown}");
    let service = Service::start(folder).await;
    let again = service.post("/v1/certificates", &body).await;
    assert_eq!((again.status, again.text), (200, issued.text));
    assert_eq!(service.stop("-INT").await, Some(0));
}

#[tokio::test]
async fn openssl_opens_the_key_files_with_their_passphrases_only() {
    let site = Site::initialized("p256").await;
    for name in ["root/root", "issuing/issuing"] {
        let key = format!("{name}.key");
        let folder = name.split('/').next().unwrap();
        let right = format!("file:{folder}/passphrase");
        let open = |passphrase| ["pkey", "-in", &key, "-noout", "-passin", passphrase];
        openssl(&open(&right), site.path()).await;
        openssl_refuses(&open("pass:guess"), site.path()).await;
        let pem = std::fs::read_to_string(site.path().join(&key)).unwrap();
        assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    }
    let text = ["asn1parse", "-in", "issuing/issuing.key"];
    let text = openssl(&text, site.path()).await;
    for word in [
        "PBES2",
        "PBKDF2",
        "hmacWithSHA256",
        "aes-256-cbc",
        ":0927C0",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    // A wrong passphrase is told, not guessed around.
    std::fs::write(site.path().join("issuing/passphrase"), "wrong\n").unwrap();
    let error = site.fails(&["serve"]).await;
    assert!(error.contains("issuing.key"), "{error}");
}

#[tokio::test]
async fn the_doctor_says_what_is_wrong_and_fails_for_it() {
    let site = Site::initialized("p256").await;
    let (code, healthy) = site.doctor().await;
    assert_eq!(code, Some(0), "{healthy}");
    assert!(
        healthy.lines().all(|line| line.starts_with("ok  ")),
        "{healthy}"
    );
    for name in [
        "configuration",
        "start",
        "challenge",
        "database",
        "verified_access",
        "clock",
        "issuer",
        "unfinished",
    ] {
        assert!(
            healthy.contains(&format!("ok   {name} ")),
            "{name}: {healthy}"
        );
    }
    for (fault, code, line) in [
        (Fault::Down, "verified_access_unavailable", "FAIL challenge"),
        (
            Fault::status("401"),
            "verified_access_misconfigured",
            "FAIL verified_access",
        ),
        (
            Fault::ClockSkew {
                milliseconds: 200_000,
            },
            "clock_untrusted",
            "FAIL clock",
        ),
    ] {
        site.emulator.faults().every(Call::Generate, fault);
        let (exit, text) = site.doctor().await;
        assert_eq!(exit, Some(1), "{text}");
        assert!(text.contains(code) && text.contains(line), "{text}");
        site.emulator.faults().clear();
    }
    let service = Service::start(site.path()).await;
    // A worker that died: bound, without a verdict.
    site.emulator.faults().every(Call::Verify, Fault::Down);
    let forged = forge::fabricated(&service.challenge().await).unwrap();
    let body = certificate_request(&forged, "wifi-user", Some(ALICE));
    let open = service.post("/v1/certificates", &body).await;
    let attempt = open.is("verified_access_unavailable").attempt();
    let (exit, text) = site.doctor().await;
    assert_eq!(exit, Some(0), "somebody else's outage: {text}");
    assert!(text.contains(&format!("{attempt} bound since ")), "{text}");
    assert_eq!(service.stop("-TERM").await, Some(0));
    // What does not start is told on one line.
    std::fs::remove_file(site.path().join("deployment.key")).unwrap();
    let (exit, text) = site.doctor().await;
    assert_eq!(exit, Some(1));
    assert!(
        text.contains("FAIL start") && text.contains("deployment.key"),
        "{text}"
    );
    if Engine::Sqlite.is_absent("removes the file") {
        return;
    }
    std::fs::remove_file(site.path().join("vaca.db")).unwrap();
    let (exit, text) = site.doctor().await;
    assert_eq!(exit, Some(1));
    assert!(
        text.contains("FAIL start") && text.contains("vaca.db"),
        "{text}"
    );
}

#[tokio::test]
async fn certificates_are_listed_and_shown() {
    let ca = TestCa::start().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    let user = ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa).await;
    let device = ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa).await;
    let folder = ca.folder.path();
    let list = succeeds(folder, &["certificates", "list"]).await;
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(
        lines.len(),
        5,
        "a head, two clients, issuing and root: {list}"
    );
    assert!(lines[0].starts_with("SERIAL"));
    assert!(
        lines[1].starts_with(device.issued().serial()),
        "newest first"
    );
    assert!(lines[2].contains("user:alice@example.com"));
    assert!(lines[2].ends_with(user.attempt()));
    let page = succeeds(folder, &["certificates", "list", "--limit", "1"]).await;
    let (_, before) = page.trim_end().rsplit_once("--before ").unwrap();
    let next = ["certificates", "list", "--limit", "1", "--before", before];
    let next = succeeds(folder, &next).await;
    assert!(next.contains(user.serial()), "{next}");
    let json = succeeds(folder, &["certificates", "list", "--json"]).await;
    let rows: Vec<Value> = json
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[1]["serial_number"], user.json["serial_number"]);
    assert_eq!(rows[1]["not_after"], user.json["not_after"]);

    let upper = user.serial().to_uppercase();
    let shown = succeeds(folder, &["certificates", "show", &upper]).await;
    assert!(shown.contains("-----BEGIN CERTIFICATE-----"), "{shown}");
    let shown = ["certificates", "show", user.serial(), "--json"];
    let shown: Value = serde_json::from_str(&succeeds(folder, &shown).await).unwrap();
    assert_eq!(shown["certificate"], user.json["certificate"]);
    assert_eq!(shown["email"], ALICE);
    assert_eq!(shown["attempt"], user.json["attempt"]);
    let error = fails(folder, &["certificates", "show", "nonsense"]).await;
    assert!(error.contains("32 hexadecimal digits"), "{error}");
    let missing = format!("01{}", "0".repeat(30));
    let error = fails(folder, &["certificates", "show", &missing]).await;
    assert!(error.contains("no certificate has the number"), "{error}");
    ca.check().await;
}

#[tokio::test]
async fn an_attempt_tells_why_and_a_strangers_text_moves_no_cursor() {
    let ca = TestCa::start().await;
    let folder = ca.folder.path();
    let (_chromebook, response) = ca.alices_response().await;
    let strange = "C0\u{1b}[2J\u{202e}evil\r\nok";
    let lie = Fault::Set {
        field: Field::CustomerId,
        value: strange.to_owned(),
    };
    ca.emulator.faults().next(Call::Verify, lie);
    let denied = ca.present(&response, "wifi-user", Some(ALICE)).await;
    let id = denied.is("wrong_customer").attempt().to_lowercase();
    // As it was read aloud.
    let spoken = format!("{}-{}", &id[..4], &id[4..]);
    let shown = succeeds(folder, &["attempts", "show", &spoken]).await;
    assert!(shown.contains("denied: wrong_customer"), "{shown}");
    assert!(shown.contains("C01example"), "what was expected: {shown}");
    assert!(shown.contains("FAILED"), "{shown}");
    assert!(!shown.contains(['\u{1b}', '\u{202e}', '\r']), "{shown:?}");
    assert!(
        !shown
            .lines()
            .any(|line| line.trim_start().starts_with("ok")),
        "no line of a stranger's: {shown}"
    );
    let (_, checks) = shown.split_once("CHECK ").unwrap();
    assert_eq!(
        checks.lines().count(),
        6,
        "a head and one line a check: {shown}"
    );
    let json = succeeds(folder, &["attempts", "show", &id, "--json"]).await;
    assert!(!json.contains(['\u{1b}', '\u{202e}', '\r']), "{json:?}");
    let record: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(record["state"], "denied");
    assert_eq!(record["code"], "wrong_customer");
    assert_eq!(record["unverified_email"], ALICE);

    let mut chromebook = ca.chromebook(ALICE).await;
    let issued = ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa).await;
    let id = issued.issued().attempt();
    let shown = succeeds(folder, &["attempts", "show", id]).await;
    assert!(
        shown.contains(&format!("issued {}", issued.serial())),
        "{shown}"
    );
    assert!(!shown.contains("FAILED"), "{shown}");
    let json = succeeds(folder, &["attempts", "show", id, "--json"]).await;
    let record: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(record["serial_number"], issued.json["serial_number"]);
    assert_eq!(record["facts"]["email"], ALICE);
    let error = fails(folder, &["attempts", "show", "UUUU"]).await;
    assert!(error.contains("8 letters and digits"), "{error}");
    let error = fails(folder, &["attempts", "show", "00000000"]).await;
    assert!(error.contains("no attempt has the id 00000000"), "{error}");
    ca.check().await;
}

#[tokio::test]
async fn attempts_are_found_by_whatever_the_caller_knows() {
    let mut ca = TestCa::start().await;
    ca.stop().await;
    let rule = "[[profile.rule]]\nname = \"ecdsa_only\"\nexpression = \"key_algorithm == 'ECDSA'\"\n\
        message = \"This Chromebook is too old.\"\nremedy = \"replace the device\"\n[[profile]]\n\
        name = \"vpn-user\"";
    ca.reconfigure("[[profile]]\nname = \"vpn-user\"", rule);
    ca.serve().await.unwrap();
    let folder = ca.folder.path();
    let mut chromebook = ca.chromebook(ALICE).await;
    let user = ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa).await;
    let device = ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa).await;
    let mut old = ca.chromebook(ALICE).await;
    let denied = ca.enroll_user(&mut old, KeyAlgorithm::Rsa).await;
    denied.is("refused_by_rule");
    let (_chromebook, _unanswered) = ca.alices_response().await;
    // The test's clock stands where it was set.
    let since = ["--since", "49000d"];
    let list = async |more: &[&str]| {
        let arguments = [&["attempts", "list", "--json"], &since[..], more].concat();
        let text = succeeds(folder, &arguments).await;
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines
            .map(|line: Value| line["attempt"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let [user_id, device_id, denied_id] =
        [&user, &device, &denied].map(|answer| answer.attempt().to_owned());
    let all = [denied_id.clone(), device_id.clone(), user_id.clone()];
    assert_eq!(list(&[]).await, all, "newest first");
    assert_eq!(list(&["--outcome", "issued"]).await, all[1..]);
    assert_eq!(list(&["--outcome", "denied"]).await, all[..1]);
    assert!(list(&["--outcome", "open"]).await.is_empty());
    assert_eq!(list(&["--code", "refused_by_rule"]).await, all[..1]);
    assert_eq!(list(&["--profile", "wifi-device"]).await, all[1..2]);
    assert_eq!(list(&["--email", "Alice@Example.com"]).await.len(), 2);
    assert!(list(&["--email", "a%"]).await.is_empty());
    let id = ca
        .rows("SELECT device_permanent_id FROM certificates WHERE device_permanent_id IS NOT NULL")
        .await;
    assert_eq!(list(&["--device", &id[0]]).await, all[1..2]);
    assert!(list(&["--device", "_______-____"]).await.is_empty());
    let shouted = id[0].to_uppercase();
    assert_eq!(list(&["--device", &shouted]).await, all[1..2], "any case");
    let page = succeeds(
        folder,
        &[&["attempts", "list", "--limit", "2"], &since[..]].concat(),
    )
    .await;
    let (_, before) = page.trim_end().rsplit_once("--before ").unwrap();
    assert_eq!(list(&["--before", before]).await, all[2..]);
    assert!(page.contains("refused_by_rule"), "{page}");

    let explained = succeeds(folder, &["attempts", "explain", &denied_id]).await;
    for part in [
        "the user who says to be alice@example.com",
        "It was denied (refused_by_rule)",
        "What to do: replace the device.",
        "This Chromebook is too old.",
        "key_algorithm = ",
        "rule:ecdsa_only",
    ] {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    let explained = succeeds(folder, &["attempts", "explain", &user_id]).await;
    assert!(explained.contains(user.serial()), "{explained}");
    assert!(!explained.contains("FAILED"), "{explained}");
    ca.check().await;
}

#[tokio::test]
async fn every_kind_of_ca_key_serves() {
    for key in ["p384", "rsa3072"] {
        let site = Site::initialized(key).await;
        let service = Service::start(site.path()).await;
        eventually("it is ready", || service.ready()).await;
        assert_eq!(service.stop("-TERM").await, Some(0));
    }
}

#[tokio::test]
async fn the_doctor_looks_at_what_chromebooks_need() {
    const LISTED: &str = "\"abcdefghijklmnopabcdefghijklmnop\"";
    let site = Site::initialized("p256").await;
    let (code, text) = site.doctor().await;
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("extension"), "only when asked for: {text}");

    let file = site.path().join("vaca.toml");
    let configuration = std::fs::read_to_string(&file).unwrap();
    for (ids, line) in [
        (
            LISTED,
            "ok   extension        abcdefghijklmnopabcdefghijklmnop may",
        ),
        ("", "FAIL extension        [http] extension_ids is empty"),
    ] {
        std::fs::write(&file, configuration.replace(LISTED, ids)).unwrap();
        let output = vaca(site.path(), &["doctor", "--chromeos"]).await;
        let text = String::from_utf8(output.stdout).unwrap();
        // A test endpoint and plain HTTP: no Chromebook can enrol here.
        assert_eq!(output.status.code(), Some(1), "{text}");
        for line in [
            line,
            "FAIL challenges       of the test endpoint",
            "ok   profiles         the extension can ask for wifi-user (scope user)",
            "FAIL tls              `api` speaks plain HTTP",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
