//! ocserv: a tunnel with traffic in it, between the generated server and openconnect.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::netns::{Namespace, SERVER, two_ends};
use super::world::HOST;
use super::{Case, Daemon, Holder, Row, World, cases};
use crate::support::eventually;
use crate::support::openssl::said;

/// Where the server is within the tunnel.
const INSIDE: &str = "10.94.0.1";
/// What ocserv does not look at: extended key usages, which vaca never gives to servers, and policies.
const OVERLOOKED: [&str; 2] = ["for servers", "another policy"];
/// What openconnect runs to set up its end of the tunnel.
const SCRIPT: &str = r#"#!/bin/sh
set -e
[ "$reason" = connect ] || exit 0
ip link set dev "$TUNDEV" up mtu "$INTERNAL_IP4_MTU"
ip address add "$INTERNAL_IP4_ADDRESS/32" dev "$TUNDEV"
ip route add 10.94.0.0/16 dev "$TUNDEV"
echo the tunnel is up
"#;
const UP: &str = "the tunnel is up";

/// A server and the way to it.
struct Vpn<'a> {
    server: Daemon,
    folder: PathBuf,
    client: &'a Namespace,
    client_folder: PathBuf,
}

impl<'a> Vpn<'a> {
    async fn start(world: &World, [server, client]: &'a [Namespace; 2], profile: &str) -> Self {
        let listen = format!("{SERVER}:443");
        let options = ["--listen", listen.as_str()];
        let folder = world.generate("ocserv", profile, &options).await;
        world.refreshed(&folder, &[]).await;
        let options = [&options[..], &["--replace", "--check"]].concat();
        let checked = world.config("ocserv", profile, &folder, &options).await;
        assert!(checked.status.success(), "{}", said(&checked));
        let client_folder = world.path(&format!("openconnect-{profile}"));
        std::fs::create_dir(&client_folder).unwrap();
        let script = client_folder.join("script");
        std::fs::write(&script, SCRIPT).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut ocserv = server.command(&folder, "ocserv");
        ocserv.args(["--foreground", "--debug", "1", "--config"]);
        ocserv.arg(folder.join("ocserv.conf"));
        Self {
            server: Daemon::start(&folder, &mut ocserv, "sec-mod initialized").await,
            folder,
            client,
            client_folder,
        }
    }

    /// openconnect with this certificate, or with none.
    fn openconnect(&self, world: &World, credentials: &[&Path]) -> std::process::Command {
        let mut openconnect = self.client.command(&self.client_folder, "openconnect");
        openconnect.args(["--non-inter", "--no-proxy", "--no-system-trust", "--cafile"]);
        openconnect.arg(world.path("server-ca.crt"));
        openconnect
            .arg("--script")
            .arg(self.client_folder.join("script"));
        for (option, file) in ["--certificate", "--sslkey"].iter().zip(credentials) {
            openconnect.arg(option).arg(file);
        }
        openconnect.arg(format!("https://{HOST}:443"));
        openconnect
    }

    /// Whether a tunnel comes up with this certificate, and passes traffic.
    async fn lets_in(&self, world: &World, holder: &Holder, certificate: &Path) -> bool {
        let mut openconnect = self.openconnect(world, &[certificate, &holder.key]);
        let mut client = Daemon::spawn(&self.client_folder, &mut openconnect);
        if !client.says_or_ends(UP).await {
            // Shown where the test fails.
            println!("{}", client.log());
            return false;
        }
        let (answered, said) = self.client.run(&format!("ping -c 1 -W 5 {INSIDE}")).await;
        assert!(answered, "{said}");
        let known = format!("initiating session for user '{}'", holder.called());
        let log = self.server.log();
        assert!(log.contains(&known), "{known}: {log}");
        true
    }
}

async fn check_all(world: &World, vpn: &Vpn<'_>, cases: &[Case], row: &mut Row) {
    for case in cases {
        let wanted = case.is_let_in || OVERLOOKED.contains(&case.name);
        let is_let_in = vpn.lets_in(world, &case.holder, &case.holder.chain).await;
        assert_eq!(is_let_in, wanted, "{}: {}", case.name, vpn.server.log());
        row.saw(case.name, wanted);
    }
    let good = &cases[0].holder;
    let log = || vpn.server.log();
    assert!(!vpn.lets_in(world, good, &good.leaf).await, "{}", log());
    row.saw("without its issuer's certificate", false);
    let mut nobody = vpn.openconnect(world, &[]);
    let mut nobody = Daemon::spawn(&vpn.client_folder, &mut nobody);
    assert!(!nobody.says_or_ends(UP).await, "{}", log());
    row.saw("without a certificate", false);
}

/// A list that has ended, which GnuTLS does not mind.
async fn closes_when_lists_end(world: &World, vpn: &Vpn<'_>, good: &Holder) {
    let list = vpn.folder.join("crls/issuing.pem");
    let kept = std::fs::read(&list).unwrap();
    let ended = world.ended_list(1).await;
    let ended = der::pem::encode_string("X509 CRL", der::pem::LineEnding::LF, &ended).unwrap();
    std::fs::write(&list, ended).unwrap();
    assert!(!vpn.lets_in(world, good, &good.chain).await);
    std::fs::write(&list, kept).unwrap();
    assert!(vpn.lets_in(world, good, &good.chain).await);
}

#[tokio::test]
async fn ocserv() {
    let mut row = Row::of("ocserv", &["ocserv", "--version"]);
    row.besides("a tunnel that passes traffic");
    let world = World::new().await;
    let users = cases::at_a_users_server(&world).await;
    let devices = cases::at_a_devices_server(&world).await;
    let ends = two_ends(world.folder.path()).await;
    for (profile, cases) in [("wifi-user", &users), ("wifi-device", &devices)] {
        let vpn = Vpn::start(&world, &ends, profile).await;
        check_all(&world, &vpn, cases, &mut row).await;
        let [good, later] = [&cases[0].holder, &cases[1].holder];
        closes_when_lists_end(&world, &vpn, good).await;
        row.besides("a list that has ended: everybody is refused");
        world.revoke(later).await;
        let still = vpn.lets_in(&world, later, &later.chain).await;
        assert!(still, "ocserv does not know yet: {}", vpn.server.log());
        let reload = ["kill", "-HUP", &vpn.server.id()];
        world.refreshed(&vpn.folder, &reload).await;
        let vpn = &vpn;
        let lets_in = async || vpn.lets_in(&world, later, &later.chain).await;
        eventually("it is refused", || async { !lets_in().await }).await;
        assert!(vpn.lets_in(&world, good, &good.chain).await);
    }
    row.besides("revoked later: refused after the refresh and its reload");
    row.tell();
    world.ca.check().await;
}
