//! nginx, HAProxy, Apache, Envoy and stunnel in front of an application, a server in Node.js, and OpenSSL's own.

use std::path::{Path, PathBuf};

use axum::Router;
use http::HeaderMap;
use vaca_emulator::KeyAlgorithm;

use super::curl::{Credentials, answer, curl};
use super::daemon::{command, free_port};
use super::world::{HOST, output};
use super::{Case, Daemon, Holder, Row, World, cases};
use crate::support::eventually;
use crate::support::openssl::said;

/// How a program reads new lists.
#[derive(Clone, Copy)]
enum Reload {
    /// On this signal.
    Signal(&'static str),
    /// By itself, when they appear.
    Itself,
    /// When it is started again.
    Restart,
}

/// What is behind a program.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    /// An application that is told who asks.
    Told,
    /// An application that is told nothing.
    Untold,
    /// Nothing: it answers itself.
    Nothing,
}

/// A program, and how it is started and told of new lists.
pub(super) struct Program {
    kind: &'static str,
    /// As the document calls it.
    name: &'static str,
    /// What prints its version.
    version: &'static [&'static str],
    /// The program and its arguments; `FOLDER` stands for its folder.
    start: &'static [&'static str],
    reload: Reload,
    behind: Behind,
    /// The cases that it lets in although it should not.
    overlooks: &'static [&'static str],
}

pub(super) const NGINX: Program = Program {
    kind: "nginx",
    name: "nginx",
    version: &["nginx", "-v"],
    start: &["nginx", "-c", "FOLDER/nginx.conf", "-g", "daemon off;"],
    reload: Reload::Signal("-HUP"),
    behind: Behind::Told,
    overlooks: &[],
};
const HAPROXY: Program = Program {
    kind: "haproxy",
    name: "HAProxy",
    version: &["haproxy", "-v"],
    start: &["haproxy", "-W", "-f", "FOLDER/haproxy.cfg"],
    reload: Reload::Signal("-USR2"),
    behind: Behind::Told,
    overlooks: &[],
};
const APACHE: Program = Program {
    kind: "apache",
    name: "Apache",
    version: &["apache2", "-v"],
    start: &["apache2", "-DFOREGROUND", "-f", "FOLDER/apache2.conf"],
    reload: Reload::Signal("-USR1"),
    behind: Behind::Told,
    overlooks: &[],
};
const ENVOY: Program = Program {
    kind: "envoy",
    name: "Envoy",
    version: &["envoy", "--version"],
    // What it shares with a successor it would share with another test's.
    start: &["envoy", "--disable-hot-restart", "-c", "FOLDER/envoy.yaml"],
    reload: Reload::Itself,
    behind: Behind::Told,
    overlooks: &[],
};
const NODE: Program = Program {
    kind: "node",
    name: "Node.js",
    version: &["node", "--version"],
    start: &["node", "FOLDER/server.mjs"],
    reload: Reload::Signal("-HUP"),
    behind: Behind::Nothing,
    overlooks: &[],
};
const STUNNEL: Program = Program {
    kind: "stunnel",
    name: "stunnel",
    version: &["stunnel4", "-version"],
    start: &["stunnel4", "FOLDER/stunnel.conf"],
    reload: Reload::Signal("-HUP"),
    behind: Behind::Untold,
    overlooks: &["another policy", "another domain", "a device's", "a user's"],
};
const OPENSSL: Program = Program {
    kind: "openssl",
    name: "OpenSSL",
    version: &["openssl", "version"],
    start: &["FOLDER/serve"],
    reload: Reload::Restart,
    behind: Behind::Nothing,
    // It looks at policies, and at no name.
    overlooks: &["another domain"],
};

/// An application that answers with what it is told in headers.
pub(super) struct Application {
    pub(super) address: String,
    task: tokio::task::JoinHandle<()>,
}

impl Application {
    pub(super) async fn start() -> Self {
        let echo = async |headers: HeaderMap| {
            let lines = headers.iter();
            let lines = lines.map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()));
            lines.collect::<String>()
        };
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let task = tokio::spawn(async move {
            axum::serve(listener, Router::new().fallback(echo))
                .await
                .unwrap();
        });
        Self { address, task }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A program that runs with what was generated.
