//! Two network namespaces with a cable between them: a VPN needs two ends. What is in them ends with the
//! processes that hold them, and the machine's own network sees nothing of it. Takes root.

use std::path::Path;
use std::process::Command;

use tokio::net::{TcpStream, UnixListener};

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

/// What runs in a namespace, on the address by which others reach a server, and passes on to the socket.
const RELAY: &str = r#"
import asyncio, sys
async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
async def pair(reader, writer):
    there = await asyncio.open_unix_connection(sys.argv[2])
    await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))
async def main():
    server = await asyncio.start_server(pair, '127.0.0.1', int(sys.argv[1]))
    print('relaying', flush=True)
    await server.serve_forever()
asyncio.run(main())
"#;

/// A way from a namespace to a server outside.
pub(super) struct Relay {
    _within: Daemon,
    without: tokio::task::JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.without.abort();
    }
}

impl Namespace {
    /// Makes a server on loopback outside answer on the same address within.
    pub(super) async fn reaches(&self, url: &str, folder: &Path) -> Relay {
        let address = url.strip_prefix("http://").unwrap().to_owned();
        let port = address.rsplit(':').next().unwrap().to_owned();
        let socket = folder.join("relay.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let without = tokio::spawn(async move {
            while let Ok((mut within, _)) = listener.accept().await {
                let address = address.clone();
                tokio::spawn(async move {
                    let mut there = TcpStream::connect(&address).await?;
                    tokio::io::copy_bidirectional(&mut within, &mut there).await
                });
            }
        });
        let here = folder.join("relay");
        std::fs::create_dir(&here).unwrap();
        let mut python = self.command(&here, "python3");
        python.args(["-c", RELAY, &port]).arg(&socket);
        Relay {
            _within: Daemon::start(&here, &mut python, "relaying").await,
            without,
        }
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
