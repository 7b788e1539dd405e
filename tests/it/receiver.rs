//! `cargo run --example webhook_receiver`, as whoever connects an inventory runs it, beside a CA.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use serde_json::{Value, json};
use vaca::clock::{Clock as _, SystemClock, Timestamp};
use vaca_emulator::KeyAlgorithm;

use crate::support::openssl::{run, said};
use crate::support::service::VACA;
use crate::support::{ALICE, Engine, TestCa, eventually, http_client, write_secret};

const SECRET: [u8; 32] = [0x5a; 32];

/// `cargo test` builds the examples beside the tests.
fn example() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let target = tests.parent().unwrap().parent().unwrap();
    let example = target.join("examples/webhook_receiver");
    assert!(
        example.is_file(),
        "{} is missing: cargo build --example webhook_receiver",
        example.display()
    );
    example
}

/// The receiver as a process of its own; killed if a test forgets it.
struct Receiver {
    child: Child,
    url: String,
    printed: Arc<Mutex<String>>,
}

impl Receiver {
    /// In a folder with `webhook.key` and `inventory.csv`.
    async fn start(folder: &Path) -> Self {
        let mut child = Command::new(example())
            .args(["--listen", "127.0.0.1:0"])
            .args([
                "--secret-file",
                "webhook.key",
                "--inventory",
                "inventory.csv",
            ])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let printed = Arc::<Mutex<String>>::default();
        let kept = Arc::clone(&printed);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                kept.lock().unwrap().extend([line.as_str(), "\n"]);
            }
        });
        let mut receiver = Self {
            child,
            url: String::new(),
            printed,
        };
        let listens = async || receiver.printed().contains('\n');
        eventually("it listens", listens).await;
        let first = receiver.printed();
        let address = first.trim().strip_prefix("listening on ").unwrap();
        receiver.url = format!("http://{address}");
        receiver
    }

    fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    /// Sends a body with this tag. Answers the status.
    async fn send(&self, path: &str, body: &str, tag: &str) -> u16 {
        let client = http_client(|builder| builder);
        let request = client
            .post(format!("{}{path}", self.url))
            .body(body.to_owned());
        let sent = request.header("vaca-signature", tag).send().await;
        sent.unwrap().status().as_u16()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn tag(secret: &[u8; 32], purpose: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, format!("{purpose}\n{body}").as_bytes());
    let digits = tag.as_ref().iter().map(|octet| format!("{octet:02x}"));
    format!("v1={}", digits.collect::<String>())
}

/// A CA at the machine's own time, which the receiver goes by, connected to it as the documentation
/// says. It is not served yet.
async fn connected() -> (TestCa, Receiver) {
    let place = Engine::of_this_run().empty_database().await;
    let ca = TestCa::start_on(place, SystemClock::new().now()).await;
    let folder = ca.folder.path();
    write_secret(&folder.join("webhook.key"), &"5a".repeat(32));
    let inventory = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/examples/webhook_receiver/inventory.csv"
    );
    std::fs::copy(inventory, folder.join("inventory.csv")).unwrap();
    let receiver = Receiver::start(folder).await;
    let tables = format!(
        "[[webhook]]\nname = \"inventory\"\nurl = \"{url}/inventory\"\nsecret_file = \"webhook.key\"\n\n\
         [[event_sink]]\nname = \"inventory\"\nurl = \"{url}/events\"\nsecret_file = \"webhook.key\"\n\n[[issuer]]",
        url = receiver.url
    );
    ca.reconfigure("[[issuer]]", &tables);
    let profile = "name = \"wifi-device\"\nscope = \"machine\"\n";
    ca.reconfigure(profile, &format!("{profile}webhook = \"inventory\"\n"));
    (ca, receiver)
}

