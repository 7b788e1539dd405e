//! PostgreSQL and `psql`: a certificate in the place of a password.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::daemon::command;
use super::world::{HOST, let_read, output};
use super::{Case, Holder, Row, World, cases};
use crate::support::eventually;
use crate::support::openssl::said;
use crate::support::postgres::{Cluster, program, run};

/// Another user's role, which nobody here may have.
const ANOTHERS: &str = "alice@example.net";
/// What PostgreSQL cannot ask for.
const OVERLOOKED: &str = "another policy";

/// A server with what was generated.
struct Postgres {
    cluster: Cluster,
    folder: PathBuf,
    server_ca: PathBuf,
}

impl Postgres {
    async fn start(world: &World, profile: &str) -> Self {
        let listen = ["--listen", "127.0.0.1:5432"];
        let folder = world.generate("postgresql", profile, &listen).await;
        world.refreshed(&folder, &[]).await;
        // As an administrator adds lines of their own: this is how the test makes roles.
        let access = folder.join("pg_hba.conf");
        let text = std::fs::read_to_string(&access).unwrap();
        std::fs::write(&access, format!("local all vaca trust\n{text}")).unwrap();
        let_read("postgres", &folder, &["server.key"]).await;
        let settings = format!("config_file={}", folder.join("vaca.conf").display());
        Self {
            cluster: Cluster::start(&[&settings, "fsync=off"]).await,
            folder,
            server_ca: world.path("server-ca.crt"),
        }
    }

    async fn knows(&self, role: &str) {
        self.cluster
            .execute(format!("CREATE ROLE \"{role}\" LOGIN"))
            .await;
    }

    /// Whether somebody who shows this may have the role.
    async fn gives(&self, role: &str, certificate: &Path, key: &Path) -> bool {
        let place = format!(
            "host={HOST} hostaddr=127.0.0.1 port={} dbname=postgres user='{role}' sslmode=verify-full \
             sslrootcert={} sslcert={} sslkey={} connect_timeout=10",
            self.cluster.port(),
            self.server_ca.display(),
            certificate.display(),
            key.display(),
        );
        let mut psql = command(program("psql").to_str().unwrap());
        psql.args(["-X", "-A", "-t", "-w", "-c", "SELECT current_user", &place]);
        let output = output(psql).await;
        let text = said(&output);
        if output.status.success() {
            assert_eq!(text.trim(), role);
            return true;
        }
        assert!(
            text.contains("FATAL:") || text.contains("SSL error: "),
            "{text}"
        );
        false
    }

    async fn lets_in(&self, holder: &Holder) -> bool {
        let key = holder.key.to_str().unwrap();
        run(Command::new("chmod").args(["600", key]));
        self.gives(&holder.identity, &holder.chain, &holder.key)
            .await
    }
}

async fn check_all(postgres: &Postgres, cases: &[Case], row: &mut Row) {
    let mut roles: Vec<_> = cases
        .iter()
        .map(|case| case.holder.identity.as_str())
        .collect();
    roles.push(ANOTHERS);
    roles.sort_unstable();
    roles.dedup();
    for role in roles {
        postgres.knows(role).await;
    }
    for case in cases {
        let wanted = case.is_let_in || case.name == OVERLOOKED;
        let is_let_in = postgres.lets_in(&case.holder).await;
        let log = postgres.cluster.log();
        assert_eq!(is_let_in, wanted, "{}: {log}", case.name);
        row.saw(case.name, wanted);
    }
    let good = &cases[0].holder;
    let nothing = Path::new("/nonexistent");
    assert!(!postgres.gives(&good.identity, nothing, nothing).await);
    assert!(!postgres.gives(&good.identity, &good.leaf, &good.key).await);
    row.saw("without a certificate", false);
    row.saw("without its issuer's certificate", false);
    assert!(!postgres.gives(ANOTHERS, &good.chain, &good.key).await);
    assert!(!postgres.gives("vaca", &good.chain, &good.key).await);
    row.besides("whoever asks for another's role is refused");
}

async fn revoke_and_check(world: &World, postgres: &Postgres, cases: &[Case], row: &mut Row) {
    let [good, later] = [&cases[0].holder, &cases[1].holder];
    world.revoke(later).await;
    assert!(postgres.lets_in(later).await, "it does not know yet");
    let psql = program("psql").display().to_string();
    let (socket, port) = (
        postgres.cluster.folder().display().to_string(),
        postgres.cluster.port().to_string(),
    );
    let reload = [
        &psql, "-h", &socket, "-p", &port, "-U", "vaca", "-d", "postgres", "-c",
    ];
    let reload = [&reload[..], &["SELECT pg_reload_conf()"]].concat();
    world.refreshed(&postgres.folder, &reload).await;
    eventually("it is refused", || async { !postgres.lets_in(later).await }).await;
    assert!(postgres.lets_in(good).await);
    row.besides("revoked later: refused after the refresh and its reload");
    world.put_ended_list(&postgres.folder).await;
    let again = "SELECT pg_reload_conf()".to_owned();
    postgres.cluster.execute(again).await;
    eventually("nobody is let in", || async {
        !postgres.lets_in(good).await
    })
    .await;
    row.besides("everybody is refused, once the lists have ended");
}

#[tokio::test]
async fn postgresql() {
    let server = program("postgres");
    let mut row = Row::of("PostgreSQL", &[server.to_str().unwrap(), "--version"]);
    let world = World::new().await;
    let mut users = cases::at_a_users_server(&world).await;
    users.push(cases::called_as_a_user(&world).await);
    let devices = cases::at_a_devices_server(&world).await;
    for (profile, cases) in [("wifi-user", &users), ("wifi-device", &devices)] {
        let postgres = Postgres::start(&world, profile).await;
        check_all(&postgres, cases, &mut row).await;
        revoke_and_check(&world, &postgres, cases, &mut row).await;
    }
    row.tell();
    world.ca.check().await;
}
