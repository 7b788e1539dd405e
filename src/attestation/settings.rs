//! `[verified_access]` of the configuration, and what of it does not fit together.

use std::net::IpAddr;
use std::path::PathBuf;

use http::Uri;
use serde::{Deserialize, Serialize};

use crate::model::endpoint::Endpoint;

/// Where Google serves Verified Access.
const GOOGLE: &str = "https://verifiedaccess.googleapis.com";

/// How the service account's key becomes a bearer token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenMethod {
    /// A JWT signed here, sent as it is (AIP-4111): no token server takes part.
    #[default]
    SelfSignedJwt,
    /// A JWT signed here, exchanged at the key's `token_uri` (RFC 7523, section 2.1): for the case
    /// that Google does not take the former.
    JwtBearer,
}

/// Which certification authorities may speak for the endpoint. Never the system's own store: there
/// an inspection proxy's root would be enough to answer for Google.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// The public roots that are compiled in.
    #[default]
    Public,
    /// Of these, the roots of Google Trust Services.
    GoogleTrustServices,
}

impl Trust {
    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::GoogleTrustServices => "google_trust_services",
        }
    }
}

/// How Verified Access is spoken to. Google publishes no field numbers for gRPC: its answers are
/// believed as far as they were proven to mean what the REST twin says by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// REST decides until gRPC has proven, field by field, to agree with it; then gRPC alone.
    #[default]
    Auto,
    /// gRPC alone, by assumed numbers; only that an identity is checked at all is proven first.
    Grpc,
    /// REST alone.
    Rest,
}

impl Transport {
    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Grpc => "grpc",
            Self::Rest => "rest",
        }
    }
}

/// `[verified_access]` as it is written in the configuration.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VerifiedAccessSettings {
    /// `google`, or `test` for certificates that nobody relies on.
    pub endpoint: Endpoint,
    /// Where the test endpoint listens: `https://host:port`, or `http://` on this machine only.
    pub url: Option<String>,
    /// PEM file of the root that the test endpoint's certificate chains to; replaces the bundled
    /// roots.
    pub root_certificate_file: Option<PathBuf>,
    /// The service account's key, as downloaded from Google Cloud (JSON). Without it, application
    /// default credentials are looked for where Google's libraries look.
    pub service_account_file: Option<PathBuf>,
    /// `self_signed_jwt` or `jwt_bearer`; the operator changes it if Google refuses the former.
    pub token: TokenMethod,
    /// `public` or `google_trust_services`; the operator narrows it where a mistaken or coerced
    /// public authority is a concern.
    pub trust: Trust,
    /// `auto`, `grpc` or `rest`; the operator changes it where one of the two cannot reach Google,
    /// or where each call counts against a quota.
    pub transport: Transport,
}

/// Settings that do not fit together; each message says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Google's address and roots are not the operator's to choose.
    #[error(
        "verified_access.{0} is for endpoint = \"test\" only: remove it, or use a test issuer and endpoint = \"test\""
    )]
    TestOnly(&'static str),
    /// The test endpoint has no address of its own.
    #[error("verified_access.url is missing: endpoint = \"test\" needs the test server's address")]
    UrlMissing,
    /// Not an origin.
    #[error("verified_access.url must be https://host[:port], or http:// with a loopback address")]
    Url,
    /// A real credential must not go to a test server.
    #[error(
        "verified_access.service_account_file is missing: endpoint = \"test\" takes a test service account's key, never this machine's own Google credentials"
    )]
    TestKeyMissing,
    /// Nothing to sign an assertion with.
    #[error("verified_access.token = \"jwt_bearer\" needs service_account_file")]
    BearerKeyMissing,
    /// Two contrary wishes.
    #[error(
        "verified_access.trust cannot narrow what root_certificate_file replaces: remove one of them"
    )]
    TrustReplaced,
}

impl VerifiedAccessSettings {
    /// Whether the settings fit together; reads no file.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn check(&self) -> Result<(), SettingsError> {
        self.origin()?;
        if self.endpoint == Endpoint::Google && self.root_certificate_file.is_some() {
            return Err(SettingsError::TestOnly("root_certificate_file"));
        }
        if self.endpoint == Endpoint::Test && self.service_account_file.is_none() {
            return Err(SettingsError::TestKeyMissing);
        }
        if self.token == TokenMethod::JwtBearer && self.service_account_file.is_none() {
            return Err(SettingsError::BearerKeyMissing);
        }
        if self.trust != Trust::Public && self.root_certificate_file.is_some() {
            return Err(SettingsError::TrustReplaced);
        }
        Ok(())
    }

    /// The endpoint's scheme and authority.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub(super) fn origin(&self) -> Result<Uri, SettingsError> {
        match (self.endpoint, &self.url) {
            (Endpoint::Google, None) => Ok(Uri::from_static(GOOGLE)),
            (Endpoint::Google, Some(_)) => Err(SettingsError::TestOnly("url")),
            (Endpoint::Test, None) => Err(SettingsError::UrlMissing),
            (Endpoint::Test, Some(url)) => url
                .parse()
                .ok()
                .filter(|uri| is_private_to_the_peer(uri) && is_origin(uri))
                .ok_or(SettingsError::Url),
        }
    }
}

fn is_origin(uri: &Uri) -> bool {
    let authority = uri.authority().map_or("@", |authority| authority.as_str());
    !authority.contains('@') && matches!(uri.path(), "" | "/") && uri.query().is_none()
}

/// Whether nobody on the way to `uri` sees what is sent: TLS, or a peer on this machine.
pub(super) fn is_private_to_the_peer(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let loopback = host == "localhost"
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => loopback,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
