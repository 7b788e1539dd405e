//! `cargo run --example quickstart`, as a newcomer runs it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tokio::sync::Mutex;
use vaca_emulator::enroll::enroll;
use vaca_emulator::{EnrollRequest, KeyAlgorithm, Scope, VirtualChromebook};

/// The default ports, of API, Verified Access and control plane.
const PORTS: [u16; 3] = [8080, 8090, 8091];

/// All of these tests want the same ports.
pub static TURN: Mutex<()> = Mutex::const_new(());

/// `cargo test` builds the examples beside the tests.
fn example() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let target = tests.parent().unwrap().parent().unwrap();
    let example = target.join("examples/quickstart");
    assert!(
        example.is_file(),
        "{} is missing: cargo build --example quickstart",
        example.display()
    );
    example
}

/// Runs it to its end, which must come within two minutes.
fn once(state: Option<&Path>) -> Output {
    let mut command = Command::new("timeout");
    command.arg("120").arg(example()).arg("--once");
    if let Some(state) = state {
        command.arg("--state").arg(state);
    }
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What it printed, where it succeeded.
fn success(output: &Output) -> String {
    let printed = text(&output.stdout);
    let complaints = text(&output.stderr);
    assert!(output.status.success(), "{printed}\n{complaints}");
    assert_eq!(complaints, "");
    printed
}

/// Why it failed.
fn failure(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    text(&output.stderr)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn openssl_accepts(state: &Path, profile: &str) {
    let folder = state.join(profile);
    let verified = Command::new("openssl")
        .args(["verify", "-x509_strict", "-purpose", "sslclient"])
        .arg("-CAfile")
        .arg(state.join("bundle.pem"))
        .arg("-untrusted")
        .arg(folder.join("chain.pem"))
        .arg(folder.join("cert.pem"))
        .output()
        .unwrap();
    assert!(verified.status.success(), "{}", text(&verified.stderr));
}

/// The public key (PEM) that openssl finds.
fn public_key(arguments: &[&str], file: &Path) -> String {
    let shown = Command::new("openssl")
        .args(arguments)
        .arg(file)
        .output()
        .unwrap();
    assert!(shown.status.success(), "{}", text(&shown.stderr));
    text(&shown.stdout)
}

fn vaca(state: &Path, arguments: &[&str]) -> String {
    let ran = Command::new(env!("CARGO_BIN_EXE_vaca"))
        .arg("--config")
        .arg(state.join("vaca.toml"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    text(&ran.stdout)
}

#[test]
fn a_user_and_a_device_get_certificates_that_a_tls_server_and_openssl_accept() {
    let _turn = TURN.blocking_lock();
    let folder = tempfile::tempdir().unwrap();
    // A blank, so that the commands must be quoted; and a folder that is not there yet.
    let state = folder.path().join("the state");
    let printed = success(&once(Some(&state)));
    for fact in [
        "ok  key_trust_level      CHROME_OS_VERIFIED_MODE",
        "ok  accepted             the user, by certificate: \"welcome, alice@example.com\"",
        "ok  accepted             the device, by certificate: \"welcome, https://example.com/device/",
        "ok  refused              the user without a certificate",
        "ok  refused              the device without a certificate",
        "the state/wifi-user/cert.pem' -noout -text",
        "certificates list",
    ] {
        assert!(printed.contains(fact), "{fact:?} is not in\n{printed}");
    }
    // What does not run any more is not offered.
    assert!(!printed.contains("curl"), "{printed}");
    for profile in ["wifi-user", "wifi-device"] {
        openssl_accepts(&state, profile);
        let key = state.join(profile).join("key.pem");
        assert_eq!(mode(&key), 0o600);
        assert_eq!(
            public_key(&["pkey", "-pubout", "-in"], &key),
            public_key(
                &["x509", "-noout", "-pubkey", "-in"],
                &state.join(profile).join("cert.pem")
            )
        );
    }
    assert_eq!(mode(&state), 0o700);
    for secret in ["service-account.json", "vaca.db", "issuing/issuing.key"] {
        assert_eq!(mode(&state.join(secret)), 0o600, "{secret}");
    }
    assert!(
        !state.join("vaca.db-wal").exists(),
        "the record was closed properly"
    );
}

#[test]
fn a_second_run_on_a_kept_folder_goes_on_with_its_ca_and_record() {
    let _turn = TURN.blocking_lock();
    let state = tempfile::tempdir().unwrap();
    let state = state.path();
    success(&once(Some(state)));
    let bundle = fs::read(state.join("bundle.pem")).unwrap();
    let account = fs::read(state.join("service-account.json")).unwrap();
    // The root's key has done its work, and may be elsewhere.
    fs::remove_dir_all(state.join("root")).unwrap();

    let printed = success(&once(Some(state)));
    assert!(printed.contains("as the run before left them"), "{printed}");
    assert_eq!(fs::read(state.join("bundle.pem")).unwrap(), bundle);
    assert_ne!(
        fs::read(state.join("service-account.json")).unwrap(),
        account,
        "the local Verified Access has new keys at every start"
    );
    for profile in ["wifi-user", "wifi-device"] {
        openssl_accepts(state, profile);
    }
    let listed = vaca(state, &["certificates", "list", "--json"]);
    let kinds: Vec<_> = listed
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["kind"].clone())
        .collect();
    let clients = kinds.iter().filter(|kind| **kind == "client").count();
    assert_eq!((kinds.len(), clients), (6, 4), "{listed}");
}

#[test]
fn ports_that_are_taken_are_replaced() {
    let _turn = TURN.blocking_lock();
    // Where somebody else has a port already, it is taken just as well.
    let _held = PORTS.map(|port| TcpListener::bind(("127.0.0.1", port)));
    let printed = success(&once(None));
    for port in PORTS {
        let notice = format!("127.0.0.1:{port} cannot be used");
        assert!(printed.contains(&notice), "{printed}");
        assert!(
            !printed.contains(&format!("http://127.0.0.1:{port}")),
            "{printed}"
        );
    }
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let _turn = TURN.blocking_lock();
    let state = tempfile::tempdir().unwrap();
    fs::write(state.path().join("letter.txt"), "dear").unwrap();
    let complaint = failure(&once(Some(state.path())));
    assert!(
        complaint.contains("holds something else (letter.txt)"),
        "{complaint}"
    );
    let names: Vec<_> = fs::read_dir(state.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["letter.txt"]);
}

#[test]
fn half_a_ca_is_not_taken_for_a_whole_one() {
    let _turn = TURN.blocking_lock();
    let state = tempfile::tempdir().unwrap();
    success(&once(Some(state.path())));
    fs::remove_file(state.path().join("vaca.db")).unwrap();
    let complaint = failure(&once(Some(state.path())));
    assert!(complaint.contains("is not whole"), "{complaint}");
}

/// A quickstart that runs until it is told to stop.
pub struct Running {
    child: Child,
}

impl Running {
    pub fn start(state: Option<&Path>, temporary: &Path) -> Self {
        let mut command = Command::new(example());
        if let Some(state) = state {
            command.arg("--state").arg(state);
        }
        let child = command
            .env("TMPDIR", temporary)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child }
    }

    /// All lines up to the one that says how to enrol another Chromebook.
    pub fn lines(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        for line in BufReader::new(self.child.stdout.take().unwrap()).lines() {
            lines.push(line.unwrap());
            if lines.last().unwrap().contains(" enroll ") {
                return lines;
            }
        }
        panic!("it ended before its last line:\n{}", lines.join("\n"));
    }

    /// As Ctrl-C does.
    fn interrupt(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &pid]).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The value of a flag in a printed command.
fn flag<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split_once(&format!("{name} "))?.1.split(' ').next()
}

#[tokio::test]
async fn it_serves_until_ctrl_c_and_its_temporary_folder_goes_with_it() {
    let _turn = TURN.lock().await;
    // On other ports than its own the printed command needs its flags.
    let _held = PORTS.map(|port| TcpListener::bind(("127.0.0.1", port)));
    let temporary = tempfile::tempdir().unwrap();
    let mut running = Running::start(None, temporary.path());
    let lines = running.lines();

    let line = lines.last().unwrap();
    let ca = flag(line, "--ca").unwrap();
    let control = flag(line, "--verified-access").unwrap();
    let mut chromebook = VirtualChromebook::enrolled(control, "alice@example.com")
        .await
        .unwrap();
    let request = EnrollRequest {
        profile: "wifi-user".to_owned(),
        scope: Scope::User,
        key: KeyAlgorithm::Ecdsa,
        email: Some("alice@example.com".to_owned()),
    };
    let enrolled = enroll(ca, &mut chromebook, &request).await.unwrap();

    let state = fs::read_dir(temporary.path()).unwrap().next().unwrap();
    let state = state.unwrap().path();
    let shown = vaca(&state, &["attempts", "show", &enrolled.attempt]);
    assert!(shown.contains(&enrolled.serial_number), "{shown}");

    let second = failure(&once(Some(&state)));
    assert!(second.contains("another quickstart runs in"), "{second}");

    assert_eq!(running.interrupt(), Some(0));
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
}
