//! mosquitto, and a client of it that sends something to itself.

use std::path::{Path, PathBuf};

use super::daemon::{command, free_port};
use super::world::{let_read, output};
use super::{Case, Daemon, Holder, Row, World, cases};
use crate::support::eventually;
use crate::support::openssl::{openssl, said};

/// What mosquitto cannot ask for.
const OVERLOOKED: &str = "another policy";

/// A broker with what was generated.
struct Broker {
    daemon: Option<Daemon>,
    folder: PathBuf,
    server_ca: PathBuf,
    port: u16,
}

impl Broker {
    /// In its list of rights stand those with these subjects, and nobody else.
    async fn start(world: &World, profile: &str, subjects: &[String]) -> Self {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let options = ["--listen", listen.as_str()];
        let folder = world.generate("mosquitto", profile, &options).await;
        world.refreshed(&folder, &[]).await;
        let rights = folder.join("acl");
        let mut text = std::fs::read_to_string(&rights).unwrap();
        for subject in subjects {
            text += &format!("user {subject}\ntopic readwrite fleet/#\n");
        }
        std::fs::write(&rights, text).unwrap();
        let mut broker = Self {
            daemon: None,
            folder,
            server_ca: world.path("server-ca.crt"),
            port,
        };
        broker.run().await;
        broker
    }

    /// Starts it, or starts it again.
    async fn run(&mut self) {
        self.daemon = None;
        let_read("mosquitto", &self.folder, &["server.key"]).await;
        let mut mosquitto = command("mosquitto");
        mosquitto.args(["-v", "-c"]);
        mosquitto.arg(self.folder.join("mosquitto.conf"));
        self.daemon = Some(Daemon::listening(&self.folder, &mut mosquitto, self.port).await);
    }

    fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().unwrap()
    }

    /// Whether somebody who shows this hears what they say there.
    async fn carries(&self, topic: &str, credentials: &[&Path]) -> bool {
        let mut client = command("mosquitto_rr");
        client.args(["-h", "127.0.0.1", "-W", "2", "-q", "1", "-m", "hello"]);
        client.args(["-p", &self.port.to_string(), "-t", topic, "-e", topic]);
        client.arg("--cafile").arg(&self.server_ca);
        for (option, file) in ["--cert", "--key"].iter().zip(credentials) {
            client.arg(option).arg(file);
        }
        said(&output(client).await)
            .lines()
            .any(|line| line == "hello")
    }

    async fn lets_in(&self, holder: &Holder) -> bool {
        self.carries("fleet/test", &[&holder.chain, &holder.key])
            .await
    }
}

/// The subject as the broker writes it.
async fn subject(holder: &Holder) -> String {
    let leaf = holder.leaf.to_str().unwrap();
    let read = [
        "x509", "-in", leaf, "-noout", "-subject", "-nameopt", "RFC2253",
    ];
    let said = openssl(&read, holder.leaf.parent().unwrap()).await;
    said.trim().strip_prefix("subject=").unwrap().to_owned()
}

/// The subjects of those who are let in, and of those whose certificate alone keeps them out.
async fn subjects(cases: &[Case]) -> Vec<String> {
    let mut subjects = Vec::new();
    for case in cases {
        if case.is_let_in || case.name == "revoked" {
            subjects.push(subject(&case.holder).await);
        }
    }
    subjects.dedup();
    subjects
}

async fn check_all(broker: &Broker, cases: &[Case], row: &mut Row) {
    for case in cases {
        let wanted = case.is_let_in || case.name == OVERLOOKED;
        let is_let_in = broker.lets_in(&case.holder).await;
        let log = broker.daemon().log();
        assert_eq!(is_let_in, wanted, "{}: {log}", case.name);
        row.saw(case.name, wanted);
    }
    let good = &cases[0].holder;
    assert!(!broker.carries("fleet/test", &[]).await);
    let leaf = [good.leaf.as_path(), &good.key];
    assert!(!broker.carries("fleet/test", &leaf).await);
    row.saw("without a certificate", false);
    row.saw("without its issuer's certificate", false);
    let chain = [good.chain.as_path(), &good.key];
    assert!(!broker.carries("elsewhere", &chain).await);
    row.besides("nothing is allowed that does not stand in its acl");
}

async fn revoke_and_check(world: &World, broker: &mut Broker, cases: &[Case], row: &mut Row) {
    let [good, later] = [&cases[0].holder, &cases[1].holder];
    world.revoke(later).await;
    assert!(broker.lets_in(later).await, "it does not know yet");
    let id = broker.daemon().id();
    world
        .refreshed(&broker.folder, &["kill", "-HUP", &id])
        .await;
    let reloaded = &*broker;
    eventually("it is refused", || async { !reloaded.lets_in(later).await }).await;
    assert!(broker.lets_in(good).await);
    row.besides("revoked later: refused after the refresh and its reload");
    world.put_ended_list(&broker.folder).await;
    broker.run().await;
    assert!(!broker.lets_in(good).await);
    row.besides("everybody is refused, once the lists have ended");
}

#[tokio::test]
async fn mosquitto() {
    let mut row = Row::of("mosquitto", &["mosquitto", "-h"]);
    let world = World::new().await;
    let mut users = cases::at_a_users_server(&world).await;
    users.push(cases::called_as_a_user(&world).await);
    let devices = cases::at_a_devices_server(&world).await;
    for (profile, cases) in [("wifi-user", &users), ("wifi-device", &devices)] {
        let subjects = subjects(cases).await;
        let mut broker = Broker::start(&world, profile, &subjects).await;
        check_all(&broker, cases, &mut row).await;
        revoke_and_check(&world, &mut broker, cases, &mut row).await;
    }
    row.tell();
    world.ca.check().await;
}