pub(super) struct Server {
    program: &'static Program,
    daemon: Option<Daemon>,
    pub(super) folder: PathBuf,
    port: u16,
    _application: Application,
}

impl Server {
    /// With what is generated for it.
    pub(super) async fn start(world: &World, program: &'static Program, profile: &str) -> Self {
        Self::start_with(world, program, profile, &[]).await
    }

    async fn start_with(
        world: &World,
        program: &'static Program,
        profile: &str,
        more: &[&str],
    ) -> Self {
        Self::start_furnished(world, program, profile, more, |_| {}).await
    }

    /// The same, once `furnish` has put into the folder what its operator puts there.
    pub(super) async fn start_furnished(
        world: &World,
        program: &'static Program,
        profile: &str,
        more: &[&str],
        furnish: impl FnOnce(&Path),
    ) -> Self {
        let application = Application::start().await;
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let mut options = [more, &["--listen", listen.as_str()]].concat();
        if program.behind != Behind::Nothing {
            options.extend(["--application", application.address.as_str()]);
        }
        let folder = world.generate(program.kind, profile, &options).await;
        if program.kind == "stunnel" {
            let mut give = command("chown");
            give.arg("stunnel4:").arg(folder.join("server.key"));
            let given = output(give).await;
            assert!(given.status.success(), "{}", said(&given));
        }
        furnish(&folder);
        if folder.join("refresh").exists() {
            world.refreshed(&folder, &[]).await;
        }
        // What the program itself says of its files.
        let options = [&options[..], &["--replace", "--check"]].concat();
        let checked = world.config(program.kind, profile, &folder, &options).await;
        let has_checker = !["openssl", "stunnel"].contains(&program.kind);
        assert_eq!(checked.status.success(), has_checker, "{}", said(&checked));
        let mut server = Self {
            program,
            daemon: None,
            folder,
            port,
            _application: application,
        };
        server.run().await;
        server
    }

    async fn run(&mut self) {
        self.daemon = None;
        let folder = self.folder.to_str().unwrap();
        let words = self.program.start.iter();
        let words: Vec<_> = words.map(|word| word.replace("FOLDER", folder)).collect();
        let mut start = command(&words[0]);
        start.args(&words[1..]);
        self.daemon = Some(Daemon::listening(&self.folder, &mut start, self.port).await);
    }

    /// Where it listens.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// All that it said.
    pub(super) fn log(&self) -> String {
        self.daemon.as_ref().unwrap().log()
    }

    /// The status, 0 where TLS fails, and the body.
    pub(super) async fn ask(
        &self,
        credentials: Credentials<'_>,
        headers: &[&str],
    ) -> (u16, String) {
        let folder = self.folder.parent().unwrap();
        let mut curl = curl(folder, self.port, "/", credentials);
        // The fields of a connection are those of HTTP/1.1.
        if headers
            .iter()
            .any(|header| header.starts_with("Connection:"))
        {
            curl.arg("--http1.1");
        }
        for header in headers {
            curl.args(["--header", header]);
        }
        answer(curl).await
    }

    pub(super) async fn lets_in(&self, holder: &Holder) -> bool {
        let (status, body) = self.ask(&[&holder.chain, &holder.key], &[]).await;
        if status != 200 {
            assert!([0, 400, 403].contains(&status), "{status}: {body}");
            return false;
        }
        let known = match self.program.behind {
            Behind::Told => format!("x-vaca-identity: {}\n", holder.identity),
            Behind::Untold => format!("host: {HOST}:{}\n", self.port),
            Behind::Nothing if self.program.kind == "node" => {
                format!("welcome, {}\n", holder.identity)
            }
            // OpenSSL's own server looks at no name.
            Behind::Nothing => "Verify return code: 0 (ok)".to_owned(),
        };
        assert!(body.contains(&known), "{known}: {body}");
        true
    }

