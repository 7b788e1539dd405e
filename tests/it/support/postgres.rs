//! A PostgreSQL server of the tests' own, in a temporary folder; it ends with this process, however
//! this process ends.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// How long a server may take to come up.
const START: Duration = Duration::from_secs(30);

/// The server that every test of this process shares.
static SHARED: OnceCell<Cluster> = OnceCell::const_new();

/// A running server.
pub struct Cluster {
    folder: PathBuf,
    port: u16,
    settings: Vec<String>,
    server: Mutex<Child>,
    databases: AtomicU32,
    /// Cleans up after this process.
    _janitor: Child,
}

/// Where Debian and others put the programs.
pub fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut folders: Vec<_> = versions
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    folders.sort();
    folders.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    let found = folders.into_iter().rev().map(|folder| folder.join(name));
    found
        .into_iter()
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{name} is not installed: `apt-get install postgresql`"))
}

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The program as a user that PostgreSQL works for: it refuses root.
fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    // The kernel tells it to stop at once when the thread that started it ends. Unlike after a kill,
    // the server then still gives its shared memory back.
    command.args(["--pdeathsig", "QUIT"]);
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
    }
    command.arg("--").arg(program);
    command
}

pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Removes the folder when this process has ended, however it did: then its standard input ends. It
/// has a process group of its own, so that an interrupt at the terminal passes it by.
fn janitor(folder: &Path) -> Child {
    let script = r#"cat >/dev/null
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            [ -e "$1/data/postmaster.pid" ] || break
            sleep 0.2
        done
        rm -rf "$1""#;
    Command::new("sh")
        .args(["-c", script, "janitor"])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap()
}

impl Cluster {
    /// The server that the tests of this process share.
    pub async fn shared() -> &'static Self {
        SHARED
            .get_or_init(|| async {
                Self::start(&[
                    "fsync=off",
                    "listen_addresses=",
                    "track_commit_timestamp=on",
                ])
                .await
            })
            .await
    }

    /// Starts a server with further settings.
    pub async fn start(settings: &[&str]) -> Self {
        let folder = TempDir::with_prefix("vaca-pg-").unwrap().keep();
        let janitor = janitor(&folder);
        if is_root() {
            run(Command::new("chown").arg("postgres:").arg(&folder));
        }
        let data = folder.join("data");
        run(unprivileged(&program("initdb"))
            .args(["--no-sync", "--username=vaca", "--auth=trust"])
            .args(["--encoding=UTF8", "--locale=C.UTF-8", "--pgdata"])
            .arg(&data));
        let port = free_port();
        let settings: Vec<_> = settings.iter().map(|&setting| setting.to_owned()).collect();
        let server = serve(&folder, port, &settings);
        let cluster = Self {
            folder,
            port,
            settings,
            server: Mutex::new(server),
            databases: AtomicU32::new(0),
            _janitor: janitor,
        };
        cluster.ready().await;
        cluster
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until the server answers.
    pub async fn ready(&self) {
        let ready = async {
            while self.connect("postgres").await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(START, ready).await;
        waited.unwrap_or_else(|_| panic!("PostgreSQL does not start: {}", self.log()));
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// What `[database] url` says of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://vaca@localhost:{}/{database}?host={}",
            self.port,
            self.folder.display()
        )
    }

    pub fn options(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.folder)
            .port(self.port)
            .username("vaca")
            .database(database)
    }

    pub async fn connect(&self, database: &str) -> Result<PgConnection, sqlx::Error> {
        self.options(database).connect().await
    }

    /// A new database, empty or like `template`, to which nobody may be connected.
    pub async fn database(&self, template: Option<&str>) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("vaca_{number}");
        let template = template.unwrap_or("template0");
        self.execute(format!("CREATE DATABASE {name} TEMPLATE {template}"))
            .await;
        name
    }

    /// Removes a database; whoever is connected is thrown out.
    pub async fn drop_database(&self, name: &str) {
        self.execute(format!("DROP DATABASE {name} WITH (FORCE)"))
            .await;
    }

    /// Runs one statement as the owner of the server.
    pub async fn execute(&self, sql: String) {
        let mut connection = self.connect("postgres").await.unwrap();
        connection.execute(AssertSqlSafe(sql)).await.unwrap();
        connection.close().await.unwrap();
    }

    /// Kills the server as a power cut would, and starts it again on what is on its disk.
    pub async fn crash_and_restart(&self) {
        self.kill();
        let pid_file = self.folder.join("data/postmaster.pid");
        // The sessions outlive the server for a moment. A new one does not wait for them but ends, and on
        // a busy machine not at once.
        let answering = async {
            while self.connect("postgres").await.is_err() {
                if self.has_ended() {
                    fs::remove_file(&pid_file).ok();
                    *self.server.lock().unwrap() = serve(&self.folder, self.port, &self.settings);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let waited = tokio::time::timeout(START, answering).await;
        waited.unwrap_or_else(|_| panic!("PostgreSQL does not start: {}", self.log()));
    }

    /// Starts it again as a standby that follows nobody: it can be read, until it is promoted.
    pub async fn restart_as_standby(&self) {
        fs::write(self.folder.join("data/standby.signal"), "").unwrap();
        if is_root() {
            let file = self.folder.join("data/standby.signal");
            run(Command::new("chown").arg("postgres:").arg(file));
        }
        self.crash_and_restart().await;
    }

    /// Writes until there is no room for more of its log; it panics then.
    pub async fn exhaust_log(&self) {
        let panicked = async {
            while !self.log().contains("PANIC") {
                if let Ok(mut connection) = self.connect("postgres").await {
                    let next =
                        "SELECT pg_logical_emit_message(false, 'full', 'full'), pg_switch_wal()";
                    connection.execute(next).await.ok();
                }
            }
        };
        let waited = tokio::time::timeout(START, panicked).await;
        waited.unwrap_or_else(|_| panic!("there was room: {}", self.log()));
    }

    fn kill(&self) {
        let mut server = self.server.lock().unwrap();
        server.kill().ok();
        server.wait().ok();
    }

    fn has_ended(&self) -> bool {
        self.server.lock().unwrap().try_wait().unwrap().is_some()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The server as a direct child. The thread that starts it lives as long as this process: the kernel
/// takes the end of the thread for the end of the parent.
fn serve(folder: &Path, port: u16, settings: &[String]) -> Child {
    let mut command = unprivileged(&program("postgres"));
    command.arg("-D").arg(folder.join("data"));
    command.arg("-k").arg(folder);
    let own = [
        format!("port={port}"),
        "max_connections=200".to_owned(),
        "shared_buffers=32MB".to_owned(),
        "dynamic_shared_memory_type=mmap".to_owned(),
    ];
    for setting in own.iter().chain(settings) {
        command.arg("-c").arg(setting);
    }
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .unwrap();
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(log);
    let (started, child) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        started.send(command.spawn().unwrap()).unwrap();
        loop {
            std::thread::park();
        }
    });
    child.recv().unwrap()
}

pub fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
