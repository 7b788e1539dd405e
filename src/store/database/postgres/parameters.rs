//! What stands behind the question mark of a PostgreSQL URL.

use std::path::{Path, PathBuf};

use sqlx::postgres::PgSslMode;
use url::Url;

use crate::store::database::{BadDatabase, bad};

/// Files of a TLS connection to the server.
#[derive(Clone, Debug, Default)]
pub(super) struct TlsFiles {
    pub(super) root: Option<PathBuf>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
}

/// The part behind the question mark, with libpq's names (PostgreSQL, section 34.1.2).
#[derive(Default)]
pub(super) struct Parameters {
    pub(super) ssl_mode: Option<String>,
    pub(super) socket_folder: Option<PathBuf>,
    pub(super) tls: TlsFiles,
}

impl Parameters {
    pub(super) fn parse(url: &Url, folder: &Path) -> Result<Self, BadDatabase> {
        let mut parameters = Self::default();
        for (name, value) in url.query_pairs() {
            let file = || Some(folder.join(&*value));
            match &*name {
                "sslmode" => parameters.ssl_mode = Some(value.into_owned()),
                "host" if value.starts_with('/') => parameters.socket_folder = file(),
                "sslrootcert" => parameters.tls.root = file(),
                "sslcert" => parameters.tls.certificate = file(),
                "sslkey" => parameters.tls.key = file(),
                "password" => {
                    return Err(bad("url holds a password: name a password_file instead"));
                }
                _ => {
                    return Err(bad(format!(
                        "url has the parameter {name:?}; known are sslmode, sslrootcert, sslcert, \
                         sslkey, and host for the folder of a local socket"
                    )));
                }
            }
        }
        if parameters.tls.certificate.is_some() != parameters.tls.key.is_some() {
            return Err(bad("sslcert and sslkey go together: set both or neither"));
        }
        Ok(parameters)
    }
}

/// The mode that the URL names. Across a network one must be named: libpq's own default would go
/// on in the clear, without a word, wherever the answer to "TLS?" is "no".
pub(super) fn ssl_mode(parameters: &Parameters, local: bool) -> Result<PgSslMode, BadDatabase> {
    let mode = match parameters.ssl_mode.as_deref() {
        // A local socket never speaks TLS.
        None | Some("disable" | "prefer") if parameters.socket_folder.is_some() => {
            PgSslMode::Disable
        }
        None if local => PgSslMode::Prefer,
        None => {
            return Err(bad(
                "the server is on another machine: say sslmode=verify-full, with sslrootcert=FILE \
                 where its certificate comes from a CA of your own, or sslmode=disable where you \
                 trust the network",
            ));
        }
        Some("disable") => PgSslMode::Disable,
        Some("prefer") => PgSslMode::Prefer,
        Some("require") => PgSslMode::Require,
        Some("verify-full") => PgSslMode::VerifyFull,
        // The TLS library trusts the public CAs beside sslrootcert: without a look at the name,
        // anybody who can get a certificate for anything would pass.
        Some("verify-ca") => {
            return Err(bad("sslmode=verify-ca is not supported: use verify-full"));
        }
        Some(other) => {
            return Err(bad(format!(
                "sslmode={other}: known are disable, prefer, require and verify-full"
            )));
        }
    };
    if parameters.tls.root.is_some() && !matches!(mode, PgSslMode::VerifyFull) {
        return Err(bad(
            "sslrootcert is looked at with sslmode=verify-full only: set that, or leave it out",
        ));
    }
    Ok(mode)
}
