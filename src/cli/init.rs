//! `vaca init`: the birth of a CA. Every certificate and list is recorded before it is signed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};

use crate::ca::Authority;
use crate::ca::ceremony::{
    ISSUING_LIFETIME, IssuingRequest, Owner, PreparedAuthority, ROOT_LIFETIME, prepare_issuing,
    prepare_root,
};
use crate::ca::crl::{CrlDraft, CrlNumber, CrlUpdate, ROOT_CRL_LIFETIME};
use crate::ca::signer::file;
use crate::ca::signer::passphrase::Passphrase;
use crate::ca::signer::software::SoftwareKey;
use crate::ca::signer::{SignatureAlgorithm, Signer};
use crate::cli::serve::parts;
use crate::clock::{Clock, Timestamp};
use crate::config::{Config, IssuerSettings};
use crate::model::actor::Actor;
use crate::model::digest::sha256;
use crate::model::endpoint::Endpoint;
use crate::model::event::{AuditEvent, EventKind};
use crate::model::pki_base::PkiBase;
use crate::model::profile::ProfileHash;
use crate::model::serial::{SerialNumber, hex};
use crate::model::usages::ExtendedKeyUsage;
use crate::publication::{CrlRecorder, Listed};
use crate::random::Random;
use crate::server::read_passphrase;
use crate::store::Store;
use crate::store::certificates::{Holder, IntendAuthority, Intent, Record};

mod files;

pub(super) use files::write_private;
use files::{make_private_folder, write_public};

/// The kinds of CA key, by the names that people use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyKind {
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// RSA, 3072 bits.
    Rsa3072,
}

impl KeyKind {
    fn algorithm(self) -> SignatureAlgorithm {
        match self {
            Self::P256 => SignatureAlgorithm::EcdsaP256Sha256,
            Self::P384 => SignatureAlgorithm::EcdsaP384Sha384,
            Self::Rsa3072 => SignatureAlgorithm::RsaPkcs1Sha256,
        }
    }
}

/// What `vaca init` is told.
#[derive(Clone, Debug, Args)]
pub struct InitArguments {
    /// The organisation, as it shall stand in the CA's names.
    #[arg(long)]
    pub organization: String,
    /// Where the root's key goes: a folder that you take off this machine afterwards.
    #[arg(long, value_name = "DIR", default_value = "root")]
    pub root_folder: PathBuf,
    /// A file that holds the root key's passphrase; made in the root's folder where it is not
    /// given.
    #[arg(long, value_name = "FILE")]
    pub root_passphrase_file: Option<PathBuf>,
    /// The kind of both keys.
    #[arg(long, value_enum, default_value = "p256")]
    pub key: KeyKind,
    /// A test issuer: says so in its name, and works with the test endpoint only.
    #[arg(long)]
    pub test: bool,
    /// Where the CA is there already, leave it and succeed: for set-ups that run at every start.
    #[arg(long)]
    pub if_missing: bool,
}

impl InitArguments {
    /// A test CA of the organisation `Example`, its root's folder beside the configuration.
    #[must_use]
    pub fn for_tests() -> Self {
        Self {
            organization: "Example".to_owned(),
            root_folder: PathBuf::from("root"),
            root_passphrase_file: None,
            key: KeyKind::P256,
            test: true,
            if_missing: false,
        }
    }
}

/// Where everything went.
#[derive(Debug)]
pub struct Initialized {
    /// The folder that holds the root's key.
    pub root_folder: PathBuf,
    /// The root's certificate.
    pub root_certificate: PathBuf,
    /// The issuing certificate.
    pub issuing_certificate: PathBuf,
}

pub(super) async fn run(config: &Config, arguments: &InitArguments) -> anyhow::Result<()> {
    if arguments.if_missing && is_made(config) {
        println!("the CA is there already");
        return Ok(());
    }
    let parts = parts();
    println!("making two keys and their certificates...");
    let made = initialize(
        config,
        arguments,
        parts.clock.as_ref(),
        parts.random.as_ref(),
    )
    .await?;
    println!("root certificate       {}", made.root_certificate.display());
    println!(
        "issuing certificate    {}",
        made.issuing_certificate.display()
    );
    println!("root key               {}", made.root_folder.display());
    println!();
    println!(
        "Move {} off this machine now, passphrase and key to different places. `vaca serve` never reads it;",
        made.root_folder.display()
    );
    println!("it is needed again within a year, for the root's next CRL.");
    Ok(())
}

