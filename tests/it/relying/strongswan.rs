//! strongSwan: IKEv2 between two of them, the server's with what was generated.
//!
//! The kernel of a test machine may know no ESP: the tunnel's is strongSwan's own, over a TUN device.

use std::path::{Path, PathBuf};

use super::netns::{Namespace, two_ends};
use super::world::{HOST, output};
use super::{Case, Daemon, Holder, Row, World, cases};
use crate::support::openssl::said;

/// An address behind the server.
const BEHIND: &str = "10.96.0.1";
/// What strongSwan does not look at: extended key usages, which vaca never gives to servers; and policies
/// only where the root names them too, which vaca's does not.
const OVERLOOKED: [&str; 2] = ["for servers", "another policy"];
const CHARON: &str = "/usr/lib/ipsec/charon";

/// One strongSwan.
struct Charon<'a> {
    daemon: Daemon,
    end: &'a Namespace,
    folder: PathBuf,
}

impl<'a> Charon<'a> {
    async fn start(end: &'a Namespace, folder: &Path) -> Self {
        let socket = folder.join("vici");
        let text = format!(
            "charon {{\n  load = random nonce openssl pem pkcs1 pkcs8 pubkey x509 revocation constraints curl \
             kdf hmac gmp kernel-libipsec kernel-netlink socket-default vici updown\n  plugins {{\n    vici {{\n      \
             socket = unix://{0}\n    }}\n  }}\n  syslog {{\n    daemon {{\n      default = -1\n    }}\n  }}\n  \
             filelog {{\n    stderr {{\n      default = 1\n      cfg = 2\n    }}\n  }}\n  retransmit_tries = 1\n  retransmit_timeout = 2.0\n}}\nswanctl {{\n  load = pem pkcs1 pkcs8 pubkey x509 openssl random\n}}\n",
            socket.display()
        );
        let configuration = folder.join("strongswan.conf");
        std::fs::write(&configuration, text).unwrap();
        let mut charon = end.command(folder, CHARON);
        charon.env("STRONGSWAN_CONF", &configuration);
        let daemon = Daemon::start(folder, &mut charon, "spawning 16 worker threads").await;
        Self {
            daemon,
            end,
            folder: folder.to_owned(),
        }
    }

    async fn swanctl(&self, arguments: &[&str]) -> (bool, String) {
        let mut swanctl = self.end.command(&self.folder, "swanctl");
        swanctl.env("SWANCTL_DIR", &self.folder);
        swanctl.env("STRONGSWAN_CONF", self.folder.join("strongswan.conf"));
        swanctl.args(arguments).arg("--uri");
        swanctl.arg(format!("unix://{}", self.folder.join("vici").display()));
        let output = output(swanctl).await;
        (output.status.success(), said(&output))
    }

    async fn load(&self, what: &str) {
        let (went_well, said) = self.swanctl(&[what]).await;
        assert!(went_well, "{said}");
    }
}

/// The gateway, as an administrator sets it up.
async fn gateway<'a>(
    world: &World,
    end: &'a Namespace,
    profile: &str,
    is_refreshed: bool,
) -> Charon<'a> {
    let options = [&[][..], &["--ssid", "alone"]][usize::from(!is_refreshed)];
    let folder = world.generate("strongswan", profile, options).await;
    for (from, to) in [
        ("server.crt", "x509/server.crt"),
        ("server-ca.crt", "x509ca/server-ca.crt"),
        ("server.key", "private/server.key"),
    ] {
        std::fs::create_dir_all(folder.join(to).parent().unwrap()).unwrap();
        std::fs::copy(world.path(from), folder.join(to)).unwrap();
    }
    if is_refreshed {
        world.refreshed(&folder, &[]).await;
    }
    let charon = Charon::start(end, &folder).await;
    charon.load("--load-all").await;
    charon
}

