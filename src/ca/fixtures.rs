//! A CA of two tiers, made in memory, and `openssl` as the judge of what it makes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;

use crate::ca::authority::Authority;
use crate::ca::ceremony::{
    ISSUING_LIFETIME, IssuingRequest, Owner, ROOT_LIFETIME, prepare_issuing, prepare_root,
};
use crate::ca::certificate::IssuedCertificate;
use crate::ca::issuer::Issuer;
use crate::ca::signer::software::SoftwareKey;
use crate::ca::signer::{SignatureAlgorithm, Signer as _};
use crate::ca::template::ClientContents;
use crate::clock::Timestamp;
use crate::model::certificate_template::{CertificateSettings, CertificateTemplate};
use crate::model::digest::sha256;
use crate::model::endpoint::Endpoint;
use crate::model::facts::{Facts, KeyAlgorithm};
use crate::model::identity::{DeviceId, Domain, Email, VerifiedIdentity};
use crate::model::pki_base::PkiBase;
use crate::model::profile::ProfileHash;
use crate::model::serial::SerialNumber;
use crate::model::usages::ExtendedKeyUsage;
use crate::random::SeededRandom;

/// 2026-11-22T10:00:00Z.
pub(super) const NOW: Timestamp = Timestamp(1_795_341_600);
/// Fingerprint of the profile of [`contents`].
pub(super) const PROFILE: ProfileHash = ProfileHash([7; 32]);
pub(super) const DAY: i64 = 24 * 60 * 60;

/// Root and issuing CA with their keys.
pub(crate) struct TestAuthorities {
    pub(crate) root: Authority,
    pub(super) root_key: SoftwareKey,
    pub(crate) issuing: Authority,
    pub(super) issuing_key: Arc<SoftwareKey>,
}

pub(crate) async fn authorities(algorithm: SignatureAlgorithm) -> TestAuthorities {
    authorities_for(algorithm, Endpoint::Test, ISSUING_LIFETIME).await
}

pub(super) async fn authorities_for(
    algorithm: SignatureAlgorithm,
    endpoint: Endpoint,
    lifetime: i64,
) -> TestAuthorities {
    let owner = Owner::new("Example", endpoint).unwrap();
    let root_key = SoftwareKey::generate(algorithm).unwrap();
    let issuing_key = Arc::new(SoftwareKey::generate(algorithm).unwrap());
    let root = prepare_root(&owner, &root_key, serial(1), NOW, ROOT_LIFETIME)
        .unwrap()
        .sign(&root_key)
        .await
        .unwrap();
    let request = request(issuing_key.spki_der(), serial(2), lifetime);
    let issuing = prepare_issuing(&owner, &root, &root_key, request, NOW)
        .unwrap()
        .sign(&root_key)
        .await
        .unwrap();
    TestAuthorities {
        root,
        root_key,
        issuing,
        issuing_key,
    }
}

/// An issuing CA for client authentication alone.
pub(super) fn request(spki_der: &[u8], serial: SerialNumber, lifetime: i64) -> IssuingRequest<'_> {
    static USAGES: BTreeSet<ExtendedKeyUsage> = BTreeSet::new();
    IssuingRequest {
        spki_der,
        usages: &USAGES,
        serial,
        lifetime,
        pki_base: None,
    }
}

impl TestAuthorities {
    pub(super) fn issuer(&self) -> Issuer {
        Issuer::load(
            "issuing",
            self.issuing.pem().as_bytes(),
            self.root.pem().as_bytes(),
            self.issuing_key.clone(),
            self.issuing.endpoint(),
        )
        .unwrap()
        .pointing_to(Some(pki_base()))
    }
}

pub(super) fn pki_base() -> PkiBase {
    PkiBase::parse("http://pki.example.com").unwrap()
}

pub(super) fn serial(seed: u64) -> SerialNumber {
    SerialNumber::draw(NOW, &SeededRandom::new(seed)).unwrap()
}

pub(super) fn alice() -> VerifiedIdentity {
    user("alice@example.com")
}

pub(super) fn user(email: &str) -> VerifiedIdentity {
    VerifiedIdentity::User {
        email: Email::parse(email).unwrap(),
    }
}

pub(super) fn device(id: &str) -> VerifiedIdentity {
    VerifiedIdentity::Device {
        device_permanent_id: DeviceId::parse(id).unwrap(),
        domain: Domain::parse("example.com").unwrap(),
    }
}

/// What policy would have known of it.
pub(super) fn facts(identity: &VerifiedIdentity) -> Facts {
    let mut facts = Facts::example(identity.scope());
    match identity {
        VerifiedIdentity::User { email } => {
            facts.email = Some(email.as_str().to_owned());
            facts.domain = email.domain().to_owned();
        }
        VerifiedIdentity::Device {
            device_permanent_id,
            domain,
        } => {
            facts.device_permanent_id = Some(device_permanent_id.as_str().to_owned());
            facts.domain = domain.as_str().to_owned();
        }
    }
    facts
}

/// 30 days for a P-256 key, with the names that a profile has by default.
pub(super) fn contents(identity: VerifiedIdentity) -> ClientContents {
    contents_by(identity, "")
}

/// The same by a `[profile.certificate]` of this text.
pub(super) fn contents_by(identity: VerifiedIdentity, certificate: &str) -> ClientContents {
    let key = SoftwareKey::generate(SignatureAlgorithm::EcdsaP256Sha256).unwrap();
    let settings: CertificateSettings = toml::from_str(certificate).unwrap();
    let (scope, facts) = (identity.scope(), facts(&identity));
    let domains = [Domain::parse(&facts.domain).unwrap()];
    let template =
        CertificateTemplate::parse(settings, scope, &domains, &[KeyAlgorithm::Ecdsa]).unwrap();
    ClientContents {
        identity,
        spki_der: key.spki_der().to_vec(),
        spki_sha256: sha256(key.spki_der()),
        profile: "wifi-user".to_owned(),
        profile_hash: PROFILE,
        lifetime: 30 * DAY,
        renewal_window: 10 * DAY,
        names: template.names(&facts).unwrap(),
        template: Arc::new(template),
    }
}

pub(super) async fn issue(issuer: &Issuer, contents: ClientContents) -> IssuedCertificate {
    let random = SeededRandom::new(11);
    let serial = SerialNumber::draw(NOW, &random).unwrap();
    let prepared = issuer
        .prepare_contents(contents, serial, NOW, &random)
        .unwrap();
    issuer.sign(prepared, PROFILE).await.unwrap()
}

/// A folder of files, and `openssl` run in it.
pub(super) struct Bench(TempDir);

impl Bench {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// What `openssl` printed, errors too, and whether it was content. Blanks separate arguments; a
    /// tab stands for a blank within one.
    pub(super) fn openssl(&self, arguments: &str) -> (bool, String) {
        let output = Command::new("openssl")
            .args(arguments.split(' ').map(|word| word.replace('\t', " ")))
            .current_dir(self.0.path())
            .env_remove("SSL_CERT_FILE")
            .env_remove("SSL_CERT_DIR")
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    }

    /// What a content `openssl` printed.
    pub(super) fn must(&self, arguments: &str) -> String {
        match self.openssl(arguments) {
            (true, text) => text,
            (false, text) => panic!("openssl {arguments}: {text}"),
        }
    }
}
