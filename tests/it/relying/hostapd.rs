//! hostapd as a RADIUS server. It listens everywhere, and so has a network of its own.

use std::path::{Path, PathBuf};

use super::eapol::{Server, authenticate};
use super::netns::{Namespace, SERVER, two_ends};
use super::{Case, Daemon, Holder, Row, World, cases};
use crate::support::eventually;

/// What hostapd does not look at.
const OVERLOOKED: [&str; 2] = ["another policy", "another domain"];
const PORT: u16 = 1812;
/// What the clients of the file are given in the test, where the generated secret is for this machine.
const SECRET: &str = "a secret of the cable";

/// hostapd with what was generated, and the way to it.
struct Radius<'a> {
    daemon: Daemon,
    folder: PathBuf,
    client: &'a Namespace,
}

impl<'a> Radius<'a> {
    async fn start(world: &World, [server, client]: &'a [Namespace; 2], profile: &str) -> Self {
        let folder = world.generate("hostapd", profile, &[]).await;
        world.refreshed(&folder, &[]).await;
        let clients = folder.join("clients");
        let named = std::fs::read_to_string(&clients).unwrap();
        std::fs::write(&clients, format!("{named}10.99.0.0/30\t{SECRET}\n")).unwrap();
        let mut hostapd = server.command(&folder, "hostapd");
        hostapd.arg(folder.join("hostapd.conf"));
        Self {
            daemon: Daemon::start(&folder, &mut hostapd, "AP-ENABLED").await,
            folder,
            client,
        }
    }

    async fn lets_in(&self, holder: &Holder, certificate: &Path, version: &str) -> bool {
        let server = Server {
            folder: &self.folder,
            address: SERVER,
            port: PORT,
            secret: SECRET,
        };
        let eapol_test = self.client.command(&self.folder, "eapol_test");
        let name = authenticate(eapol_test, &server, holder, certificate, version).await;
        name.is_some()
    }
}

async fn check_all(radius: &Radius<'_>, cases: &[Case], row: &mut Row) {
    for case in cases {
        let wanted = case.is_let_in || OVERLOOKED.contains(&case.name);
        for version in ["1.2", "1.3"] {
            let is_let_in = radius
                .lets_in(&case.holder, &case.holder.chain, version)
                .await;
            let log = radius.daemon.log();
            assert_eq!(is_let_in, wanted, "{}, TLS {version}: {log}", case.name);
        }
        row.saw(case.name, wanted);
    }
    let good = &cases[0].holder;
    assert!(!radius.lets_in(good, &good.leaf, "1.2").await);
    row.saw("without its issuer's certificate", false);
}

/// The refresh alone, without a restart, shuts out who was revoked.
async fn revoke_and_check(world: &World, radius: &Radius<'_>, cases: &[Case], row: &mut Row) {
    let [good, later] = [&cases[0].holder, &cases[1].holder];
    world.revoke(later).await;
    let lets_in = async |holder: &Holder| radius.lets_in(holder, &holder.chain, "1.3").await;
    assert!(lets_in(later).await, "hostapd does not know yet");
    world.refreshed(&radius.folder, &[]).await;
    eventually("it is refused", || async { !lets_in(later).await }).await;
    assert!(!radius.lets_in(later, &later.chain, "1.2").await);
    assert!(lets_in(good).await);
    row.besides("revoked later: refused after the refresh alone");
}

#[tokio::test]
async fn hostapd() {
    let mut row = Row::of("hostapd", &["hostapd", "-v"]);
    row.besides("EAP-TLS 1.2 and 1.3");
    row.besides("a client may call itself what it likes");
    let world = World::new().await;
    let users = cases::at_a_users_server(&world).await;
    let devices = cases::at_a_devices_server(&world).await;
    let ends = two_ends(world.folder.path()).await;
    for (profile, cases) in [("wifi-user", &users), ("wifi-device", &devices)] {
        let radius = Radius::start(&world, &ends, profile).await;
        check_all(&radius, cases, &mut row).await;
        revoke_and_check(&world, &radius, cases, &mut row).await;
    }
    row.tell();
    world.ca.check().await;
}
