//! A fresh CA in a folder of its own, made by the commands that an operator uses.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use der::pem::LineEnding;
use serde_json::json;
use vaca::config::Config;
use vaca_emulator::KeyAlgorithm;
use vaca_emulator::keys::SigningKey;

/// The profile that is asked for.
pub const PROFILE: &str = "wifi-user";

/// Everything at its default, but for admission: what is measured is the service, not its gate.
const CONFIGURATION: &str = r#"
deployment_key_file = "deployment.key"

[listen]
api = "API"
admin = "ADMIN"

[database]
url = "DATABASE"

[verified_access]
endpoint = "test"
url = "VERIFIED_ACCESS"
service_account_file = "service-account.json"

[admission]
challenges_per_second = 1000000
outstanding_challenges = 1000000

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

[[gate]]
name = "intranet"
profiles = ["wifi-user"]
"#;

/// A CA that was made for this run.
#[derive(Clone, Debug)]
pub struct State {
    /// Where its files are.
    pub folder: PathBuf,
    /// The program.
    pub vaca: PathBuf,
    /// `sqlite:..` or `postgres://..`.
    pub database: String,
    /// Where it will answer.
    pub api: SocketAddr,
    /// Where it will answer operators and relying parties.
    pub admin: SocketAddr,
}

impl State {
    /// Writes the configuration, then runs `vaca migrate` and `vaca init`. The database must be
    /// empty.
    ///
    /// # Errors
    /// Where `folder` is not empty, or a command fails.
    pub fn create(
        folder: &Path,
        vaca: &Path,
        database: &str,
        verified_access: &str,
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        ensure!(
            std::fs::read_dir(folder)?.next().is_none(),
            "{} is not empty: name another folder, or remove it",
            folder.display()
        );
        let state = Self {
            folder: folder.to_owned(),
            vaca: vaca.to_owned(),
            database: database.to_owned(),
            api: free_address()?,
            admin: free_address()?,
        };
        let configuration = CONFIGURATION
            .replace("API", &state.api.to_string())
            .replace("ADMIN", &state.admin.to_string())
            .replace("VERIFIED_ACCESS", verified_access)
            .replace("DATABASE", database);
        std::fs::write(state.configuration(), configuration)?;
        std::fs::write(folder.join("service-account.json"), service_account()?)?;
        state.output(&["migrate"])?;
        state.output(&["init", "--organization", "Load", "--test"])?;
        Ok(state)
    }

    /// The configuration file.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        self.folder.join("vaca.toml")
    }

    /// The configuration, read as the service reads it.
    ///
    /// # Errors
    /// Where it does not load.
    pub fn config(&self) -> anyhow::Result<Config> {
        Ok(Config::load(&self.configuration())?)
    }

    /// Runs the program with these arguments; answers what it printed.
    ///
    /// # Errors
    /// Where it fails.
    pub fn output(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = Command::new(&self.vaca)
            .arg("--config")
            .arg("vaca.toml")
            .args(arguments)
            .current_dir(&self.folder)
            .output()
            .with_context(|| format!("cannot run {}", self.vaca.display()))?;
        ensure!(
            output.status.success(),
            "vaca {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// A loopback address that nobody listens on just now.
fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?)
}

/// The key of a service account that only the trusting Verified Access would accept.
fn service_account() -> anyhow::Result<String> {
    let key = SigningKey::generate(KeyAlgorithm::Rsa)?;
    let pem = der::pem::encode_string("PRIVATE KEY", LineEnding::LF, key.pkcs8())
        .map_err(|error| anyhow::anyhow!("PEM: {error}"))?;
    let file = json!({
        "type": "service_account",
        "project_id": "load",
        "private_key_id": "load",
        "private_key": pem,
        "client_email": "load@load.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": "http://127.0.0.1:1/token",
        "universe_domain": "googleapis.com",
    });
    Ok(file.to_string())
}