#[tokio::test]
async fn an_inventory_has_its_say_and_hears_what_came_of_it() {
    let (mut ca, receiver) = connected().await;
    ca.serve().await.unwrap();
    let mut chromebook = ca.chromebook(ALICE).await;
    let unknown = ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa).await;
    let detail = unknown.is("refused_by_webhook").json["detail"]
        .as_str()
        .unwrap();
    assert!(detail.contains("not in the inventory"), "{detail}");

    // The row is written, as the documentation's second step says; nothing is restarted.
    let facts = ca.rows("SELECT facts FROM attempts").await.remove(0);
    let facts: Value = serde_json::from_str(&facts).unwrap();
    let device = facts["device_permanent_id"].as_str().unwrap();
    let file = ca.folder.path().join("inventory.csv");
    let rows = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{rows}{device},A-7,/Lab,in_use\n")).unwrap();
    let attempt = unknown.json["attempt"].as_str().unwrap();
    let trial = ["webhook", "try", "inventory", "--attempt", attempt];
    let tried = run(VACA, &trial, ca.folder.path()).await;
    assert!(tried.status.success(), "{}", said(&tried));
    assert!(said(&tried).contains("\"A-7\""), "{}", said(&tried));
    ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    let facts = ca.rows("SELECT facts FROM attempts ORDER BY id").await;
    assert!(facts[1].contains("\"asset_id\":\"A-7\""), "{facts:?}");
    std::fs::write(&file, format!("{rows}{device},A-7,/Lab,returned\n")).unwrap();
    let returned = ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa).await;
    let detail = returned.is("refused_by_webhook").json["detail"]
        .as_str()
        .unwrap();
    assert!(detail.contains("was returned"), "{detail}");

    let all = async || ca.count("SELECT count(*) FROM deliveries").await == 0;
    eventually("all is told", all).await;
    let printed = receiver.printed();
    assert!(
        printed.contains("trial: true") && printed.contains("trial: false"),
        "{printed}"
    );
    for kind in ["\"issued\"", "\"denied\""] {
        assert!(printed.contains(&format!("event {kind}: ")), "{printed}");
    }
    assert!(!printed.contains("again"), "{printed}");
    ca.check().await;
}

#[tokio::test]
async fn the_receiver_believes_nobody_else_and_nobody_twice() {
    let (ca, receiver) = connected().await;
    let Timestamp(now) = SystemClock::new().now();
    let question = |id: &str, sent: i64| {
        let facts = json!({ "device_permanent_id": "1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d" });
        json!({ "request_id": id, "timestamp": sent, "dry_run": false, "facts": facts }).to_string()
    };
    let asks = "vaca-webhook-question-v1";
    let good = question("r1", now);
    for wrong in [
        String::new(),
        "v1=".to_owned(),
        "v1=zz".to_owned(),
        "v1=\u{e9}".to_owned(),
        tag(&[1; 32], asks, &good),
        tag(&SECRET, "vaca-event-delivery-v1", &good),
        tag(&SECRET, asks, &question("r1", now)).replace("v1=", "v2="),
    ] {
        assert_eq!(
            receiver.send("/inventory", &good, &wrong).await,
            401,
            "{wrong}"
        );
    }
    for sent in [now - 400, now + 400, -1] {
        let old = question("r0", sent);
        let sent = receiver
            .send("/inventory", &old, &tag(&SECRET, asks, &old))
            .await;
        assert_eq!(sent, 401, "too old, or from the future");
    }
    let signed = tag(&SECRET, asks, &good);
    assert_eq!(receiver.send("/inventory", &good, &signed).await, 200);
    assert_eq!(
        receiver.send("/inventory", &good, &signed).await,
        409,
        "replayed"
    );

    let told = "vaca-event-delivery-v1";
    let event = json!({ "id": "1-a", "kind": "issued", "timestamp": now }).to_string();
    let signed = tag(&SECRET, told, &event);
    assert_eq!(
        receiver
            .send("/events", &event, &tag(&SECRET, asks, &event))
            .await,
        401
    );
    for _ in 0..2 {
        assert_eq!(
            receiver.send("/events", &event, &signed).await,
            204,
            "idempotent"
        );
    }
    let both = async || receiver.printed().contains("event \"issued\" again: 1-a");
    eventually("it is known", both).await;
    ca.check().await;
}
