//! The configuration file: composes each module's own settings. `docs/configuration.md` describes
//! every key; tests load the samples.

use std::collections::HashSet;
use std::env::VarError;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::access::settings::AdminSettings;
use crate::admission::GateSettings;
use crate::attestation::VerifiedAccessSettings;
use crate::ca::Authority;
use crate::delivery::EventSinkSettings;
use crate::enrichment::EnrichmentSettings;
use crate::enrichment::webhook::WebhookSettings;
use crate::http::settings::HttpSettings;
use crate::model::pki_base::PkiBase;
use crate::model::profile::{CertificateProfile, InvalidProfile, ProfileSettings};
use crate::model::proxy_gate::{ProxyGate, ProxyGateSettings};
use crate::model::span::DAY;
use crate::publication::{CrlSettings, Timing};
use crate::revocation::{RevocationPolicy, RevocationSettings};
use crate::schedule::{Retention, RetentionSettings};
use crate::store::database::{Database, DatabaseSettings};
use crate::store::deliveries::Subscriptions;

mod source;

use source::{Misfit, Source, Step};

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
    #[error("{}:{line}: {place}: {message}", path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// Which line, counted from 1.
        line: usize,
        /// Which table or key.
        place: String,
        /// What to change.
        message: String,
    },
}

/// `[listen]`: where the service answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenSettings {
    /// Devices and extensions. The operator chooses the address.
    pub api: SocketAddr,
    /// Plain HTTP for what certificates point to (issuer certificates, CRLs, OCSP); all of
    /// it is served on `api` too.
    pub pki: Option<SocketAddr>,
    /// Operators, auditors and what they scrape with: a loopback address, or any other where `[admin]`
    /// makes it speak TLS. Left out, there is no such listener.
    pub admin: Option<SocketAddr>,
    /// The address under which relying parties reach the `pki` listener: certificates say it.
    pub pki_base_url: Option<PkiBase>,
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

impl IssuerSettings {
    fn files(&mut self) -> [Option<&mut PathBuf>; 4] {
        [
            Some(&mut self.certificate_file),
            Some(&mut self.root_certificate_file),
            Some(&mut self.key_file),
            Some(&mut self.passphrase_file),
        ]
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    deployment_key_file: PathBuf,
    listen: ListenSettings,
    #[serde(default)]
    admin: AdminSettings,
    database: DatabaseSettings,
    verified_access: VerifiedAccessSettings,
    #[serde(default)]
    admission: GateSettings,
    #[serde(default)]
    http: HttpSettings,
    #[serde(default)]
    enrichment: EnrichmentSettings,
    #[serde(default)]
    revocation: RevocationSettings,
    #[serde(default)]
    crl: CrlSettings,
    #[serde(default)]
    retention: RetentionSettings,
    #[serde(default)]
    webhook: Vec<WebhookSettings>,
    #[serde(default)]
    event_sink: Vec<EventSinkSettings>,
    issuer: Vec<IssuerSettings>,
    profile: Vec<ProfileSettings>,
    #[serde(default)]
    gate: Vec<ProxyGateSettings>,
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
    /// How operators are let in.
    pub admin: AdminSettings,
    /// Where the record is.
    pub database: Database,
    /// How Verified Access is asked.
    pub verified_access: VerifiedAccessSettings,
    /// How much is admitted.
    pub admission: GateSettings,
    /// Extensions and proxies.
    pub http: HttpSettings,
    /// What the organisation's own lists are.
    pub enrichment: EnrichmentSettings,
    /// How much may be revoked without a second look, and who gets nothing afterwards.
    pub revocation: RevocationPolicy,
    /// How long CRLs are good, and where they go besides.
    pub crl: CrlSettings,
    /// When CRLs are made.
    pub crl_timing: Timing,
    /// How long what is kept.
    pub retention: Retention,
    /// Services of the organisation's that profiles name.
    pub webhooks: Vec<WebhookSettings>,
    /// Services of the organisation's that are told of events.
    pub event_sinks: Vec<EventSinkSettings>,
    /// Who signs.
    pub issuers: Vec<IssuerSettings>,
    /// What can be asked for.
    pub profiles: Vec<CertificateProfile>,
    /// Whom proxies let in where.
    pub gates: Vec<ProxyGate>,
    source: Source,
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
        let source = Source {
            path: path.to_owned(),
            text,
        };
        Self::compose(settings, source.clone()).map_err(|misfit| source.locate(misfit))
    }

    /// Who is to be told of which events.
    #[must_use]
    pub fn subscriptions(&self) -> Subscriptions {
        let sinks = self.event_sinks.iter();
        let sinks = sinks.map(|sink| (sink.name.clone(), sink.kinds.clone()));
        Subscriptions::new(sinks.collect())
    }

