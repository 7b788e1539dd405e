//! A whole CA in a temporary folder: the production `server::build` on free ports, an emulator, a
//! clock that stands still, a seeded random source.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use vaca::cli::{InitArguments, initialize};
use vaca::clock::{Clock as _, TestClock, Timestamp};
use vaca::config::Config;
use vaca::random::SystemRandom;
use vaca::store::Store;
use vaca_emulator::{Emulator, Enrollment, KeyAlgorithm, Options, Scope, VirtualChromebook};

mod answer;
mod check;
pub mod commits;
pub mod disk;
pub mod engine;
mod hold;
pub mod node;
pub mod ocsp;
pub mod openssl;
pub mod pkilint;
pub mod postgres;
pub mod python;
pub mod schemathesis;
pub mod scrape;
pub mod service;
mod shortcuts;
mod tokens;

pub use answer::Answer;
use commits::Commits;
pub use engine::Engine;
use engine::Place;
use node::Running;
pub use shortcuts::eventually;

/// When every test begins: 2027-01-15T08:00:00Z.
pub const START: Timestamp = Timestamp(1_800_000_000);
/// The user that the emulator's directory begins with.
pub const ALICE: &str = "alice@example.com";

/// The configuration that tests share; each may change it before the start.
pub const CONFIGURATION: &str = r#"
deployment_key_file = "deployment.key"

[listen]
api = "127.0.0.1:0"
pki = "127.0.0.1:0"
admin = "127.0.0.1:0"

[database]
url = "DATABASE"

[verified_access]
endpoint = "test"
url = "VERIFIED_ACCESS"
service_account_file = "service-account.json"
transport = "rest"

[http]
extension_ids = ["abcdefghijklmnopabcdefghijklmnop"]

[[issuer]]
name = "issuing"
certificate_file = "issuing/issuing.crt"
root_certificate_file = "root.crt"
key_file = "issuing/issuing.key"
passphrase_file = "issuing/passphrase"

[[profile]]
name = "wifi-user"
scope = "user"
domains = ["example.com"]
customer_id = "C01example"
issuer = "issuing"
allow = "all_verified"

[[profile]]
name = "vpn-user"
scope = "user"
domains = ["example.com"]
customer_id = "C01example"
issuer = "issuing"
allow = "all_verified"
key_algorithms = ["ECDSA"]
require_customer_id = true

[[profile]]
name = "wifi-device"
scope = "machine"
domains = ["example.com"]
customer_id = "C01example"
issuer = "issuing"
allow = "all_verified"

[[profile]]
name = "lab-device"
scope = "machine"
domains = ["example.com"]
customer_id = "C01example"
issuer = "issuing"
allow = "all_verified"
key_trust_levels = ["CHROME_OS_VERIFIED_MODE", "CHROME_OS_DEVELOPER_MODE"]
"#;

/// A CA that was made once; each test starts from a copy.
static TEMPLATE: OnceCell<(TempDir, Place)> = OnceCell::const_new();

async fn template() -> &'static (TempDir, Place) {
    let made = TEMPLATE.get_or_init(|| async {
        let place = Engine::of_this_run().empty_database().await;
        (make(&place, START, |same| same).await, place)
    });
    made.await
}

