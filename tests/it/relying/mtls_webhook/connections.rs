//! Connections that last, and sessions that are not resumed.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use vaca_emulator::KeyAlgorithm;

use super::{READ_AGAIN, WITHOUT_TOKEN, Webhook, World, question};
use crate::relying::Holder;
use crate::relying::daemon::command;
use crate::relying::world::{HOST, output};
use crate::support::eventually;
use crate::support::openssl::{openssl, said};

fn client(server: &Webhook, holder: &Holder, options: &[&str]) -> Command {
    let mut client = command("openssl");
    client.args(["s_client", "-servername", HOST, "-connect"]);
    client.arg(format!("127.0.0.1:{}", server.port));
    client
        .arg("-CAfile")
        .arg(server.world.join("server-ca.crt"));
    client.arg("-cert").arg(&holder.leaf);
    client.arg("-cert_chain").arg(&holder.chain);
    client.arg("-key").arg(&holder.key).args(options);
    client
}

/// A connection of openssl's that stays open.
struct Connection {
    child: Child,
    heard: Arc<Mutex<String>>,
}

impl Connection {
    fn open(server: &Webhook, holder: &Holder) -> Self {
        let mut client = client(server, holder, &["-quiet", "-no_ign_eof"]);
        client.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = client.stderr(Stdio::null()).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let heard = Arc::<Mutex<String>>::default();
        let kept = Arc::clone(&heard);
        std::thread::spawn(move || {
            let mut octets = [0; 4096];
            while let Ok(many @ 1..) = stdout.read(&mut octets) {
                let text = String::from_utf8_lossy(&octets[..many]);
                kept.lock().unwrap().push_str(&text);
            }
        });
        Self { child, heard }
    }

    fn say(&mut self, text: &str) {
        self.child
            .stdin
            .as_mut()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    fn ask(&mut self) {
        let body = question("confirm");
        let length = body.len();
        self.say(&format!(
            "POST /webhook HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
    }

    async fn hears(&self, text: &str) {
        let heard = || self.heard.lock().unwrap().clone();
        eventually(text, || async { heard().contains(text) }).await;
    }

    /// The server closed it.
    async fn ends(&mut self) {
        let child = Mutex::new(&mut self.child);
        let ended = || child.lock().unwrap().try_wait().unwrap().is_some();
        eventually("the connection is closed", || async { ended() }).await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[tokio::test]
async fn one_that_is_open_is_held_against_a_new_list() {
    let world = World::new().await;
    let holder = world.user("wifi-user", KeyAlgorithm::Ecdsa).await;
    let server = Webhook::for_users(&world, &WITHOUT_TOKEN).await;
    let mut open = Connection::open(&server, &holder);
    open.ask();
    open.hears("Confirmed for alice@example.com.").await;

    world.revoke(&holder).await;
    server.refresh(&world).await;
    let before = server.daemon.log().len();
    open.ask();
    open.hears("HTTP/1.1 403 Forbidden").await;
    open.hears("connection: close").await;
    open.ends().await;
    server
        .tells(before, &["certificate_revoked", &holder.serial])
        .await;
    world.ca.check().await;
}

#[tokio::test]
async fn no_session_is_resumed() {
    let world = World::new().await;
    let holder = world.user("wifi-user", KeyAlgorithm::Ecdsa).await;
    let server = Webhook::for_users(&world, &WITHOUT_TOKEN).await;
    // Five connections more, each of which would go on with the session of the first.
    let mut again = client(&server, &holder, &["-tls1_2", "-reconnect"]);
    again.stdin(Stdio::null());
    let said_of_it = said(&output(again).await);
    let opened = said_of_it.matches("New, TLSv1.2").count();
    assert_eq!(
        (opened, said_of_it.contains("Reused")),
        (6, false),
        "{said_of_it}"
    );
    // In TLS 1.3 a session comes behind the handshake, with a ticket; openssl writes it where there is one.
    let session = server.folder.join("session.pem");
    let kept = session.to_str().unwrap();
    let mut once = client(
        &server,
        &holder,
        &["-tls1_3", "-sess_out", kept, "-ign_eof"],
    );
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    let mut child = once
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(request.as_bytes())
        .unwrap();
    let heard = tokio::task::spawn_blocking(move || child.wait_with_output());
    let heard = said(&heard.await.unwrap().unwrap());
    assert!(heard.contains("HTTP/1.1 404"), "{heard}");
    assert!(!heard.contains("New Session Ticket"), "{heard}");
    assert!(!session.exists(), "{heard}");
    world.ca.check().await;
}

#[tokio::test]
async fn its_own_certificate_is_renewed_in_its_place() {
    let world = World::new().await;
    let holder = world.user("wifi-user", KeyAlgorithm::Ecdsa).await;
    let folder = Webhook::files(&world, "wifi-user").await;
    // A CA may have several certificates of one key, in one file or in two.
    let issuing = std::fs::read_to_string(folder.join("issuing.pem")).unwrap();
    std::fs::write(folder.join("issuing.pem"), issuing.repeat(2)).unwrap();
    let options = ["--domain", "example.com", "--without-token"];
    let server = Webhook::start(&world, &folder, &["crl.pem"], &options).await;
    let shown = async || {
        let mut client = client(&server, &holder, &[]);
        client.stdin(Stdio::null());
        let said = said(&output(client).await);
        let (_, shown) = said.split_once("-----BEGIN CERTIFICATE-----").unwrap();
        shown.split_once("-----END").unwrap().0.to_owned()
    };
    let before = shown().await;
    let sign = "x509 -req -in server.csr -CA server-ca.crt -CAkey server-ca.key -days 31 -extfile server.cnf -out server.crt";
    openssl(&sign.split(' ').collect::<Vec<_>>(), world.folder.path()).await;
    let length = server.daemon.log().len();
    std::fs::copy(world.path("server.crt"), folder.join("server.crt")).unwrap();
    let told = Command::new("kill")
        .args(["-HUP", &server.daemon.id()])
        .status();
    assert!(told.unwrap().success());
    server.says_again(READ_AGAIN, length).await;
    assert_ne!(shown().await, before);
    // Half of it is none.
    let length = server.daemon.log().len();
    std::fs::write(folder.join("server.key"), "-----BEGIN PRIVATE KEY-----\n").unwrap();
    server
        .says_again("what was read before stays", length)
        .await;
    server.lets_in(&holder, &[]).await;
    world.ca.check().await;
}