    /// Holds the profiles of an issuer against its certificate.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] where one certifies keys for longer than the issuer ever lives, or for
    /// what no path through the issuer admits.
    pub fn check_issuer(
        &self,
        issuer: &IssuerSettings,
        authority: &Authority,
    ) -> Result<(), ConfigError> {
        for (index, profile) in self.profiles.iter().enumerate() {
            if profile.issuer != issuer.name {
                continue;
            }
            let misfit = |at: &[Step], message| {
                let profile_at = [Step::Key("profile"), Step::Nth(index)];
                self.source.locate(Misfit {
                    at: [&profile_at, at].concat(),
                    place: format!("[[profile]] {}", profile.name),
                    message,
                })
            };
            if profile.lifetime > authority.lifetime() {
                let days = authority.lifetime() / DAY;
                let message = format!(
                    "validity_days is more than the {days} days for which issuer {} is good altogether",
                    issuer.name
                );
                return Err(misfit(&[Step::Key("validity_days")], message));
            }
            if let Some((key, refused)) = authority.refuses(profile) {
                let message = format!(
                    "the certificate of issuer {} does not admit {refused}: leave it out of {key}, or have `vaca init` make an issuer with this configuration",
                    issuer.name
                );
                return Err(misfit(&[Step::Key("certificate"), Step::Key(key)], message));
            }
        }
        Ok(())
    }

    fn compose(settings: Settings, source: Source) -> Result<Self, Misfit> {
        let folder = source.path.parent().unwrap_or_else(|| Path::new(""));
        let database = settings
            .database
            .locate(folder, environment(DATABASE_PASSWORD)?)
            .map_err(|error| Misfit::in_table("database", &error))?;
        let mut listen = settings.listen;
        let mut admin = settings.admin;
        check_listen(&listen, &admin)?;
        within(
            folder,
            [
                listen.tls_certificate_file.as_mut(),
                listen.tls_key_file.as_mut(),
            ],
        );
        within(folder, admin.files());
        let mut verified_access = settings.verified_access;
        verified_access
            .check()
            .map_err(|error| Misfit::in_table("verified_access", &error))?;
        within(
            folder,
            [
                verified_access.service_account_file.as_mut(),
                verified_access.root_certificate_file.as_mut(),
            ],
        );
        let issuers = read_issuers(settings.issuer, folder);
        let webhooks = read_webhooks(settings.webhook, folder)?;
        let event_sinks = read_event_sinks(settings.event_sink, folder)?;
        let profiles = read_profiles(settings.profile, &issuers, &webhooks)?;
        let enrichment = settings.enrichment.locate(folder, &profiles);
        let mut crl = settings.crl;
        let crl_timing = crl
            .timing()
            .map_err(|error| Misfit::in_table("crl", &error))?;
        within(folder, [crl.directory.as_mut()]);
        Ok(Self {
            folder: folder.to_owned(),
            deployment_key_file: folder.join(settings.deployment_key_file),
            listen,
            admin,
            database,
            verified_access,
            admission: settings.admission,
            http: settings.http,
            enrichment,
            revocation: RevocationPolicy::try_from(settings.revocation)
                .map_err(|error| Misfit::in_table("revocation", &error))?,
            crl,
            crl_timing,
            retention: Retention::try_from(settings.retention)
                .map_err(|error| Misfit::in_table("retention", &error))?,
            webhooks,
            event_sinks,
            issuers,
            gates: read_gates(settings.gate, &profiles)?,
            profiles,
            source,
        })
    }
}

/// A secret that the environment may hold; an empty one is none.
fn environment(name: &str) -> Result<Option<String>, Misfit> {
    match std::env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(Misfit::in_table(
            "database",
            &format_args!("{name} of the environment is not UTF-8"),
        )),
    }
}

fn within<const N: usize>(folder: &Path, paths: [Option<&mut PathBuf>; N]) {
    for path in paths.into_iter().flatten() {
        *path = folder.join(&*path);
    }
}

fn check_listen(listen: &ListenSettings, admin: &AdminSettings) -> Result<(), Misfit> {
    if listen.tls_certificate_file.is_some() != listen.tls_key_file.is_some() {
        let message = "tls_certificate_file and tls_key_file go together: set both or neither";
        return Err(Misfit::in_table("listen", &message));
    }
    let elsewhere = listen.admin.filter(|admin| !admin.ip().is_loopback());
    if elsewhere.is_some() && admin.tls().is_none() {
        let message = "admin is a loopback address, such as 127.0.0.1:8444: it speaks in the clear unless [admin] names tls_certificate_file and tls_key_file";
        return Err(Misfit::in_table("listen", &message));
    }
    admin
        .check(listen.admin.is_some())
        .map_err(|error| Misfit::in_table("admin", &error))
}

fn read_issuers(mut issuers: Vec<IssuerSettings>, folder: &Path) -> Vec<IssuerSettings> {
    for issuer in &mut issuers {
        within(folder, issuer.files());
    }
    issuers
}

fn read_webhooks(
    mut webhooks: Vec<WebhookSettings>,
    folder: &Path,
) -> Result<Vec<WebhookSettings>, Misfit> {
    let mut names = HashSet::new();
    for (index, webhook) in webhooks.iter_mut().enumerate() {
        let misfit = |message: String| Misfit {
            at: vec![Step::Key("webhook"), Step::Nth(index)],
            place: format!("[[webhook]] {}", webhook.name),
            message,
        };
        if !names.insert(webhook.name.clone()) {
            return Err(misfit("the name stands twice".to_owned()));
        }
        webhook.check().map_err(|error| misfit(error.to_string()))?;
        within(
            folder,
            [
                Some(&mut webhook.secret_file),
                webhook.root_certificate_file.as_mut(),
            ],
        );
    }
    Ok(webhooks)
}