    /// Nobody but the proxy tells the application who it is.
    async fn cannot_be_spoofed(&self, holder: &Holder) {
        let spoofed = [
            "X-Vaca-Identity: mallory@example.com",
            "x-vaca-identity: mallory@example.com",
            "X_Vaca_Identity: mallory@example.com",
            "X-Vaca_Identity: mallory@example.com",
            "x_vaca-identity: mallory@example.com",
            "X-Vaca-Serial: 00",
            "X_Vaca_Serial: 00",
            // What a proxy keeps to itself, as it is told (RFC 9110, section 7.6.1).
            "Connection: X-Vaca-Identity, X-Vaca-Serial",
        ];
        let (status, body) = self.ask(&[&holder.chain, &holder.key], &spoofed).await;
        assert_eq!(status, 200, "{body}");
        let names = body.lines().map(|line| line.split_once(": ").unwrap());
        let mut told: Vec<_> = names
            .map(|(name, value)| {
                (
                    name.to_ascii_lowercase().replace('_', "-"),
                    value.to_ascii_lowercase(),
                )
            })
            .filter(|(name, _)| name.starts_with("x-vaca"))
            .collect();
        told.sort();
        let wanted = [
            ("x-vaca-identity".to_owned(), holder.identity.clone()),
            ("x-vaca-serial".to_owned(), holder.serial.clone()),
        ];
        assert_eq!(told, wanted);
    }

    /// Whether a second connection of the holder's goes on with the session of the first; then it would be
    /// held against no list.
    async fn resumes(&self, holder: &Holder) -> bool {
        let ask = r#"
            for version in -tls1_2 -tls1_3; do
                for session in '-sess_out session' '-sess_in session'; do
                    case $session in *in*) [ -e session ] || continue ;; esac
                    (printf 'GET / HTTP/1.0\r\nHost: %s\r\n\r\n' "$1"; sleep 0.3) \
                        | timeout 10 openssl s_client -connect "127.0.0.1:$2" -servername "$1" $version \
                            -cert "$3" -cert_chain "$4" -key "$5" $session 2>&1 | grep -E '^(New|Reused), TLS'
                done
                rm -f session
            done; exit 0"#;
        let mut shell = command("sh");
        shell
            .current_dir(&self.folder)
            .args(["-c", ask, "sh", HOST]);
        shell.arg(self.port.to_string());
        shell.args([&holder.leaf, &holder.chain, &holder.key]);
        let said = said(&output(shell).await);
        assert!(said.contains("New, TLSv1"), "{said}");
        said.contains("Reused, TLSv1")
    }

    /// Runs the generated refresh, with what tells the program.
    pub(super) async fn refresh(&mut self, world: &World) {
        match self.program.reload {
            Reload::Signal(signal) => {
                let id = self.daemon.as_ref().unwrap().id();
                world.refreshed(&self.folder, &["kill", signal, &id]).await;
            }
            Reload::Itself => world.refreshed(&self.folder, &[]).await,
            Reload::Restart => {
                world.refreshed(&self.folder, &[]).await;
                self.run().await;
            }
        }
    }

    /// Has it read what is in its folder.
    pub(super) async fn reload(&self) {
        let Reload::Signal(signal) = self.program.reload else {
            panic!("{} is not told", self.program.name);
        };
        let mut kill = command("kill");
        kill.args([signal, &self.daemon.as_ref().unwrap().id()]);
        assert!(output(kill).await.status.success());
    }
}

async fn check_all(server: &Server, cases: &[Case], row: &mut Row) {
    for case in cases {
        let wanted = case.is_let_in || server.program.overlooks.contains(&case.name);
        let log = server.log();
        assert_eq!(
            server.lets_in(&case.holder).await,
            wanted,
            "{}: {log}",
            case.name
        );
        row.saw(case.name, wanted);
    }
    let good = &cases[0].holder;
    let (status, body) = server.ask(&[], &[]).await;
    assert!(
        [0, 400].contains(&status),
        "without a certificate: {status}, {body}"
    );
    // The root alone is trusted.
    let (status, body) = server.ask(&[&good.leaf, &good.key], &[]).await;
    assert!(
        [0, 400].contains(&status),
        "without its issuer's: {status}, {body}"
    );
    assert!(!server.resumes(good).await, "a session is resumed");
    row.saw("without a certificate", false);
    row.saw("without its issuer's certificate", false);
    if server.program.behind == Behind::Told {
        server.cannot_be_spoofed(good).await;
        row.besides("the application is told who it is, and a client cannot tell it");
    }
}

