//! FreeRADIUS.

use std::path::{Path, PathBuf};

use futures_util::future::join_all;
use vaca_emulator::KeyAlgorithm;

use super::daemon::{command, free_port};
use super::eapol::{self, Server};
use super::world::{let_read, output};
use super::{Case, Daemon, Holder, Row, World, cases};
use crate::support::openssl::said;

/// FreeRADIUS with what was generated.
pub(super) struct Radius {
    daemon: Option<Daemon>,
    pub(super) folder: PathBuf,
    port: u16,
    secret: String,
}

impl Radius {
    async fn start(world: &World, profile: &str, options: &[&str]) -> Self {
        Self::start_furnished(world, profile, options, |_| {}).await
    }

    /// The same, once `furnish` has put into the folder what its operator puts there.
    pub(super) async fn start_furnished(
        world: &World,
        profile: &str,
        options: &[&str],
        furnish: impl FnOnce(&Path),
    ) -> Self {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let options = [options, &["--listen", &listen]].concat();
        let folder = world.generate("freeradius", profile, &options).await;
        furnish(&folder);
        world.refreshed(&folder, &[]).await;
        let clients = std::fs::read_to_string(folder.join("clients.conf")).unwrap();
        let secret = clients
            .lines()
            .find_map(|line| line.trim().strip_prefix("secret = "));
        let mut radius = Self {
            daemon: None,
            port,
            secret: secret.unwrap().to_owned(),
            folder,
        };
        radius.run().await;
        radius
    }

    /// Starts it, or starts it again.
    pub(super) async fn run(&mut self) {
        self.daemon = None;
        let folder = &self.folder;
        let secrets = ["server.key", "clients.conf", "token.conf"].into_iter();
        let secrets: Vec<_> = secrets.filter(|name| folder.join(name).exists()).collect();
        let_read("freerad", folder, &secrets).await;
        let checked = output(command_of(
            "freeradius",
            &["-XC", "-d", folder.to_str().unwrap()],
        ))
        .await;
        assert!(checked.status.success(), "{}", said(&checked));
        let mut freeradius = command("freeradius");
        freeradius
            .args(["-f", "-l", "stdout", "-xx", "-d"])
            .arg(folder);
        let ready = "Ready to process requests";
        self.daemon = Some(Daemon::start(folder, &mut freeradius, ready).await);
    }

    /// All that it said.
    pub(super) fn log(&self) -> String {
        self.daemon.as_ref().unwrap().log()
    }

    /// Whether EAP-TLS of this version lets the holder in, and what the answer calls it.
    async fn lets_in(&self, holder: &Holder, certificate: &Path, version: &str) -> Option<String> {
        let accepted = self.accepts(holder, certificate, version).await?;
        Some(eapol::name(&accepted))
    }

    /// What the answer holds, where that is a yes.
    pub(super) async fn accepts(
        &self,
        holder: &Holder,
        certificate: &Path,
        version: &str,
    ) -> Option<String> {
        let server = Server {
            folder: &self.folder,
            address: "127.0.0.1",
            port: self.port,
            secret: &self.secret,
        };
        let eapol_test = command("eapol_test");
        eapol::accepts(eapol_test, &server, holder, certificate, version).await
    }
}

fn command_of(program: &str, arguments: &[&str]) -> std::process::Command {
    let mut command = command(program);
    command.args(arguments);
    command
}

/// Everybody asks at once, because a refusal comes late.
async fn check_all(radius: &Radius, cases: &[Case], row: &mut Row) {
    let versions = ["1.2", "1.3"].into_iter();
    let asked = versions.flat_map(|version| cases.iter().map(move |case| (version, case)));
    let asked = asked.map(async |(version, case)| {
        let holder = &case.holder;
        let name = radius.lets_in(holder, &holder.chain, version).await;
        let wanted = case.is_let_in.then(|| holder.identity.clone());
        let log = radius.log();
        assert_eq!(name, wanted, "{}, TLS {version}: {log}", case.name);
    });
    join_all(asked).await;
    for case in cases {
        row.saw(case.name, case.is_let_in);
    }
}

/// The one who was let in is revoked: the refresh alone, without a restart, shuts it out.
async fn revoke_and_check(world: &World, radius: &Radius, cases: &[Case], row: &mut Row) {
    let [good, later] = [&cases[0].holder, &cases[1].holder];
    world.revoke(later).await;
    let still = radius.lets_in(later, &later.chain, "1.3").await;
    assert!(still.is_some(), "FreeRADIUS does not know yet");
    world.refreshed(&radius.folder, &["false"]).await;
    assert_eq!(radius.lets_in(later, &later.chain, "1.3").await, None);
    assert_eq!(radius.lets_in(later, &later.chain, "1.2").await, None);
    assert!(radius.lets_in(good, &good.chain, "1.3").await.is_some());
    row.besides("revoked later: refused after the refresh alone");
}

async fn users(world: &World, row: &mut Row) {
    let cases = cases::at_a_users_server(world).await;
    let issuing = Radius::start(world, "wifi-user", &["--trust", "issuing"]).await;
    let root = Radius::start(world, "wifi-user", &["--trust", "root"]).await;
    check_all(&issuing, &cases, row).await;
    check_all(&root, &cases, row).await;
    let good = &cases[0].holder;
    assert!(issuing.lets_in(good, &good.leaf, "1.2").await.is_some());
    assert_eq!(root.lets_in(good, &good.leaf, "1.2").await, None);
    row.besides(
        "without its issuer's certificate: let in with --trust issuing, refused with --trust root",
    );
    revoke_and_check(world, &issuing, &cases, row).await;
    world.refreshed(&root.folder, &["false"]).await;
    let later = &cases[1].holder;
    assert_eq!(root.lets_in(later, &later.chain, "1.3").await, None);
}

async fn devices(world: &World, row: &mut Row) {
    let cases = cases::at_a_devices_server(world).await;
    let radius = Radius::start(world, "wifi-device", &[]).await;
    check_all(&radius, &cases, row).await;
    revoke_and_check(world, &radius, &cases, row).await;
}

/// With the responder instead of lists.
async fn ask_the_responder(world: &World, row: &mut Row) {
    for trust in ["issuing", "root"] {
        let options = ["--revocation", "ocsp", "--trust", trust];
        let radius = Radius::start(world, "wifi-user", &options).await;
        let holder = world.user("wifi-user", KeyAlgorithm::Ecdsa).await;
        let name = radius.lets_in(&holder, &holder.chain, "1.3").await;
        assert!(name.is_some(), "{trust}: {}", radius.log());
        world.revoke(&holder).await;
        assert_eq!(radius.lets_in(&holder, &holder.chain, "1.3").await, None);
    }
    row.besides("with --revocation ocsp: revoked later, refused at once");
}

#[tokio::test]
async fn freeradius() {
    let mut row = Row::of("FreeRADIUS", &["freeradius", "-v"]);
    row.besides("EAP-TLS 1.2 and 1.3");
    let world = World::new().await;
    users(&world, &mut row).await;
    devices(&world, &mut row).await;
    ask_the_responder(&world, &mut row).await;
    row.tell();
    world.ca.check().await;
}
