//! OpenVPN: a tunnel with traffic in it, with the generated configurations at both ends.

use std::path::{Path, PathBuf};

use super::netns::{Namespace, two_ends};
use super::{Case, Daemon, Holder, Row, World, cases};

/// Where the server is within the tunnel.
const INSIDE: &str = "10.98.0.1";

/// A server and the way to it.
struct Vpn<'a> {
    server: Daemon,
    folder: PathBuf,
    client: &'a Namespace,
    client_folder: PathBuf,
}

impl<'a> Vpn<'a> {
    async fn start(
        world: &World,
        [server, client]: &'a [Namespace; 2],
        profile: &str,
        port: u16,
    ) -> Self {
        let listen = format!("{}:{port}", super::netns::SERVER);
        let options = ["--listen", &listen];
        let folder = world.generate("openvpn", profile, &options).await;
        world.refreshed(&folder, &[]).await;
        std::fs::create_dir(folder.join("peers")).unwrap();
        let client_folder = world.path(&format!("ovpn-{profile}-{port}"));
        let written = world
            .config("ovpn", profile, &client_folder, &options)
            .await;
        assert!(written.status.success());
        std::fs::copy(
            world.path("server-ca.crt"),
            client_folder.join("vpn-ca.pem"),
        )
        .unwrap();
        let mut openvpn = server.command(&folder, "openvpn");
        openvpn
            .args(["--verb", "3", "--config"])
            .arg(folder.join("server.conf"));
        let daemon =
            Daemon::start(&folder, &mut openvpn, "Initialization Sequence Completed").await;
        Self {
            server: daemon,
            folder,
            client,
            client_folder,
        }
    }

    /// Whether a tunnel comes up with this certificate, and passes traffic.
    async fn lets_in(&self, holder: &Holder, certificate: &Path) -> bool {
        std::fs::copy(certificate, self.client_folder.join("chain.pem")).unwrap();
        std::fs::copy(&holder.key, self.client_folder.join("key.pem")).unwrap();
        let before = self.server.log().len();
        let mut openvpn = self.client.command(&self.client_folder, "openvpn");
        openvpn
            .arg("--config")
            .arg(self.client_folder.join("client.ovpn"));
        openvpn.args([
            "--connect-retry-max",
            "1",
            "--connect-timeout",
            "5",
            "--hand-window",
            "5",
        ]);
        openvpn.args(["--tls-exit", "--remap-usr1", "SIGTERM", "--verb", "3"]);
        let mut client = Daemon::spawn(&self.client_folder, &mut openvpn);
        if !client
            .says_or_ends("Initialization Sequence Completed")
            .await
        {
            // Shown where the test fails.
            println!("{}", client.log());
            return false;
        }
        let (answered, said) = self.client.run(&format!("ping -c 1 -W 5 {INSIDE}")).await;
        assert!(answered, "{said}");
        let log = self.server.log();
        let known = format!("[{}] Peer Connection Initiated", holder.called());
        assert!(log[before..].contains(&known), "{known}: {log}");
        true
    }
}

async fn check_all(vpn: &Vpn<'_>, cases: &[Case], row: &mut Row) {
    for case in cases {
        let is_let_in = vpn.lets_in(&case.holder, &case.holder.chain).await;
        assert_eq!(
            is_let_in,
            case.is_let_in,
            "{}: {}",
            case.name,
            vpn.server.log()
        );
        row.saw(case.name, case.is_let_in);
    }
    let good = &cases[0].holder;
    assert!(!vpn.lets_in(good, &good.leaf).await, "{}", vpn.server.log());
    row.saw("without its issuer's certificate", false);
}

#[tokio::test]
async fn openvpn() {
    let mut row = Row::of("OpenVPN", &["openvpn", "--version"]);
    let world = World::new().await;
    let users = cases::at_a_users_server(&world).await;
    let devices = cases::at_a_devices_server(&world).await;
    let ends = two_ends(world.folder.path()).await;
    for (profile, cases) in [("wifi-user", &users), ("wifi-device", &devices)] {
        // Over TCP, where a refusal comes at once.
        let vpn = Vpn::start(&world, &ends, profile, 443).await;
        check_all(&vpn, cases, &mut row).await;
        let [good, later] = [&cases[0].holder, &cases[1].holder];
        world.revoke(later).await;
        world.refreshed(&vpn.folder, &[]).await;
        assert!(
            !vpn.lets_in(later, &later.chain).await,
            "{}",
            vpn.server.log()
        );
        assert!(vpn.lets_in(good, &good.chain).await);
    }
    row.besides("a tunnel that passes traffic, over TCP and UDP");
    row.besides("revoked later: refused after the refresh alone");
    let vpn = Vpn::start(&world, &ends, "wifi-user", 1194).await;
    assert!(vpn.lets_in(&users[0].holder, &users[0].holder.chain).await);
    row.tell();
    world.ca.check().await;
}