/// Whether an earlier run came to its end: it writes the root's certificate last. Whether all fits
/// together is for `serve` and `doctor` to say.
fn is_made(config: &Config) -> bool {
    let mut issuers = config.issuers.iter();
    issuers.all(|issuer| issuer.root_certificate_file.exists())
}

/// Makes a CA as the configuration describes it. Files that exist are never overwritten.
///
/// # Errors
/// Where the configuration names more than one issuer, a file exists already, or the database is
/// not migrated; the message says what to do.
pub async fn initialize(
    config: &Config,
    arguments: &InitArguments,
    clock: &dyn Clock,
    random: &dyn Random,
) -> anyhow::Result<Initialized> {
    let issuer = check(config, arguments)?;
    let store = Store::open(&config.database)
        .await
        .with_context(|| format!("cannot open the database {}", config.database))?;
    let folder = config.folder.join(&arguments.root_folder);
    make_private_folder(&folder)?;
    if let Some(parent) = issuer.key_file.parent() {
        make_private_folder(parent)?;
    }
    if !config.deployment_key_file.exists() {
        let key: [u8; 32] = random.array()?;
        write_private(&config.deployment_key_file, &hex(&key))?;
    }
    let ceremony = Ceremony {
        store: &store,
        clock,
        random,
        arguments,
        usages: usages(config, &issuer.name),
        pki_base: config.listen.pki_base_url.as_ref(),
    };
    let root_signer = ceremony.root_key(&folder)?;
    let root = ceremony.root(&root_signer).await?;
    ceremony.issuing(issuer, &root, &root_signer).await?;
    ceremony.root_crl(&root, &root_signer).await?;
    write_public(&issuer.root_certificate_file, &root.pem())?;
    store.close().await;
    Ok(Initialized {
        root_folder: folder,
        root_certificate: issuer.root_certificate_file.clone(),
        issuing_certificate: issuer.certificate_file.clone(),
    })
}

fn check<'a>(config: &'a Config, arguments: &InitArguments) -> anyhow::Result<&'a IssuerSettings> {
    let [issuer] = config.issuers.as_slice() else {
        anyhow::bail!(
            "`vaca init` makes one issuer; the configuration names {}",
            config.issuers.len()
        );
    };
    let wanted = config.verified_access.endpoint;
    ensure!(
        arguments.test == (wanted == Endpoint::Test),
        "[verified_access] names the {} endpoint: {}",
        wanted.as_str(),
        match wanted {
            Endpoint::Test => "its issuer is made with --test",
            Endpoint::Google => "its issuer is made without --test",
        }
    );
    let root_key = config.folder.join(&arguments.root_folder).join("root.key");
    for file in [
        &root_key,
        &issuer.certificate_file,
        &issuer.root_certificate_file,
        &issuer.key_file,
    ] {
        ensure!(
            !file.exists(),
            "{} exists: a CA is never overwritten; where an earlier `vaca init` stopped half-way, remove its files and the database, then begin again",
            file.display()
        );
    }
    Ok(issuer)
}

/// What the profiles of this issuer certify keys for.
fn usages(config: &Config, issuer: &str) -> BTreeSet<ExtendedKeyUsage> {
    let profiles = config.profiles.iter();
    let profiles = profiles.filter(|profile| profile.issuer == issuer);
    let usages = profiles.flat_map(|profile| &profile.certificate.extended_key_usages);
    usages.copied().collect()
}

/// What each step of the ceremony needs.
struct Ceremony<'a> {
    store: &'a Store,
    clock: &'a dyn Clock,
    random: &'a dyn Random,
    arguments: &'a InitArguments,
    /// What the profiles certify keys for.
    usages: BTreeSet<ExtendedKeyUsage>,
    pki_base: Option<&'a PkiBase>,
}

