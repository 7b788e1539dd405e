//! What only a server does: it is restarted, speaks TLS, asks for passwords, stands behind a pooler.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{ConnectOptions as _, Executor as _, Row as _};
use vaca::model::actor::Actor;
use vaca::model::event::{AuditEvent, EventKind};
use vaca::model::identity::Email;
use vaca::store::blocks::{AddBlock, Blocked};
use vaca::store::challenges::Sweep;
use vaca::store::database::{Database, DatabaseSettings};
use vaca::store::{Store, StoreError, migrate};
use vaca_emulator::KeyAlgorithm;

use crate::support::postgres::{Cluster, is_root, run};
use crate::support::{ALICE, Engine, START, TestCa};

const REASON: &str = "a file has no server";

fn locate(url: String, folder: &Path, password_file: Option<PathBuf>) -> Database {
    let settings = DatabaseSettings { url, password_file };
    settings.locate(folder, None).unwrap()
}

fn block(number: usize) -> AddBlock {
    AddBlock {
        blocked: Blocked::Email(Email::parse(&format!("user{number}@example.com")).unwrap()),
        reason: "lost".to_owned(),
        event: AuditEvent::new(START, EventKind::BlockAdded, Actor::CommandLine, "block"),
    }
}

#[tokio::test]
async fn a_restarted_server_keeps_what_it_confirmed_and_is_found_again() {
    if Engine::Postgres.is_absent(REASON) {
        return;
    }
    // With fsync, as in production.
    let cluster = Cluster::start(&["listen_addresses="]).await;
    let database = locate(cluster.url("postgres"), cluster.folder(), None);
    migrate::run(&database).await.unwrap();
    let store = Store::open(&database).await.unwrap();
    assert!(store.write(block(0)).await.unwrap());
    cluster.crash_and_restart().await;
    // The connections are dead: the writer notices before anything was written, and begins again.
    assert!(!store.write(block(0)).await.unwrap(), "it was kept");
    store.read_probe().await.unwrap();
    // Under load: every confirmed block is there, whatever became of the others.
    let writing = (1..400).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(number as u64 * 2)).await;
            store.write(block(number)).await.is_ok().then_some(number)
        })
    });
    let writing: Vec<_> = writing.collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    cluster.crash_and_restart().await;
    let mut confirmed = 0;
    for write in writing {
        if let Some(number) = write.await.unwrap() {
            confirmed += 1;
            assert!(!store.write(block(number)).await.unwrap(), "{number}");
        }
    }
    assert!(confirmed > 0, "some were written before the crash");
    store.close().await;
}

#[tokio::test]
async fn a_server_that_forgets_what_it_confirmed_is_refused() {
    if Engine::Postgres.is_absent(REASON) {
        return;
    }
    let cluster = Cluster::shared().await;
    let name = cluster.database(None).await;
    let database = locate(cluster.url(&name), cluster.folder(), None);
    let refused = Store::open(&database).await.unwrap_err().to_string();
    assert!(refused.contains("vaca migrate"), "{refused}");
    // Twice, and by two at once: it is done once.
    let (one, two) = tokio::join!(migrate::run(&database), migrate::run(&database));
    assert_eq!(one.unwrap(), two.unwrap());
    cluster
        .execute(format!(
            "ALTER DATABASE {name} SET synchronous_commit = off"
        ))
        .await;
    let refused = Store::open(&database).await.unwrap_err();
    assert!(matches!(refused, StoreError::Settings(_)), "{refused}");
    cluster.drop_database(&name).await;
}

