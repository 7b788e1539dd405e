//! Two network namespaces with a cable between them: a VPN needs two ends. What is in them ends with the
//! processes that hold them, and the machine's own network sees nothing of it. Takes root.

use std::path::Path;
use std::process::Command;

use super::Daemon;
use super::daemon::command;
use super::world::output;
use crate::support::openssl::said;

/// The server's end of the cable, and the client's.
pub(super) const SERVER: &str = "10.99.0.1";
const CLIENT: &str = "10.99.0.2";

/// One end.
pub(super) struct Namespace {
    holder: Daemon,
}

impl Namespace {
    async fn new(folder: &Path, name: &str) -> Self {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let mut holder = command("unshare");
        holder.args(["--net", "sh", "-c", "echo held; exec sleep 1000"]);
        Self {
            holder: Daemon::start(&folder, &mut holder, "held").await,
        }
    }

    /// A command that runs in it, with folders of its own where others have those of the machine: an
    /// empty /run, and the hosts that are known here.
    pub(super) fn command(&self, folder: &Path, program: &str) -> Command {
        let hosts = folder.join("hosts");
        std::fs::write(
            &hosts,
            format!("127.0.0.1 localhost\n{SERVER} {}\n", super::world::HOST),
        )
        .unwrap();
        let mut within = command("nsenter");
        within.arg(format!("--net=/proc/{}/ns/net", self.holder.id()));
        within.args(["unshare", "--mount", "sh", "-c"]);
        within.arg(
            "mount -t tmpfs tmpfs /run && mount --bind \"$1\" /etc/hosts && shift && exec \"$@\"",
        );
        within.arg("sh").arg(hosts).arg(program);
        within
    }

    /// Runs a command line in it to its end.
    pub(super) async fn run(&self, line: &str) -> (bool, String) {
        let mut within = command("nsenter");
        within.arg(format!("--net=/proc/{}/ns/net", self.holder.id()));
        within.args(line.split(' '));
        let output = output(within).await;
        (output.status.success(), said(&output))
    }

    async fn must(&self, line: &str) {
        let (went_well, said) = self.run(line).await;
        assert!(went_well, "{line}: {said}");
    }
}

/// A server's end and a client's.
pub(super) async fn two_ends(folder: &Path) -> [Namespace; 2] {
    let server = Namespace::new(folder, "server-end").await;
    let client = Namespace::new(folder, "client-end").await;
    for end in [&server, &client] {
        end.must("ip link set lo up").await;
    }
    server
        .must("ip link add cable type veth peer name elbac")
        .await;
    let other = client.holder.id();
    server
        .must(&format!("ip link set elbac netns {other}"))
        .await;
    server
        .must(&format!("ip address add {SERVER}/30 dev cable"))
        .await;
    server.must("ip link set cable up").await;
    client
        .must(&format!("ip address add {CLIENT}/30 dev elbac"))
        .await;
    client.must("ip link set elbac up").await;
    [server, client]
}
