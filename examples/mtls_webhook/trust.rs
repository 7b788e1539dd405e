//! Whom the server believes: its files as they were when they were last whole.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context as _, bail, ensure};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;

use crate::authority::Authority;
use crate::list::{self, List};

/// Where everything is read from.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) roots: PathBuf,
    pub(crate) issuing: PathBuf,
    pub(crate) lists: Vec<PathBuf>,
}

/// By which a file that was replaced or written again is told from what it was.
pub(crate) type Stamp = Option<(SystemTime, u64, u64)>;

impl Files {
    /// One for each file.
    pub(crate) fn stamps(&self) -> Vec<Stamp> {
        let few = [&self.certificate, &self.key, &self.roots, &self.issuing];
        let all = few.into_iter().chain(&self.lists);
        all.map(|path| {
            let found = std::fs::metadata(path).ok()?;
            Some((found.modified().ok()?, found.len(), found.ino()))
        })
        .collect()
    }
}

/// All of the files, read at one time and held against each other.
#[derive(Debug)]
pub(crate) struct Trust {
    /// Paths up to a root, purpose, ends, and a list of every level.
    pub(crate) verifier: Arc<dyn ClientCertVerifier>,
    /// What the server shows of itself.
    pub(crate) own: Arc<CertifiedKey>,
    authorities: Vec<Authority>,
    lists: Vec<List>,
}

impl Trust {
    /// Reads the files. A list that is out of date is taken: nobody is let in with it, and a refresh ends
    /// that without a start of the server.
    ///
    /// # Errors
    /// Where a file is missing or malformed, a list is of nobody here, or a CA has no list or two.
    pub(crate) fn load(files: &Files) -> anyhow::Result<Self> {
        let roots = certificates(&files.roots)?;
        let issuing = certificates(&files.issuing)?;
        let mut anchors = RootCertStore::empty();
        for root in &roots {
            let shown = files.roots.display();
            let added = anchors.add(root.clone());
            added.with_context(|| format!("{shown} holds what can be no trust anchor"))?;
        }
        let authorities = authorities(roots.into_iter().chain(issuing))?;
        let lists = lists(&files.lists, &authorities)?;
        let octets = lists.iter().map(|list| list.der.clone());
        // Without the second line a list would count for ever; what else is needed is the default, to
        // look at every level and to refuse whom no list covers.
        let verifier = WebPkiClientVerifier::builder_with_provider(anchors.into(), provider())
            .with_crls(octets)
            .enforce_revocation_expiration()
            .build()?;
        Ok(Self {
            verifier,
            own: own(&files.certificate, &files.key)?,
            authorities,
            lists,
        })
    }

    /// Reads them again.
    ///
    /// # Errors
    /// As at the start; besides, where a list is out of date or older than the one before: whoever can
    /// put an old list here must not bring anybody back.
    pub(crate) fn reload(&self, files: &Files, now: UnixTime) -> anyhow::Result<Self> {
        let new = Self::load(files)?;
        if let Some(list) = new.lists.iter().find(|list| list.has_ended(now)) {
            bail!("the list of {} ended at {}", new.name_of(list), list.end());
        }
        for list in &new.lists {
            // A CA with a new key counts its lists anew.
            let authority = new.authority_of(list);
            let before = self.lists.iter().find(|before| {
                let before = self.authority_of(before).zip(authority);
                before.is_some_and(|(before, now)| before.is(now))
            });
            let is_older = before.is_some_and(|before| list.is_older_than(before));
            ensure!(
                !is_older,
                "the list of {} is older than the one before",
                new.name_of(list)
            );
        }
        Ok(new)
    }

    /// CAs of this name: more than one where a CA got another key.
    pub(crate) fn named(&self, subject: &[u8]) -> impl Iterator<Item = &Authority> {
        let authorities = self.authorities.iter();
        authorities.filter(move |authority| authority.subject == subject)
    }

    /// Whose lists have ended, and when.
    pub(crate) fn ended(&self, now: UnixTime) -> Vec<String> {
        let ended = self.lists.iter().filter(|list| list.has_ended(now));
        ended
            .map(|list| format!("the list of {} ended at {}", self.name_of(list), list.end()))
            .collect()
    }

    fn authority_of(&self, list: &List) -> Option<&Authority> {
        self.authorities.get(list.authority)
    }

    fn name_of(&self, list: &List) -> &str {
        self.authority_of(list).map_or("", |one| one.name.as_str())
    }
}

/// The cryptography of every connection.
pub(crate) fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(default_provider())
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let shown = path.display();
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .with_context(|| format!("cannot read {shown}"))?;
    ensure!(!found.is_empty(), "{shown} holds no certificate");
    Ok(found)
}

/// Each CA once, also where it has several certificates.
fn authorities(
    certificates: impl Iterator<Item = CertificateDer<'static>>,
) -> anyhow::Result<Vec<Authority>> {
    let mut authorities: Vec<Authority> = Vec::new();
    for certificate in certificates {
        let authority = Authority::read(certificate)?;
        if !authorities.iter().any(|known| known.is(&authority)) {
            authorities.push(authority);
        }
    }
    Ok(authorities)
}

/// One of each CA. Of two, the verifier would take the first that it finds, which may be the older one.
fn lists(files: &[PathBuf], authorities: &[Authority]) -> anyhow::Result<Vec<List>> {
    let mut lists = Vec::new();
    for file in files {
        for der in list::read(file)? {
            let list = List::of(der, authorities);
            lists.push(list.with_context(|| file.display().to_string())?);
        }
    }
    for (place, authority) in authorities.iter().enumerate() {
        let many = lists.iter().filter(|list| list.authority == place).count();
        let name = &authority.name;
        ensure!(many > 0, "there is no list of {name}: run the refresh");
        ensure!(
            many < 2,
            "there are {many} lists of {name}: leave the newest"
        );
    }
    Ok(lists)
}

fn own(certificate: &Path, key: &Path) -> anyhow::Result<Arc<CertifiedKey>> {
    let chain = certificates(certificate)?;
    let secret = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("cannot read {}", key.display()))?;
    let own = CertifiedKey::from_der(chain, secret, &default_provider());
    let own = own.with_context(|| {
        let [certificate, key] = [certificate, key].map(Path::display);
        format!("{certificate} and {key} do not fit")
    })?;
    Ok(Arc::new(own))
}