async fn revoke_and_check(world: &World, server: &mut Server, cases: &[Case], row: &mut Row) {
    let [good, later] = [&cases[0].holder, &cases[1].holder];
    world.revoke(later).await;
    assert!(server.lets_in(later).await, "it does not know yet");
    server.refresh(world).await;
    let server = &*server;
    eventually("it is refused", || async { !server.lets_in(later).await }).await;
    assert!(server.lets_in(good).await);
    row.besides(match server.program.reload {
        Reload::Signal(_) => "revoked later: refused after the refresh and its reload",
        Reload::Itself => "revoked later: refused after the refresh alone",
        Reload::Restart => "revoked later: refused after the refresh and a restart",
    });
}

/// With the responder instead of lists: nothing is refreshed, and who was revoked is refused at once.
async fn ask_the_responder(
    world: &World,
    program: &'static Program,
    cases: &[Case],
    row: &mut Row,
) {
    let ocsp = ["--revocation", "ocsp"];
    let server = Server::start_with(world, program, "wifi-user", &ocsp).await;
    let good = world.user("wifi-user", KeyAlgorithm::Ecdsa).await;
    for case in cases
        .iter()
        .filter(|case| ["a user, ECDSA", "revoked"].contains(&case.name))
    {
        let log = server.log();
        assert_eq!(
            server.lets_in(&case.holder).await,
            case.is_let_in,
            "{}: {log}",
            case.name
        );
    }
    assert!(server.lets_in(&good).await, "{}", server.log());
    world.revoke(&good).await;
    assert!(!server.lets_in(&good).await, "{}", server.log());
    row.besides("with --revocation ocsp: revoked later, refused at once");
}

/// stunnel can be told who may come in, one by one.
async fn name_one(world: &World, program: &'static Program, cases: &[Case], row: &mut Row) {
    let mut server = Server::start_with(world, program, "wifi-user", &["--ssid", "one"]).await;
    let file = server.folder.join("stunnel.conf");
    let text = std::fs::read_to_string(&file).unwrap();
    let named = text.replace(";checkEmail =", "checkEmail =");
    assert_ne!(named, text);
    std::fs::write(&file, named).unwrap();
    server.run().await;
    for name in ["a user, ECDSA", "another domain", "a device's"] {
        let case = cases.iter().find(|case| case.name == name).unwrap();
        let is_let_in = server.lets_in(&case.holder).await;
        assert_eq!(is_let_in, case.is_let_in, "{name}: {}", server.log());
    }
    row.besides("with checkEmail: whom it names, and nobody else");
}

async fn story(program: &'static Program) {
    let mut row = Row::of(program.name, program.version);
    let world = World::new().await;
    let users = cases::at_a_users_server(&world).await;
    let devices = cases::at_a_devices_server(&world).await;
    for (profile, cases) in [("wifi-user", &users), ("wifi-device", &devices)] {
        let mut server = Server::start(&world, program, profile).await;
        check_all(&server, cases, &mut row).await;
        revoke_and_check(&world, &mut server, cases, &mut row).await;
    }
    if ["nginx", "apache"].contains(&program.kind) {
        ask_the_responder(&world, program, &users, &mut row).await;
    }
    if program.kind == "stunnel" {
        name_one(&world, program, &users, &mut row).await;
    }
    row.tell();
    world.ca.check().await;
}

#[tokio::test]
async fn nginx() {
    story(&NGINX).await;
}

#[tokio::test]
async fn haproxy() {
    story(&HAPROXY).await;
}

#[tokio::test]
async fn apache() {
    story(&APACHE).await;
}

#[tokio::test]
async fn envoy() {
    super::daemon::ENVOY.program("envoy").await;
    story(&ENVOY).await;
}

#[tokio::test]
async fn stunnel() {
    story(&STUNNEL).await;
}

#[tokio::test]
async fn node() {
    story(&NODE).await;
}

#[tokio::test]
async fn openssl() {
    story(&OPENSSL).await;
}
