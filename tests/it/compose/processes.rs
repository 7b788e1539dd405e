//! The services of `docker-compose.yml` as processes of this machine: the same commands in the same
//! order, with folders for volumes, up to a certificate.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use clap::Parser as _;
use tempfile::TempDir;
use vaca_emulator::cli::Cli;

use super::dockerfile::Dockerfile;
use super::project::{Condition, Project, Service, for_emulator};
use super::{in_repository, repository};
use crate::support::openssl::{openssl, said};
use crate::support::postgres::{Cluster, free_port, program, run};
use crate::support::{ALICE, Engine, write_secret};

/// The emulator's command for [`emulator_program`], a word a line.
const EMULATOR: &str = "VACA_TEST_EMULATOR";

/// Not a test but a program for the one below: the emulator, in a process that takes signals.
#[tokio::test]
#[ignore = "the emulator's program, for another test"]
async fn emulator_program() {
    if let Ok(words) = std::env::var(EMULATOR) {
        Cli::parse_from(words.lines()).run().await.unwrap();
    }
}

/// A service that goes on; killed if a test forgets it.
struct Running(Child);

impl Running {
    /// `setpriv` has the kernel end it with this process, however this process ends.
    fn start(program: impl AsRef<Path>, configure: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program.as_ref());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        configure(&mut command);
        Self(command.spawn().unwrap())
    }

    /// Sends a signal and waits for the end, as Compose does.
    async fn stop(mut self, signal: &str) -> ExitStatus {
        let id = self.0.id().to_string();
        run(Command::new("kill").args([signal, &id]));
        for _ in 0..1200 {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("it does not stop");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Folders in place of volumes, ports in place of addresses of containers.
struct Machine {
    project: Project,
    dockerfile: Dockerfile,
    folder: TempDir,
    cluster: Cluster,
    /// What is written otherwise here, longer texts first.
    replaced: Vec<(String, String)>,
    ports: BTreeMap<u16, u16>,
    running: BTreeMap<String, Running>,
}

impl Machine {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let project = for_emulator();
        let cluster = server(folder.path()).await;
        let ports: BTreeMap<u16, u16> = [8080, 8081, 8090, 8091]
            .into_iter()
            .map(|port| (port, free_port()))
            .collect();
        let mut replaced = places(&project, folder.path());
        replaced.push((
            "@postgres:5432".to_owned(),
            format!("@127.0.0.1:{}", cluster.port()),
        ));
        for (port, here) in &ports {
            replaced.push((format!("0.0.0.0:{port}"), format!("127.0.0.1:{here}")));
            replaced.push((format!("//emulator:{port}"), format!("//localhost:{here}")));
        }
        let machine = Self {
            project,
            dockerfile: Dockerfile::of_the_repository(),
            folder,
            cluster,
            replaced,
            ports,
            running: BTreeMap::new(),
        };
        let site = in_repository("./deploy/emulator/vaca.toml");
        let configuration = machine.translated(&fs::read_to_string(site).unwrap());
        let site = machine.place("/etc/vaca").join("vaca.toml");
        fs::write(site, configuration).unwrap();
        machine
    }

    /// A text of the repository, as it is written here.
    fn translated(&self, text: &str) -> String {
        let replace = |text: String, (from, to): &(String, String)| text.replace(from, to);
        self.replaced.iter().fold(text.to_owned(), replace)
    }

    fn place(&self, container: &str) -> PathBuf {
        PathBuf::from(self.translated(container))
    }

    fn service(&self, name: &str) -> (&Service, Vec<String>) {
        let service = &self.project.services[name];
        let words = service.command.iter().map(|word| self.translated(word));
        (service, words.collect())
    }

    /// Does what `docker compose up` does.
    async fn up(&mut self) {
        let order = self.project.start_order(Some("emulator"));
        let order: Vec<String> = order.into_iter().map(str::to_owned).collect();
        for name in order {
            self.wait_for_dependencies(&name).await;
            let (_, words) = self.service(&name);
            match name.as_str() {
                "postgres" => {}
                "emulator" => {
                    let emulator = self.emulator(&words);
                    self.running.insert(name, emulator);
                }
                "vaca" => {
                    let vaca = self.vaca();
                    let vaca = Running::start(vaca.get_program(), |command| {
                        command
                            .args(&words)
                            .env("VACA_CONFIG", self.configuration());
                    });
                    self.running.insert(name, vaca);
                }
                _ => {
                    let output = self.once(&name).await;
                    assert!(output.status.success(), "{name}: {}", said(&output));
                }
            }
        }
    }

    async fn wait_for_dependencies(&self, name: &str) {
        let (service, _) = self.service(name);
        for (other, dependency) in &service.depends_on {
            match dependency.condition {
                Condition::ServiceHealthy => self.healthy(other).await,
                // It was waited for when it ran.
                Condition::ServiceCompletedSuccessfully => {}
            }
        }
    }

    /// Runs the service's own health check until it is content.
    async fn healthy(&self, name: &str) {
        for _ in 0..600 {
            if self.is_healthy(name) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{name} does not become healthy");
    }

    fn is_healthy(&self, name: &str) -> bool {
        let service = &self.project.services[name];
        let mut command = match &service.build {
            Some(build) => {
                let words = self.dockerfile.health(&build.target).unwrap();
                let port = self.ports[&words[1].parse().unwrap()];
                answers(port, &words[2])
            }
            None => {
                let words = &service.healthcheck.as_ref().unwrap().test;
                assert_eq!(words[0], "CMD");
                let mut command = Command::new(program(&words[1]));
                let port = self.cluster.port().to_string();
                command.args(&words[2..]).env("PGPORT", port);
                command
            }
        };
        command.output().unwrap().status.success()
    }

    fn configuration(&self) -> PathBuf {
        self.place("/etc/vaca").join("vaca.toml")
    }

    fn vaca(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vaca"));
        command.env("VACA_CONFIG", self.configuration());
        command
    }

    /// Runs a service that ends.
    async fn once(&self, name: &str) -> Output {
        let (_, words) = self.service(name);
        self.told(&words).await
    }

    /// What `docker compose exec vaca vaca ...` does.
    async fn told(&self, words: &[impl AsRef<std::ffi::OsStr>]) -> Output {
        let mut command = self.vaca();
        command.args(words).stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output());
        output.await.unwrap().unwrap()
    }

    fn emulator(&self, words: &[String]) -> Running {
        let control = format!("--control=127.0.0.1:{}", self.ports[&8091]);
        let words = [&["emulator".to_owned()], words, &[control]].concat();
        Running::start(std::env::current_exe().unwrap(), |command| {
            command.args([
                "--ignored",
                "--exact",
                "compose::processes::emulator_program",
            ]);
            command.env(EMULATOR, words.join("\n"));
        })
    }

    fn url(&self, port: u16) -> String {
        format!("http://127.0.0.1:{}", self.ports[&port])
    }

    /// What `docker compose exec emulator emulator enroll ...` does.
    async fn enroll(&self, scope: &str) -> PathBuf {
        let out = self.folder.path().join(scope);
        let cli = Cli::parse_from([
            "emulator",
            "enroll",
            "--ca",
            &self.url(8080),
            "--verified-access",
            &self.url(8091),
            "--scope",
            scope,
            "--key",
            "ecdsa",
            "--out",
            out.to_str().unwrap(),
        ]);
        cli.run().await.unwrap();
        out
    }

    /// Every file of the volumes that `serve` is not let write to, with its content.
    fn kept(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let service = &self.project.services["vaca"];
        let mut files = BTreeMap::new();
        for mount in service.mounts() {
            assert!(!mount.writable, "{mount:?}");
            if mount.target != "/var/lib/vaca-emulator" {
                collect(&self.place(mount.target), &mut files);
            }
        }
        files
    }
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
}

/// The script of the images that asks for health.
fn answers(port: u16, path: &str) -> Command {
    let mut command = Command::new(repository().join("deploy/answers"));
    command.args([&port.to_string(), path]);
    command
}

/// An empty folder for every place where a container of ours has a volume, a folder of the host, or its
/// secrets; the longer path first, because one may begin like another.
fn places(project: &Project, folder: &Path) -> Vec<(String, String)> {
    let ours = project
        .services
        .values()
        .filter(|service| service.build.is_some());
    let mut targets: Vec<String> = ours
        .flat_map(Service::mounts)
        .map(|mount| mount.target.to_owned())
        .chain(["/run/secrets".to_owned()])
        .collect();
    targets.sort_by_key(|target| std::cmp::Reverse(target.len()));
    targets.dedup();
    let place = |target: String| {
        let place = folder.join(target.trim_start_matches('/').replace('/', "_"));
        fs::create_dir_all(&place).unwrap();
        (target, place.to_str().unwrap().to_owned())
    };
    targets.into_iter().map(place).collect()
}

/// A server on TCP that wants the password of the secret, with the database that the image makes.
async fn server(folder: &Path) -> Cluster {
    let cluster = Cluster::start(&["fsync=off", "listen_addresses=127.0.0.1"]).await;
    let secrets = folder.join("run_secrets");
    fs::create_dir_all(&secrets).unwrap();
    write_secret(&secrets.join("database-password"), "sesame-4711\n");
    cluster
        .execute("ALTER ROLE vaca PASSWORD 'sesame-4711'".to_owned())
        .await;
    cluster.execute("CREATE DATABASE vaca".to_owned()).await;
    let rules = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
    fs::write(cluster.folder().join("data/pg_hba.conf"), rules).unwrap();
    cluster.execute("SELECT pg_reload_conf()".to_owned()).await;
    cluster
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_commands_in_the_same_order_end_in_a_certificate() {
    if Engine::Postgres.is_absent("Compose's record is on PostgreSQL") {
        return;
    }
    let mut machine = Machine::new().await;
    machine.up().await;
    machine.healthy("vaca").await;
    let kept = machine.kept();
    // Not ready is not healthy, and nor is nobody.
    let pki = machine.ports[&8081];
    assert!(!answers(pki, "/nothing").output().unwrap().status.success());
    assert!(
        !answers(free_port(), "/readyz")
            .output()
            .unwrap()
            .status
            .success()
    );

    for (scope, name) in [("user", Some(ALICE)), ("machine", None)] {
        let out = machine.enroll(scope).await;
        let root = machine.place("/var/lib/vaca/root.crt");
        let root = root.to_str().unwrap();
        let verified = ["verify", "-x509_strict", "-CAfile", root];
        let verified = [&verified[..], &["-untrusted", "chain.pem", "cert.pem"]].concat();
        openssl(&verified, &out).await;
        let text = openssl(&["x509", "-noout", "-text", "-in", "cert.pem"], &out).await;
        assert!(text.contains(name.unwrap_or("CN")), "{text}");
    }
    // In Compose the emulator is asked by the name of its service.
    let state = machine.place("/var/lib/vaca-emulator");
    let address = format!("127.0.0.1:{}", machine.ports[&8090]);
    let handshake = [
        "s_client", "-brief", "-connect", &address, "-CAfile", "root.pem",
    ];
    let verified = ["-verify_return_error", "-verify_hostname", "emulator"];
    openssl(&[&handshake[..], &verified].concat(), &state).await;
    let doctor = machine.told(&["doctor"]).await;
    assert!(doctor.status.success(), "{}", said(&doctor));
    let audit = machine.told(&["audit", "verify"]).await;
    assert!(audit.status.success(), "{}", said(&audit));

    // The signals that the images are stopped with.
    let vaca = machine.running.remove("vaca").unwrap();
    assert_eq!(vaca.stop("-TERM").await.code(), Some(0));
    let signal = machine
        .dockerfile
        .effective("emulator", "STOPSIGNAL")
        .unwrap();
    let signal = signal.replace("SIG", "-");
    let emulator = machine.running.remove("emulator").unwrap();
    assert_eq!(emulator.stop(&signal).await.code(), Some(0));

    // The next start, the root's key away: the same CA goes on, with the new keys of the emulator.
    fs::remove_dir_all(machine.place("/var/lib/vaca-root")).unwrap();
    machine.up().await;
    machine.healthy("vaca").await;
    machine.enroll("user").await;
    let vaca = machine.running.remove("vaca").unwrap();
    assert_eq!(vaca.stop("-TERM").await.code(), Some(0));
    // All these volumes are read-only for the service, in Compose.
    assert_eq!(machine.kept(), kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_is_seen_to_fail() {
    if Engine::Postgres.is_absent("Compose's record is on PostgreSQL") {
        return;
    }
    let machine = Machine::new().await;
    // Out of order.
    let early = machine.once("init").await;
    assert_eq!(early.status.code(), Some(1), "{}", said(&early));
    // With another password than the server's.
    let secret = machine.place("/run/secrets").join("database-password");
    write_secret(&secret, "swordfish\n");
    let refused = machine.once("migrate").await;
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(!said(&refused).contains("swordfish"));
    // Half a CA is not taken for a whole one.
    write_secret(&secret, "sesame-4711\n");
    assert!(machine.once("migrate").await.status.success());
    let key = machine.place("/var/lib/vaca/issuing/issuing.key");
    fs::create_dir_all(key.parent().unwrap()).unwrap();
    fs::write(&key, "").unwrap();
    let half = machine.once("init").await;
    assert_eq!(half.status.code(), Some(1), "{}", said(&half));
    assert!(said(&half).contains("a CA is never overwritten"));
}
