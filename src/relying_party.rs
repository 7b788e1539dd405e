//! Configurations for those who trust the certificates: complete files that work when they are put in
//! their place, revocation included.
//!
//! Each kind of relying party has a file here and its templates in `templates/relying_party/`. What
//! they say comes from a `Site`: the CA's own certificates and names, a profile, and where things
//! are. Everything of it is checked before it is written, so that no value can become structure: a
//! template needs no escaping, and has none.
//!
//! Two rules hold for every server. The holder is known by the whole e-mail or the device's URI, never
//! by a local part, which another domain has too. And a revocation list that is missing or out of date
//! refuses everybody: whoever is in doubt about revocation is closed, not open.

use crate::random::{Random, RandomUnavailable};

mod apache;
mod caddy;
mod client;
mod encoding;
mod envoy;
mod file;
mod folder;
mod freeradius;
mod google_admin;
mod haproxy;
mod hostapd;
mod identity;
mod ingress_nginx;
mod kind;
mod mosquitto;
mod nginx;
mod node;
mod ocserv;
mod openssl;
mod openvpn;
mod place;
mod postgresql;
mod refresh;
mod site;
mod status;
mod strongswan;
mod stunnel;

pub use file::File;
pub use identity::Identity;
pub use kind::Kind;
pub use place::{InvalidPlace, Place, Revocation, Trust};
pub use site::{CaCertificate, Site};

/// Why there is no configuration; each message says what to change.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// The certificates do not say who their holder is, as this kind can read it.
    #[error(
        "{kind} finds the holder in {wanted}, which certificates of profile {profile} do not have: add it to [profile.certificate] (docs/profiles.md)"
    )]
    Nameless {
        /// Whose configuration.
        kind: Kind,
        /// What would do.
        wanted: String,
        /// Of which profile.
        profile: String,
    },
    /// A choice that this kind does not know.
    #[error("{kind} takes revocation lists only: leave out --revocation ocsp")]
    NoOcsp {
        /// Whose configuration.
        kind: Kind,
    },
    /// Another one.
    #[error("{kind} cannot ask how a certificate stands: leave out --revocation status")]
    NoStatus {
        /// Whose configuration.
        kind: Kind,
    },
    /// There is nothing else that it can do.
    #[error(
        "{kind} asks vaca for each request whether the holder passes a gate: leave out --revocation"
    )]
    OnlyGate {
        /// Whose configuration.
        kind: Kind,
    },
    /// A template failed.
    #[error("a template failed: {0}")]
    Template(#[from] askama::Error),
    /// A policy could not be encoded.
    #[error("a policy could not be encoded: {0}")]
    Encoding(#[from] der::Error),
    /// No secret could be drawn.
    #[error(transparent)]
    Random(#[from] RandomUnavailable),
}

/// The files of a relying party of this kind. `random` makes what only it and its peers may know.
///
/// # Errors
/// [`ConfigurationError`].
pub fn files(
    kind: Kind,
    site: &Site,
    random: &dyn Random,
) -> Result<Vec<File>, ConfigurationError> {
    if site.place.revocation == Revocation::Ocsp && !kind.asks_responders() {
        return Err(ConfigurationError::NoOcsp { kind });
    }
    if site.place.revocation == Revocation::Status && !kind.asks_for_status() {
        return Err(ConfigurationError::NoStatus { kind });
    }
    match kind {
        Kind::Freeradius => freeradius::files(site, random),
        Kind::Hostapd => hostapd::files(site, random),
        Kind::Nginx => nginx::files(site),
        Kind::Haproxy => haproxy::files(site),
        Kind::Apache => apache::files(site),
        Kind::Envoy => envoy::files(site),
        Kind::Caddy => caddy::files(site),
        Kind::Stunnel => stunnel::files(site),
        Kind::Strongswan => strongswan::files(site),
        Kind::Ocserv => ocserv::files(site),
        Kind::Openvpn => openvpn::files(site),
        Kind::Node => node::files(site),
        Kind::Openssl => openssl::files(site),
        Kind::Postgresql => postgresql::files(site),
        Kind::Mosquitto => mosquitto::files(site),
        Kind::IngressNginx => ingress_nginx::files(site),
        Kind::GoogleAdmin => google_admin::files(site),
        Kind::WpaSupplicant => client::wpa_supplicant(site),
        Kind::Ovpn => client::ovpn(site),
    }
}

/// Fills in a template of this folder.
macro_rules! fill {
    ($path:literal, $site:expr $(, $name:ident : $type:ty = $value:expr)*) => {{
        #[derive(askama::Template)]
        #[template(path = $path, escape = "none")]
        struct Text<'a> {
            // A file that is the same everywhere names nothing of it.
            #[allow(dead_code, reason = "not every template does")]
            site: &'a $crate::relying_party::Site,
            $($name: $type,)*
        }
        askama::Template::render(&Text { site: $site, $($name: $value,)* })
    }};
}
use fill;

#[cfg(test)]
mod tests;