impl Ceremony<'_> {
    fn owner(&self) -> anyhow::Result<Owner> {
        let endpoint = if self.arguments.test {
            Endpoint::Test
        } else {
            Endpoint::Google
        };
        Ok(Owner::new(&self.arguments.organization, endpoint)?)
    }

    fn root_key(&self, folder: &Path) -> anyhow::Result<SoftwareKey> {
        let passphrase = match &self.arguments.root_passphrase_file {
            Some(file) => read_passphrase(file)?,
            None => self.new_passphrase(&folder.join("passphrase"))?,
        };
        self.new_key(&folder.join("root.key"), &passphrase)
    }

    fn new_key(&self, path: &Path, passphrase: &Passphrase) -> anyhow::Result<SoftwareKey> {
        let key = SoftwareKey::generate(self.arguments.key.algorithm())?;
        file::create(path, &key, passphrase, self.random)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(key)
    }

    /// Reads the passphrase, or makes one that nobody guesses.
    fn new_passphrase(&self, path: &Path) -> anyhow::Result<Passphrase> {
        if !path.exists() {
            let octets: [u8; 20] = self.random.array()?;
            write_private(path, &hex(&octets))?;
        }
        read_passphrase(path)
    }

    async fn root(&self, signer: &SoftwareKey) -> anyhow::Result<Authority> {
        let serial = SerialNumber::draw(self.clock.now(), self.random)?;
        let prepared = prepare_root(
            &self.owner()?,
            signer,
            serial,
            self.clock.now(),
            ROOT_LIFETIME,
        )?;
        self.certify(prepared, signer, signer.spki_der()).await
    }

    async fn issuing(
        &self,
        issuer: &IssuerSettings,
        root: &Authority,
        root_signer: &SoftwareKey,
    ) -> anyhow::Result<()> {
        let passphrase = self.new_passphrase(&issuer.passphrase_file)?;
        let key = self.new_key(&issuer.key_file, &passphrase)?;
        let serial = SerialNumber::draw(self.clock.now(), self.random)?;
        let request = IssuingRequest {
            spki_der: key.spki_der(),
            usages: &self.usages,
            serial,
            lifetime: ISSUING_LIFETIME,
            pki_base: self.pki_base,
        };
        let prepared =
            prepare_issuing(&self.owner()?, root, root_signer, request, self.clock.now())?;
        let issuing = self.certify(prepared, root_signer, key.spki_der()).await?;
        write_public(&issuer.certificate_file, &issuing.pem())
    }

    /// Intent, signature, record: as for every certificate.
    async fn certify(
        &self,
        prepared: PreparedAuthority,
        root_signer: &SoftwareKey,
        spki_der: &[u8],
    ) -> anyhow::Result<Authority> {
        let subject = format!("{}/{}", prepared.issuer_id(), prepared.serial());
        let event =
            |kind| AuditEvent::new(self.clock.now(), kind, Actor::CommandLine, subject.as_str());
        let kind = prepared.kind();
        let intent = IntendAuthority {
            intent: Intent {
                kind,
                issuer: prepared.issuer_id().clone(),
                serial: prepared.serial(),
                profile: kind.as_str().to_owned(),
                profile_hash: ProfileHash([0; 32]),
                identity: format!("ca:{} {}", self.arguments.organization, kind.as_str()),
                holder: Holder::default(),
                spki_sha256: sha256(spki_der),
                tbs: prepared.tbs().to_vec(),
                validity: prepared.validity(),
            },
            event: event(EventKind::CertificateIntended),
        };
        let row = self.store.write(intent).await?;
        let authority = prepared.sign(root_signer).await?;
        let der = authority.der().to_vec();
        let record = Record {
            row,
            attempt: None,
            der,
            event: event(EventKind::CertificateIssued),
        };
        ensure!(
            self.store.write(record).await?,
            "the intent was closed by somebody else"
        );
        Ok(authority)
    }

    async fn root_crl(&self, root: &Authority, root_signer: &SoftwareKey) -> anyhow::Result<()> {
        let now = self.clock.now();
        let update = CrlUpdate {
            number: CrlNumber(1),
            this_update: now,
            next_update: now.plus(ROOT_CRL_LIFETIME),
        };
        let prepared = CrlDraft::new(root, root_signer, update)?.prepare()?;
        let listed = Listed {
            covers: 0,
            kept_since: Timestamp(0),
        };
        let recorder = CrlRecorder {
            store: self.store,
            actor: Actor::CommandLine,
            fence: None,
            now,
        };
        let intended = recorder.intend(&prepared, listed).await;
        let intended = intended.context("the root has a CRL already")?;
        recorder
            .record(intended, &prepared.sign(root_signer).await?)
            .await?;
        Ok(())
    }
}
