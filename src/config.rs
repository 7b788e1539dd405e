//! The configuration file: composes each module's own settings. `docs/configuration.md` describes
//! every key; tests load the samples.

use std::collections::HashSet;
use std::env::VarError;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::admission::GateSettings;
use crate::attestation::VerifiedAccessSettings;
use crate::http::settings::HttpSettings;
use crate::model::profile::{CertificateProfile, ProfileSettings};
use crate::store::database::{Database, DatabaseSettings};

/// The environment variable that may hold the password of the PostgreSQL user.
const DATABASE_PASSWORD: &str = "VACA_DATABASE_PASSWORD";

/// Why a configuration does not load; each message says where and what to change.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, or a value of the wrong kind; the parser's text names the line.
    #[error("{}: {message}", path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// The parser's words, with line and column.
        message: String,
    },
    /// Well-formed, but not usable.
    #[error("{place}: {message}")]
    Invalid {
        /// Which table or key.
        place: String,
        /// What to change.
        message: String,
    },
}

fn invalid(place: impl Into<String>, message: impl Into<String>) -> ConfigError {
    ConfigError::Invalid {
        place: place.into(),
        message: message.into(),
    }
}

/// `[listen]`: where the service answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenSettings {
    /// Devices and extensions. The operator chooses the address.
    pub api: SocketAddr,
    /// Plain HTTP for what certificates point to (issuer certificates, later CRL and OCSP); all of
    /// it is served on `api` too.
    pub pki: Option<SocketAddr>,
    /// Certificate chain of the `api` listener, PEM; from another CA, never from vaca. Reloaded
    /// when the file changes.
    pub tls_certificate_file: Option<PathBuf>,
    /// Its private key, PEM.
    pub tls_key_file: Option<PathBuf>,
}

impl ListenSettings {
    /// Certificate and key of the `api` listener, where it speaks TLS.
    #[must_use]
    pub fn tls(&self) -> Option<(&Path, &Path)> {
        self.tls_certificate_file
            .as_deref()
            .zip(self.tls_key_file.as_deref())
    }
}

/// `[[issuer]]`: a CA certificate with its key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerSettings {
    /// What profiles call it.
    pub name: String,
    /// The issuing CA's certificate, PEM.
    pub certificate_file: PathBuf,
    /// The root's certificate, PEM. The root's key is nowhere in this file.
    pub root_certificate_file: PathBuf,
    /// The issuing key: encrypted PKCS#8, PEM.
    pub key_file: PathBuf,
    /// A file that holds the key's passphrase.
    pub passphrase_file: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    deployment_key_file: PathBuf,
    listen: ListenSettings,
    database: DatabaseSettings,
    verified_access: VerifiedAccessSettings,
    #[serde(default)]
    admission: GateSettings,
    #[serde(default)]
    http: HttpSettings,
    issuer: Vec<IssuerSettings>,
    profile: Vec<ProfileSettings>,
}

/// A configuration that was read and checked as far as one can without touching the record, the
/// keys or the network. Paths are absolute, or relative to the working directory.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder of the file: relative paths start here.
    pub folder: PathBuf,
    /// Where the 32 octets of the deployment key are, as 64 hexadecimal digits.
    pub deployment_key_file: PathBuf,
    /// Where the service answers.
    pub listen: ListenSettings,
    /// Where the record is.
    pub database: Database,
    /// How Verified Access is asked.
    pub verified_access: VerifiedAccessSettings,
    /// How much is admitted.
    pub admission: GateSettings,
    /// Extensions and proxies.
    pub http: HttpSettings,
    /// Who signs.
    pub issuers: Vec<IssuerSettings>,
    /// What can be asked for.
    pub profiles: Vec<CertificateProfile>,
}

impl Config {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// [`ConfigError`], for the first thing that is wrong.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let settings: Settings = toml::from_str(&text).map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            message: error.to_string(),
        })?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        Self::compose(settings, folder)
    }

    fn compose(settings: Settings, folder: &Path) -> Result<Self, ConfigError> {
        let database = settings
            .database
            .locate(folder, environment(DATABASE_PASSWORD)?)
            .map_err(|error| invalid("[database]", error.to_string()))?;
        let mut listen = settings.listen;
        check_listen(&listen)?;
        within(
            folder,
            [
                listen.tls_certificate_file.as_mut(),
                listen.tls_key_file.as_mut(),
            ],
        );
        let mut verified_access = settings.verified_access;
        verified_access
            .check()
            .map_err(|error| invalid("[verified_access]", error.to_string()))?;
        within(
            folder,
            [
                verified_access.service_account_file.as_mut(),
                verified_access.root_certificate_file.as_mut(),
            ],
        );
        let mut issuers = settings.issuer;
        for issuer in &mut issuers {
            within(
                folder,
                [
                    Some(&mut issuer.certificate_file),
                    Some(&mut issuer.root_certificate_file),
                    Some(&mut issuer.key_file),
                    Some(&mut issuer.passphrase_file),
                ],
            );
        }
        let profiles = read_profiles(settings.profile, &issuers)?;
        Ok(Self {
            folder: folder.to_owned(),
            deployment_key_file: folder.join(settings.deployment_key_file),
            listen,
            database,
            verified_access,
            admission: settings.admission,
            http: settings.http,
            issuers,
            profiles,
        })
    }
}

/// A secret that the environment may hold; an empty one is none.
fn environment(name: &str) -> Result<Option<String>, ConfigError> {
    match std::env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(invalid(name, "is not UTF-8")),
    }
}

fn within<const N: usize>(folder: &Path, paths: [Option<&mut PathBuf>; N]) {
    for path in paths.into_iter().flatten() {
        *path = folder.join(&*path);
    }
}

fn check_listen(listen: &ListenSettings) -> Result<(), ConfigError> {
    if listen.tls_certificate_file.is_some() != listen.tls_key_file.is_some() {
        let message = "tls_certificate_file and tls_key_file go together: set both or neither";
        return Err(invalid("[listen]", message));
    }
    Ok(())
}

fn read_profiles(
    settings: Vec<ProfileSettings>,
    issuers: &[IssuerSettings],
) -> Result<Vec<CertificateProfile>, ConfigError> {
    let mut issuer_names = HashSet::new();
    for issuer in issuers {
        if !issuer_names.insert(issuer.name.as_str()) {
            return Err(invalid(
                format!("[[issuer]] {}", issuer.name),
                "the name stands twice",
            ));
        }
    }
    let mut names = HashSet::new();
    let mut profiles = Vec::with_capacity(settings.len());
    for profile in settings {
        let place = format!("[[profile]] {}", profile.name);
        if !names.insert(profile.name.clone()) {
            return Err(invalid(place, "the name stands twice"));
        }
        if !issuer_names.contains(profile.issuer.as_str()) {
            let message = format!("no [[issuer]] is named {:?}", profile.issuer);
            return Err(invalid(place, message));
        }
        let profile = CertificateProfile::try_from(profile)
            .map_err(|error| invalid(place, error.to_string()))?;
        profiles.push(profile);
    }
    if profiles.is_empty() {
        return Err(invalid(
            "[[profile]]",
            "there is none, so nothing could ever be issued",
        ));
    }
    Ok(profiles)
}