/// Whether a tunnel comes up with this certificate, and passes traffic.
async fn lets_in(world: &World, end: &Namespace, holder: &Holder, certificates: &Path) -> bool {
    let folder = tempfile::tempdir_in(world.folder.path()).unwrap();
    let file = |name: &str| {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        file
    };
    std::fs::copy(&holder.leaf, file("x509/leaf.pem")).unwrap();
    std::fs::copy(&holder.key, file("private/key.pem")).unwrap();
    std::fs::copy(world.path("server-ca.crt"), file("x509ca/server-ca.pem")).unwrap();
    // strongSwan sends the issuing certificate where it has it, and the root that is asked for.
    let root = world.ca.folder.path().join("root.crt");
    std::fs::copy(root, file("x509ca/root.pem")).unwrap();
    let chain = std::fs::read_to_string(certificates).unwrap();
    let end_of_leaf = chain.find("-----END").unwrap() + 26;
    let issuing = chain[end_of_leaf..].trim();
    if !issuing.is_empty() {
        std::fs::write(file("x509ca/issuing.pem"), issuing).unwrap();
    }
    let identity = if holder.identity.contains('@') {
        format!("id = {}", holder.identity)
    } else {
        // Its subject.
        String::new()
    };
    let text = format!(
        "connections {{\n  up {{\n    version = 2\n    remote_addrs = {}\n    vips = 0.0.0.0\n    local {{\n      \
         auth = pubkey\n      certs = leaf.pem\n      {identity}\n    }}\n    remote {{\n      auth = pubkey\n      \
         id = {HOST}\n      cacerts = server-ca.pem\n    }}\n    children {{\n      net {{\n        remote_ts = {BEHIND}/32\n      }}\n    }}\n  }}\n}}\n",
        super::netns::SERVER
    );
    std::fs::write(file("swanctl.conf"), text).unwrap();
    let client = Charon::start(end, folder.path()).await;
    client.load("--load-all").await;
    let (is_up, said) = client
        .swanctl(&["--initiate", "--child", "net", "--timeout", "15"])
        .await;
    if !is_up {
        assert!(
            said.contains("AUTHENTICATION_FAILED") || said.contains("AUTH_FAILED"),
            "{said}"
        );
        return false;
    }
    let (answered, said) = end.run(&format!("ping -c 1 -W 5 {BEHIND}")).await;
    assert!(answered, "{said}: {}", client.daemon.log());
    client.swanctl(&["--terminate", "--ike", "up"]).await;
    true
}

async fn check_all(
    world: &World,
    gateway: &Charon<'_>,
    client: &Namespace,
    cases: &[Case],
    row: &mut Row,
) {
    for case in cases {
        let is_let_in = lets_in(world, client, &case.holder, &case.holder.chain).await;
        let wanted = case.is_let_in || OVERLOOKED.contains(&case.name);
        let log = gateway.daemon.log();
        assert_eq!(is_let_in, wanted, "{}: {log}", case.name);
        row.saw(case.name, wanted);
    }
}

/// Nobody refreshed anything: what certificates name is all that it has.
async fn fetches_by_itself(world: &World, server: &Namespace, client: &Namespace, cases: &[Case]) {
    let _relay = server.reaches(&world.ca.pki, world.folder.path()).await;
    let gateway = gateway(world, server, "wifi-user", false).await;
    for name in ["a user, ECDSA", "revoked"] {
        let case = cases.iter().find(|case| case.name == name).unwrap();
        let is_let_in = lets_in(world, client, &case.holder, &case.holder.chain).await;
        let log = gateway.daemon.log();
        assert_eq!(is_let_in, case.is_let_in, "{name}: {log}");
        assert!(log.contains("fetching crl from"), "{log}");
    }
}

#[tokio::test]
async fn strongswan() {
    let mut row = Row::of("strongSwan", &[CHARON, "--version"]);
    row.besides("an IKEv2 tunnel that passes traffic");
    let world = World::new().await;
    let users = cases::at_a_users_server(&world).await;
    let devices = cases::at_a_devices_server(&world).await;
    let [server, client] = two_ends(world.folder.path()).await;
    let (is_there, said) = server
        .run(&format!("ip address add {BEHIND}/32 dev lo"))
        .await;
    assert!(is_there, "{said}");
    for (profile, cases) in [("wifi-user", &users), ("wifi-device", &devices)] {
        let gateway = gateway(&world, &server, profile, true).await;
        check_all(&world, &gateway, &client, cases, &mut row).await;
        let [good, later] = [&cases[0].holder, &cases[1].holder];
        world.revoke(later).await;
        world.refreshed(&gateway.folder, &[]).await;
        gateway.load("--load-creds").await;
        gateway.load("--flush-certs").await;
        let log = || gateway.daemon.log();
        assert!(
            !lets_in(&world, &client, later, &later.chain).await,
            "{}",
            log()
        );
        assert!(
            lets_in(&world, &client, good, &good.chain).await,
            "{}",
            log()
        );
    }
    row.besides("revoked later: refused after the refresh and its reload");
    fetches_by_itself(&world, &server, &client, &users).await;
    row.besides("without the refresh: fetches the lists that certificates name");
    row.tell();
    world.ca.check().await;
}