/// Makes a CA on an empty database. Answers its folder.
async fn make(place: &Place, at: Timestamp, configure: impl FnOnce(String) -> String) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vaca.toml");
    let configuration = CONFIGURATION
        .replace("DATABASE", &place.url().await)
        .replace("VERIFIED_ACCESS", "http://127.0.0.1:1");
    std::fs::write(&file, configure(configuration)).unwrap();
    let config = Config::load(&file).unwrap();
    vaca::store::migrate::run(&config.database).await.unwrap();
    initialize(
        &config,
        &InitArguments::for_tests(),
        &TestClock::at(at),
        &SystemRandom,
    )
    .await
    .unwrap();
    folder
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A file as an operator should make it: its owner's alone.
pub fn write_secret(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A CA with its Verified Access.
pub struct TestCa {
    pub emulator: Emulator,
    pub clock: TestClock,
    /// What becomes of the service's commits.
    pub commits: Arc<Commits>,
    pub store: Store,
    pub place: Place,
    pub api: String,
    pub pki: String,
    pub admin: String,
    pub folder: TempDir,
    running: Option<Running>,
    seed: u64,
    scraper: OnceCell<String>,
}

impl TestCa {
    pub async fn start() -> Self {
        Self::start_with(|configuration| configuration, |options| options).await
    }

    /// Starts with a changed configuration and emulator.
    pub async fn start_with(
        configure: impl FnOnce(String) -> String,
        options: impl FnOnce(Options) -> Options,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (template, place) = template().await;
        copy(template.path(), folder.path());
        let place = place.copy().await;
        let mut ca = Self::made(folder, place, START, configure, options).await;
        ca.serve().await.unwrap();
        ca
    }

    /// Makes a CA on this empty database. It is not served yet.
    pub async fn start_on(place: Place, at: Timestamp) -> Self {
        let folder = make(&place, at, |same| same).await;
        Self::made(folder, place, at, |same| same, |same| same).await
    }

    /// Makes a CA for a changed configuration, its keys and certificates included. It is not served
    /// yet.
    pub async fn make_with(configure: impl Fn(String) -> String) -> Self {
        Self::make_at(START, configure).await
    }

    /// The same at another time, for programs that go by the machine's clock.
    pub async fn make_at(at: Timestamp, configure: impl Fn(String) -> String) -> Self {
        let place = Engine::of_this_run().empty_database().await;
        let folder = make(&place, at, &configure).await;
        Self::made(folder, place, at, configure, |same| same).await
    }

    async fn made(
        folder: TempDir,
        place: Place,
        at: Timestamp,
        configure: impl FnOnce(String) -> String,
        options: impl FnOnce(Options) -> Options,
    ) -> Self {
        let clock = TestClock::at(at);
        let time = clock.clone();
        let emulator = Emulator::start(options(Options {
            clock: Arc::new(move || time.now_millis()),
            shared_keys: true,
            ..Options::default()
        }))
        .await
        .unwrap();
        let configuration = CONFIGURATION
            .replace("DATABASE", &place.url().await)
            .replace("VERIFIED_ACCESS", &emulator.verified_access_url());
        std::fs::write(folder.path().join("vaca.toml"), configure(configuration)).unwrap();
        let account = folder.path().join("service-account.json");
        write_secret(&account, &emulator.service_account_json());
        if let Some(root) = emulator.root_certificate_pem() {
            std::fs::write(folder.path().join("va-root.pem"), root).unwrap();
        }
        let config = Config::load(&folder.path().join("vaca.toml")).unwrap();
        let store = Store::open(&config.database).await.unwrap();
        Self {
            emulator,
            clock,
            commits: Arc::default(),
            store,
            place,
            api: String::new(),
            pki: String::new(),
            admin: String::new(),
            folder,
            running: None,
            seed: 1,
            scraper: OnceCell::new(),
        }
    }

    pub fn configuration_file(&self) -> PathBuf {
        self.folder.path().join("vaca.toml")
    }

    /// Starts the service on the folder as it is.
    pub async fn serve(&mut self) -> anyhow::Result<()> {
        self.seed += 1;
        let file = self.configuration_file();
        let node = node::start(&file, &self.clock, self.seed, self.commits.clone()).await?;
        self.api = node.api;
        self.pki = node.pki;
        self.admin = node.admin;
        self.running = Some(node.running);
        Ok(())
    }

    /// Whether the service answers, as far as it was not killed.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Stops the service as a signal would, and waits until it has finished.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop.send(()).ok();
            let ended = tokio::time::timeout(Duration::from_secs(60), running.task).await;
            ended.expect("the service stops").unwrap().unwrap();
        }
    }

    /// Something that speaks HTTP, from a loopback address of its own.
    pub fn client_at(&self, address: Ipv4Addr) -> reqwest::Client {
        http_client(|builder| builder.local_address(IpAddr::V4(address)))
    }

    /// A new Chromebook with this user signed in. Its machine key is ECDSA, which saves a test the
    /// time that an RSA key takes to make.
    pub async fn chromebook(&self, user: &str) -> VirtualChromebook {
        let enrollment = Enrollment {
            machine_key: KeyAlgorithm::Ecdsa,
            ..Enrollment::default()
        };
        VirtualChromebook::enrolled_as(&self.emulator.control_url(), user, enrollment)
            .await
            .unwrap()
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_from(&self.client_at(Ipv4Addr::LOCALHOST), path, body)
            .await
    }

    pub async fn post_from(&self, client: &reqwest::Client, path: &str, body: &Value) -> Answer {
        let request = client.post(format!("{}{path}", self.api)).json(body);
        Answer::of(request.send().await.unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        let client = self.client_at(Ipv4Addr::LOCALHOST);
        Answer::of(
            client
                .get(format!("{}{path}", self.api))
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    /// A challenge for the profile, decoded.
    pub async fn challenge(&self, profile: &str) -> Vec<u8> {
        let answer = self
            .post("/v1/challenges", &json!({ "profile": profile }))
            .await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        STANDARD
            .decode(answer.json["challenge"].as_str().unwrap())
            .unwrap()
    }

    /// A response of this Chromebook to a fresh challenge for the profile.
    pub async fn response(
        &self,
        chromebook: &mut VirtualChromebook,
        profile: &str,
        scope: Scope,
        key: KeyAlgorithm,
    ) -> Vec<u8> {
        let challenge = self.challenge(profile).await;
        chromebook
            .challenge_key(&challenge, scope, Some(key))
            .await
            .unwrap()
    }

    /// Presents a response.
    pub async fn present(&self, response: &[u8], profile: &str, email: Option<&str>) -> Answer {
        self.post(
            "/v1/certificates",
            &certificate_request(response, profile, email),
        )
        .await
    }

    /// A user's enrolment from challenge to answer.
    pub async fn enroll_user(
        &self,
        chromebook: &mut VirtualChromebook,
        key: KeyAlgorithm,
    ) -> Answer {
        let email = chromebook.user_email().to_owned();
        let response = self
            .response(chromebook, "wifi-user", Scope::User, key)
            .await;
        self.present(&response, "wifi-user", Some(&email)).await
    }

    /// A device's enrolment from challenge to answer.
    pub async fn enroll_device(
        &self,
        chromebook: &mut VirtualChromebook,
        key: KeyAlgorithm,
    ) -> Answer {
        let response = self
            .response(chromebook, "wifi-device", Scope::Machine, key)
            .await;
        self.present(&response, "wifi-device", None).await
    }
}

/// The body of `POST /v1/certificates`.
pub fn certificate_request(response: &[u8], profile: &str, email: Option<&str>) -> Value {
    let mut body = json!({ "challenge_response": STANDARD.encode(response), "profile": profile });
    if let Some(email) = email {
        body["email"] = json!(email);
    }
    body
}

/// A client that ignores the environment's proxies and trusts what `build` adds.
pub fn http_client(
    build: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
) -> reqwest::Client {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
    let builder = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .tls_certs_only([]);
    build(builder).build().unwrap()
}