/// A CA of its own and a server's certificate for `localhost`.
fn make_certificates(folder: &Path) {
    let openssl = |arguments: &str| {
        let mut command = Command::new("openssl");
        run(command.current_dir(folder).args(arguments.split(' ')));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    for name in ["ca", "other"] {
        openssl(&format!(
            "req -x509 {key} -keyout {name}.key -out {name}.crt -subj /CN={name} -days 2"
        ));
    }
    openssl(&format!(
        "req -x509 {key} -keyout server.key -out server.crt -CA ca.crt -CAkey ca.key -days 2 \
         -subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=CA:FALSE"
    ));
    if is_root() {
        run(Command::new("chown")
            .arg("postgres:")
            .arg(folder.join("server.key")));
    }
}

#[tokio::test]
async fn a_server_is_known_by_its_certificate_and_we_by_our_password() {
    if Engine::Postgres.is_absent(REASON) {
        return;
    }
    let files = tempfile::tempdir().unwrap();
    make_certificates(files.path());
    run(Command::new("chmod").arg("755").arg(files.path()));
    let file = |name: &str| files.path().join(name).display().to_string();
    let cluster = Cluster::start(&[
        "listen_addresses=127.0.0.1",
        "fsync=off",
        "ssl=on",
        &format!("ssl_cert_file={}", file("server.crt")),
        &format!("ssl_key_file={}", file("server.key")),
    ])
    .await;
    cluster
        .execute("ALTER ROLE vaca PASSWORD 'correct horse'".to_owned())
        .await;
    let rules = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
    fs::write(cluster.folder().join("data/pg_hba.conf"), rules).unwrap();
    cluster.execute("SELECT pg_reload_conf()".to_owned()).await;
    fs::write(files.path().join("right"), "correct horse\n").unwrap();
    fs::write(files.path().join("wrong"), "battery staple\n").unwrap();
    let port = cluster.port();
    let attempt = async |host: &str, parameters: &str, password: &str| {
        let url = format!("postgres://vaca@{host}:{port}/postgres?{parameters}");
        let password_file = Some(PathBuf::from(password));
        migrate::run(&locate(url, files.path(), password_file)).await
    };
    let full = "sslmode=verify-full&sslrootcert=ca.crt";
    attempt("localhost", full, "right").await.unwrap();
    attempt("127.0.0.1", "sslmode=require", "right")
        .await
        .unwrap();
    for (host, parameters, password) in [
        ("localhost", full, "wrong"),
        ("127.0.0.1", full, "right"),
        (
            "localhost",
            "sslmode=verify-full&sslrootcert=other.crt",
            "right",
        ),
        ("localhost", "sslmode=verify-full", "right"),
        ("localhost", "sslmode=disable", "right"),
    ] {
        let refused = attempt(host, parameters, password).await.unwrap_err();
        assert!(
            !refused.to_string().contains("battery"),
            "{host} {parameters}: {refused}"
        );
    }
}

struct Pooler(Child);

impl Drop for Pooler {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A pooler that hands out its two sessions by the transaction, on the server's own socket folder.
async fn pooler(cluster: &Cluster, port: u16) -> Pooler {
    let folder = cluster.folder().display();
    let (users, settings) = (
        cluster.folder().join(format!("users.{port}")),
        cluster.folder().join(format!("pooler.{port}.ini")),
    );
    fs::write(&users, "\"vaca\" \"\"\n").unwrap();
    let text = format!(
        "[databases]\n* = host={folder} port={}\n[pgbouncer]\nlisten_port = {port}\n\
         unix_socket_dir = {folder}\nauth_type = trust\nauth_file = {folder}/users.{port}\n\
         pool_mode = transaction\ndefault_pool_size = 2\n",
        cluster.port()
    );
    fs::write(&settings, text).unwrap();
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
    }
    let mut command = command
        .args(["--", "/usr/sbin/pgbouncer", "--quiet"])
        .arg(&settings)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("pgbouncer is installed");
    let socket = cluster.folder().join(format!(".s.PGSQL.{port}"));
    let started = async {
        while !socket.exists() {
            assert!(command.try_wait().unwrap().is_none(), "pgbouncer stopped");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), started).await;
    waited.expect("pgbouncer starts");
    Pooler(command)
}

#[tokio::test]
async fn a_pooler_that_changes_the_session_with_each_transaction_is_not_noticed() {
    if Engine::Postgres.is_absent(REASON) {
        return;
    }
    let cluster = Cluster::shared().await;
    let port = cluster.port() - 1;
    let _pooler = pooler(cluster, port).await;
    let through = |configuration: String| {
        let direct = format!("localhost:{}/", cluster.port());
        assert!(configuration.contains(&direct));
        configuration.replace(&direct, &format!("localhost:{port}/"))
    };
    let ca = TestCa::start_with(through, |options| options).await;
    let config = vaca::config::Config::load(&ca.configuration_file()).unwrap();
    migrate::run(&config.database).await.unwrap();
    migrate::run(&config.database).await.unwrap();
    let other = ca.node(81).await;
    for _ in 0..3 {
        let mut chromebook = ca.chromebook(ALICE).await;
        let (user, device) = tokio::join!(
            async {
                let mut chromebook = ca.chromebook(ALICE).await;
                ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa).await
            },
            ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa)
        );
        user.issued();
        device.issued();
    }
    other.stop().await;
    ca.check().await;
}

/// A session of the pooler that is kept, by a transaction.
async fn keep_session(client: &mut PgConnection) -> i32 {
    client.execute("BEGIN").await.unwrap();
    let row = client.fetch_one("SELECT pg_backend_pid()").await.unwrap();
    row.get(0)
}

#[tokio::test]
async fn a_statement_is_never_taken_for_the_one_that_has_its_name_in_another_session() {
    if Engine::Postgres.is_absent(REASON) {
        return;
    }
    let cluster = Cluster::shared().await;
    let name = cluster.database(None).await;
    let port = cluster.port() - 2;
    let pooler = pooler(cluster, port).await;
    let options = cluster.options(&name).port(port).extra_float_digits(None);
    // Where nobody else is, each store would be given the session that it was given last.
    let [mut one, mut two] = [
        options.connect().await.unwrap(),
        options.connect().await.unwrap(),
    ];
    let url = cluster
        .url(&name)
        .replace(&format!(":{}/", cluster.port()), &format!(":{port}/"));
    let database = locate(url, cluster.folder(), None);
    migrate::run(&database).await.unwrap();
    let blocks = Store::open(&database).await.unwrap();
    let sweeps = Store::open(&database).await.unwrap();
    let sweep = || Sweep { now: START };
    let (first, second) = (keep_session(&mut one).await, keep_session(&mut two).await);
    assert_ne!(first, second);
    // Each names its statements in a session of its own. The first ones have the same name, and both
    // take one number: the key of a lock, and the age of what is forgotten.
    one.execute("COMMIT").await.unwrap();
    assert!(blocks.write(block(1)).await.unwrap());
    assert_eq!(keep_session(&mut one).await, first);
    two.execute("COMMIT").await.unwrap();
    assert_eq!(sweeps.write(sweep()).await.unwrap(), 0);
    let forgotten = "INSERT INTO challenges (digest, profile, created_at, expires_at)
        SELECT sha256(n::text::bytea), 'wifi-user', 1, 2 FROM generate_series(1, 3) n";
    one.execute(forgotten).await.unwrap();
    // Now the one meets the other's.
    assert_eq!(keep_session(&mut two).await, second);
    one.execute("COMMIT").await.unwrap();
    assert_eq!(sweeps.write(sweep()).await.unwrap(), 3);
    assert!(!blocks.write(block(1)).await.unwrap());
    blocks.close().await;
    sweeps.close().await;
    drop((one, two, pooler));
    cluster.drop_database(&name).await;
}
