//! The address of a PostgreSQL server. Nothing of it comes from libpq's environment variables or
//! password file: what the configuration says is what happens.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::store::StoreError;
use crate::store::database::{BadDatabase, bad};

mod parameters;

use parameters::{Parameters, TlsFiles, ssl_mode};

/// Where the password is.
#[derive(Clone)]
enum Password {
    None,
    File(PathBuf),
    Known(Zeroizing<String>),
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => formatter.write_str("None"),
            Self::File(path) => write!(formatter, "File({})", path.display()),
            Self::Known(_) => formatter.write_str("Known(..)"),
        }
    }
}

/// A server, a database on it, and how to get there.
#[derive(Clone, Debug)]
pub struct Address {
    host: String,
    socket_folder: Option<PathBuf>,
    port: u16,
    user: String,
    database: String,
    ssl_mode: PgSslMode,
    tls: TlsFiles,
    password: Password,
}

impl Address {
    pub(super) fn parse(
        text: &str,
        folder: &Path,
        password_file: Option<PathBuf>,
        environment_password: Option<String>,
    ) -> Result<Self, BadDatabase> {
        let url = Url::parse(text).map_err(|error| bad(format!("url does not parse: {error}")))?;
        if url.password().is_some() {
            return Err(bad(
                "url holds a password: put it in a file and name that as password_file, or in the \
                 environment variable VACA_DATABASE_PASSWORD",
            ));
        }
        let user = decoded(url.username())?;
        let database = decoded(url.path().trim_start_matches('/'))?;
        if user.is_empty() || database.is_empty() {
            return Err(bad(
                "url must name user and database: postgres://USER@HOST:PORT/DATABASE",
            ));
        }
        let parameters = Parameters::parse(&url, folder)?;
        // An IPv6 address stands in brackets in a URL only.
        let host = url.host_str().unwrap_or_default();
        let host = decoded(host.trim_matches(['[', ']']))?;
        if host.is_empty() && parameters.socket_folder.is_none() {
            return Err(bad(
                "url names no host; a local socket is ?host=/var/run/postgresql",
            ));
        }
        let local = parameters.socket_folder.is_some() || is_loopback(&url);
        Ok(Self {
            ssl_mode: ssl_mode(&parameters, local)?,
            host,
            socket_folder: parameters.socket_folder,
            port: url.port().unwrap_or(5432),
            user,
            database,
            tls: parameters.tls,
            password: match (password_file, environment_password) {
                (Some(_), Some(_)) => {
                    return Err(bad(
                        "password_file and VACA_DATABASE_PASSWORD are both set: keep one of them",
                    ));
                }
                (Some(file), None) => Password::File(file),
                (None, Some(password)) => Password::Known(Zeroizing::new(password)),
                (None, None) => Password::None,
            },
        })
    }

    /// Reads the password, and answers how to connect.
    pub(super) fn options(&self) -> Result<PgConnectOptions, StoreError> {
        let password = match &self.password {
            Password::None => Zeroizing::default(),
            Password::Known(password) => password.clone(),
            Password::File(path) => read_password(path)?,
        };
        let mut options = PgConnectOptions::new_without_pgpass()
            .host(&self.host)
            .port(self.port)
            .username(&self.user)
            .database(&self.database)
            .password(&password)
            .application_name("vaca")
            .ssl_mode(self.ssl_mode)
            // No column is a float, and poolers refuse the parameter.
            .extra_float_digits(None)
            .statement_cache_capacity(0);
        if let Some(folder) = &self.socket_folder {
            options = options.socket(folder);
        }
        options = match &self.tls.root {
            Some(root) => options.ssl_root_cert(root),
            // Not the file that PGSSLROOTCERT names.
            None => options.ssl_root_cert_from_pem(Vec::new()),
        };
        if let (Some(certificate), Some(key)) = (&self.tls.certificate, &self.tls.key) {
            options = options.ssl_client_cert(certificate).ssl_client_key(key);
        }
        Ok(options)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            user,
            port,
            database,
            ..
        } = self;
        match &self.socket_folder {
            Some(folder) => write!(
                formatter,
                "postgres://{user}@{}:{port}/{database}",
                folder.display()
            ),
            None => write!(
                formatter,
                "postgres://{user}@{}:{port}/{database}",
                self.host
            ),
        }
    }
}

fn read_password(path: &Path) -> Result<Zeroizing<String>, StoreError> {
    let read = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = read.map_err(|error| {
        StoreError::Settings(format!(
            "[database] password_file {}: {error}",
            path.display()
        ))
    })?;
    Ok(Zeroizing::new(
        text.trim_end_matches(['\r', '\n']).to_owned(),
    ))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        // For the schemes that it does not know, the parser takes an IPv4 address for a name.
        Some(Host::Domain(name)) => {
            name == "localhost"
                || name
                    .parse::<std::net::Ipv4Addr>()
                    .is_ok_and(|address| address.is_loopback())
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn decoded(text: &str) -> Result<String, BadDatabase> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(Cow::into_owned)
        .map_err(|_| bad("url holds octets that are not UTF-8"))
}