fn read_gates(
    gates: Vec<ProxyGateSettings>,
    profiles: &[CertificateProfile],
) -> Result<Vec<ProxyGate>, Misfit> {
    let mut names = HashSet::new();
    let gates = gates.into_iter().enumerate().map(|(index, settings)| {
        let name = settings.name.clone();
        let misfit = |key, message: String| Misfit {
            at: vec![Step::Key("gate"), Step::Nth(index), Step::Key(key)],
            place: format!("[[gate]] {name}"),
            message,
        };
        if !names.insert(name.clone()) {
            return Err(misfit("name", "the name stands twice".to_owned()));
        }
        ProxyGate::new(settings, profiles).map_err(|error| misfit(error.key(), error.to_string()))
    });
    gates.collect()
}

fn read_event_sinks(
    mut sinks: Vec<EventSinkSettings>,
    folder: &Path,
) -> Result<Vec<EventSinkSettings>, Misfit> {
    let mut names = HashSet::new();
    for (index, sink) in sinks.iter_mut().enumerate() {
        let misfit = |message: String| Misfit {
            at: vec![Step::Key("event_sink"), Step::Nth(index)],
            place: format!("[[event_sink]] {}", sink.name),
            message,
        };
        if !names.insert(sink.name.clone()) {
            return Err(misfit("the name stands twice".to_owned()));
        }
        sink.check().map_err(|error| misfit(error.to_string()))?;
        within(
            folder,
            [
                Some(&mut sink.secret_file),
                sink.root_certificate_file.as_mut(),
            ],
        );
    }
    Ok(sinks)
}

fn read_profiles(
    settings: Vec<ProfileSettings>,
    issuers: &[IssuerSettings],
    webhooks: &[WebhookSettings],
) -> Result<Vec<CertificateProfile>, Misfit> {
    let mut issuer_names = HashSet::new();
    for (index, issuer) in issuers.iter().enumerate() {
        if !issuer_names.insert(issuer.name.as_str()) {
            return Err(Misfit {
                at: vec![Step::Key("issuer"), Step::Nth(index), Step::Key("name")],
                place: format!("[[issuer]] {}", issuer.name),
                message: "the name stands twice".to_owned(),
            });
        }
    }
    let mut names = HashSet::new();
    let mut profiles = Vec::with_capacity(settings.len());
    for (index, profile) in settings.into_iter().enumerate() {
        let place = format!("[[profile]] {}", profile.name);
        let misfit = |key: &[Step], message: String| Misfit {
            at: [&[Step::Key("profile"), Step::Nth(index)], key].concat(),
            place: place.clone(),
            message,
        };
        if !names.insert(profile.name.clone()) {
            let message = "the name stands twice".to_owned();
            return Err(misfit(&[Step::Key("name")], message));
        }
        if !issuer_names.contains(profile.issuer.as_str()) {
            let message = format!("no [[issuer]] is named {:?}", profile.issuer);
            return Err(misfit(&[Step::Key("issuer")], message));
        }
        if let Some(name) = &profile.webhook
            && !webhooks.iter().any(|webhook| webhook.name == *name)
        {
            let message = format!("no [[webhook]] is named {name:?}");
            return Err(misfit(&[Step::Key("webhook")], message));
        }
        let profile = CertificateProfile::try_from(profile)
            .map_err(|error| misfit(&steps(&error), error.to_string()))?;
        // Downstream nobody sees by which profile a name was made.
        let alone = profile.certificate.local_part_alone();
        let other = profiles.iter().find(|other: &&CertificateProfile| {
            alone.is_some()
                && other.issuer == profile.issuer
                && other.certificate.local_part_alone().is_some()
                && other.domains != profile.domains
        });
        if let Some(other) = other {
            let message = format!(
                "{{local_part}} stands in names of {} too, for another domain: two users of one issuer would have one name",
                other.name
            );
            return Err(misfit(&[Step::Key("domains")], message));
        }
        profiles.push(profile);
    }
    if profiles.is_empty() {
        return Err(Misfit {
            at: vec![Step::Key("profile")],
            place: "[[profile]]".to_owned(),
            message: "there is none, so nothing could ever be issued".to_owned(),
        });
    }
    Ok(profiles)
}

/// The way from a profile to the key that is to be changed.
fn steps(error: &InvalidProfile) -> Vec<Step> {
    match error {
        InvalidProfile::Certificate(error) => {
            vec![Step::Key("certificate"), Step::Key(error.key())]
        }
        InvalidProfile::Rule { index, source, .. } => vec![
            Step::Key("rule"),
            Step::Nth(*index),
            Step::Key(source.key()),
        ],
        InvalidProfile::RuleTwice { index, .. } => {
            vec![Step::Key("rule"), Step::Nth(*index), Step::Key("name")]
        }
        _ => vec![Step::Key(error.key())],
    }
}
