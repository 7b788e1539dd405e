//! Keys from their files, each with a message that says what to do where one is missing.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use zeroize::Zeroizing;

use crate::attestation::VerifiedAccessSettings;
use crate::ca::signer::file;
use crate::ca::signer::passphrase::Passphrase;
use crate::ca::{Authority, Issuer};
use crate::config::{Config, IssuerSettings};
use crate::delivery::{EventSinkSettings, Sink};
use crate::enrichment::webhook::{Webhook, WebhookSettings};
use crate::model::certificate::IssuerId;
use crate::model::serial::octets_of;
use crate::secrets::DeploymentKey;

/// Reads the deployment key: 64 hexadecimal digits.
///
/// # Errors
/// Where the file is missing or holds anything else.
pub fn load_deployment_key(path: &Path) -> anyhow::Result<DeploymentKey> {
    read_key(path, "`vaca init` makes it").map(DeploymentKey::new)
}

/// Prepares a webhook with its secret: 64 hexadecimal digits.
///
/// # Errors
/// Where a file is missing or holds anything else.
pub fn load_webhook(settings: &WebhookSettings) -> anyhow::Result<Webhook> {
    let place = || format!("[[webhook]] {}", settings.name);
    let secret = read_shared(&settings.secret_file).with_context(place)?;
    Webhook::load(settings, &secret)
        .map_err(anyhow::Error::msg)
        .with_context(place)
}

/// Prepares a service that is told of events with its secret: 64 hexadecimal digits.
///
/// # Errors
/// Where a file is missing or holds anything else.
pub fn load_event_sink(settings: &EventSinkSettings) -> anyhow::Result<Sink> {
    let place = || format!("[[event_sink]] {}", settings.name);
    let secret = read_shared(&settings.secret_file).with_context(place)?;
    Sink::load(settings, &secret)
        .map_err(anyhow::Error::msg)
        .with_context(place)
}

/// A secret that a service of the organisation's own knows too.
fn read_shared(path: &Path) -> anyhow::Result<[u8; 32]> {
    read_key(path, "`openssl rand -hex 32` makes one")
}

/// 32 octets from a file of 64 hexadecimal digits; `origin` says where one comes from.
fn read_key(path: &Path, origin: &str) -> anyhow::Result<[u8; 32]> {
    let text = std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .with_context(|| format!("cannot read {} ({origin})", path.display()))?;
    octets_of(text.trim())
        .with_context(|| format!("{} must hold 64 hexadecimal digits", path.display()))
}

/// Reads an issuer's certificates and opens its key.
///
/// # Errors
/// Where a file is missing, the passphrase is wrong, or the parts do not belong together.
pub fn load_issuer(
    settings: &IssuerSettings,
    verified_access: &VerifiedAccessSettings,
) -> anyhow::Result<Issuer> {
    let place = || format!("[[issuer]] {}", settings.name);
    let read = |path: &Path| {
        std::fs::read(path)
            .with_context(|| format!("cannot read {} (`vaca init` makes it)", path.display()))
    };
    let certificate = read(&settings.certificate_file).with_context(place)?;
    let root = read(&settings.root_certificate_file).with_context(place)?;
    let passphrase = read_passphrase(&settings.passphrase_file).with_context(place)?;
    let signer = file::open(&settings.key_file, &passphrase)
        .with_context(|| format!("cannot open {}", settings.key_file.display()))
        .with_context(place)?;
    Issuer::load(
        &settings.name,
        &certificate,
        &root,
        Arc::new(signer),
        verified_access.endpoint,
    )
    .with_context(place)
}

/// The root of every configured issuer, from their certificates alone.
///
/// # Errors
/// Where a file is missing, or is no root's certificate.
pub fn roots(config: &Config) -> anyhow::Result<Vec<Authority>> {
    let issuers = config.issuers.iter();
    issuers
        .map(|issuer| authority(&issuer.root_certificate_file))
        .collect()
}

/// Every configured issuing CA with its name, from their certificates alone.
///
/// # Errors
/// Where a file is missing, or is no CA's certificate.
pub fn issuing_authorities(config: &Config) -> anyhow::Result<Vec<(String, Authority)>> {
    let read = |issuer: &IssuerSettings| {
        let authority = authority(&issuer.certificate_file)?;
        Ok((issuer.name.clone(), authority))
    };
    config.issuers.iter().map(read).collect()
}

/// An issuer's id, from its configured name or from the id itself.
///
/// # Errors
/// Where it is neither.
pub fn issuer_named(config: &Config, text: &str) -> anyhow::Result<IssuerId> {
    let mut authorities = issuing_authorities(config)?.into_iter();
    let named = authorities.find(|(name, _)| name == text);
    let id = named.map(|(_, authority)| authority.issuer_id());
    id.or_else(|| IssuerId::parse(text))
        .context("an issuer is named as in the configuration, or by its 16 hexadecimal digits")
}

fn authority(path: &Path) -> anyhow::Result<Authority> {
    let pem = std::fs::read(path)
        .with_context(|| format!("cannot read {} (`vaca init` makes it)", path.display()))?;
    Authority::from_pem(&pem).with_context(|| path.display().to_string())
}

/// Reads a passphrase file; one trailing line break is not part of it.
///
/// # Errors
/// Where it is missing or empty.
pub fn read_passphrase(path: &Path) -> anyhow::Result<Passphrase> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Passphrase::new(text).with_context(|| path.display().to_string())
}
