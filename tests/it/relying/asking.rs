//! Servers that ask for a certificate and let in whoever shows what, as guides show them to begin with. The
//! document says so; here is the proof.

use std::path::Path;

use super::daemon::{command, free_port};
use super::world::{HOST, output};
use super::{Daemon, Holder, World};
use crate::support::openssl::said;

/// In the shape of a demonstration: it asks, and decides nothing.
const NODE: &str = "
const [,, folder, port] = process.argv;
const read = (name) => require('fs').readFileSync(`${folder}/${name}`);
const options = {
    key: read('server.key'), cert: read('server.crt'), ca: read('root.pem'),
    requestCert: true, rejectUnauthorized: false,
};
require('https').createServer(options, (request, response) => response.end('hello')).listen(port, '127.0.0.1');
";

/// Whether a server says something to this client.
async fn answers(world: &World, port: u16, holder: Option<&Holder>) -> bool {
    let mut curl = command("curl");
    curl.args(["--silent", "--max-time", "10", "--cacert"])
        .arg(world.path("server-ca.crt"));
    curl.args(["--resolve", &format!("{HOST}:{port}:127.0.0.1")]);
    if let Some(holder) = holder {
        curl.arg("--cert")
            .arg(&holder.chain)
            .arg("--key")
            .arg(&holder.key);
    }
    curl.arg(format!("https://{HOST}:{port}/"));
    let output = output(curl).await;
    !said(&output).is_empty()
}

#[tokio::test]
async fn they_let_in_everybody() {
    let world = World::new().await;
    let revoked = world
        .user("wifi-user", vaca_emulator::KeyAlgorithm::Ecdsa)
        .await;
    world.revoke(&revoked).await;
    let stranger = world.of_a_stranger().await;
    let root = world.ca.folder.path().join("root.crt");
    std::fs::copy(root, world.path("root.pem")).unwrap();
    let folder = |name: &str| {
        let folder = world.path(name);
        std::fs::create_dir(&folder).unwrap();
        folder
    };
    let check = async |log: &Path, mut server: std::process::Command, port: u16| {
        let _server = Daemon::listening(log, &mut server, port).await;
        for holder in [Some(&revoked), Some(&stranger), None] {
            assert!(answers(&world, port, holder).await, "{holder:?}");
        }
    };
    let port = free_port();
    let mut node = command("node");
    node.args(["-e", NODE, "_"])
        .arg(world.folder.path())
        .arg(port.to_string());
    check(&folder("asking-node"), node, port).await;
    let port = free_port();
    let mut openssl = command("openssl");
    openssl.current_dir(world.folder.path());
    openssl.args([
        "s_server",
        "-key",
        "server.key",
        "-cert",
        "server.crt",
        "-verify",
        "1",
        "-www",
        "-accept",
    ]);
    openssl.arg(port.to_string());
    check(&folder("asking-openssl"), openssl, port).await;
    world.ca.check().await;
}
