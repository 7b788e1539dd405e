//! `[admin]`: how operators are let in.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::model::certificate_header::CertificateHeader;
use crate::model::fingerprint::Fingerprint;
use crate::model::role::Role;
use crate::model::token::is_name;

/// `[admin]`, which may be left out. See `docs/configuration.md`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminSettings {
    /// Certificate chain of the `admin` listener, PEM. Reloaded when the file changes.
    pub tls_certificate_file: Option<PathBuf>,
    /// Its private key, PEM.
    pub tls_key_file: Option<PathBuf>,
    /// Who vouches for the certificates of `client`: certificates of CAs, PEM, never the fleet's.
    pub client_ca_file: Option<PathBuf>,
    /// Certificates that open the listener.
    #[serde(default)]
    pub client: Vec<ClientSettings>,
}

/// `[[admin.client]]`: what the holder of one certificate may do.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSettings {
    /// Who that is, for the reader of the file.
    pub name: String,
    /// SHA-256 of the certificate.
    pub sha256: Fingerprint,
    /// What they may do.
    pub role: Role,
    /// Of a proxy: in which header field it says what certificate a client showed. Whoever runs the proxy
    /// sets it.
    pub certificate_header: Option<CertificateHeader>,
}

/// What is wrong with the table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAdmin {
    /// A table without its listener.
    #[error("[listen] admin is not set, so nobody could use this: set it, or leave the table out")]
    NoListener,
    /// Half a pair.
    #[error("tls_certificate_file and tls_key_file go together: set both or neither")]
    HalfTls,
    /// Certificates are shown within TLS.
    #[error(
        "client_ca_file needs tls_certificate_file and tls_key_file: clients show certificates within TLS"
    )]
    AuthorityWithoutTls,
    /// One without the other.
    #[error(
        "client and client_ca_file go together: who vouches for these certificates, and what may they do?"
    )]
    ClientsWithoutAuthority,
    /// A name that could be misread.
    #[error("the name of a client is 1 to 64 letters, digits, dots, dashes and underscores")]
    Name,
    /// Whoever looks into the record is no proxy.
    #[error("client {0}: certificate_header goes with role relying_party")]
    Header(String),
    /// A name or a certificate that stands twice.
    #[error("client {0}: its name or its certificate stands twice")]
    Twice(String),
}

impl AdminSettings {
    /// Certificate and key of the listener, where it speaks TLS.
    #[must_use]
    pub fn tls(&self) -> Option<(&Path, &Path)> {
        self.tls_certificate_file
            .as_deref()
            .zip(self.tls_key_file.as_deref())
    }

    /// Every file that it names.
    pub fn files(&mut self) -> [Option<&mut PathBuf>; 3] {
        [
            self.tls_certificate_file.as_mut(),
            self.tls_key_file.as_mut(),
            self.client_ca_file.as_mut(),
        ]
    }

    /// Holds the keys against each other; `has_listener` says whether there is one to configure.
    ///
    /// # Errors
    /// [`InvalidAdmin`].
    pub fn check(&self, has_listener: bool) -> Result<(), InvalidAdmin> {
        let tls = self.tls_certificate_file.is_some();
        let is_empty = !tls
            && self.tls_key_file.is_none()
            && self.client_ca_file.is_none()
            && self.client.is_empty();
        if !has_listener && !is_empty {
            return Err(InvalidAdmin::NoListener);
        }
        if tls != self.tls_key_file.is_some() {
            return Err(InvalidAdmin::HalfTls);
        }
        if self.client_ca_file.is_some() && !tls {
            return Err(InvalidAdmin::AuthorityWithoutTls);
        }
        if self.client_ca_file.is_some() == self.client.is_empty() {
            return Err(InvalidAdmin::ClientsWithoutAuthority);
        }
        self.check_clients()
    }

    fn check_clients(&self) -> Result<(), InvalidAdmin> {
        let (mut names, mut certificates) = (HashSet::new(), HashSet::new());
        for client in &self.client {
            if !is_name(&client.name) {
                return Err(InvalidAdmin::Name);
            }
            if client.certificate_header.is_some() && client.role != Role::RelyingParty {
                return Err(InvalidAdmin::Header(client.name.clone()));
            }
            if !names.insert(client.name.as_str()) || !certificates.insert(client.sha256) {
                return Err(InvalidAdmin::Twice(client.name.clone()));
            }
        }
        Ok(())
    }
}
