//! Where a relying party is, and what it is told to do: what the administrator says besides the
//! configuration of the service.

use std::net::SocketAddr;

use url::Url;

use crate::model::identity::Domain;

/// Whom a RADIUS server trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The root alone. Every client must send the issuing certificate with its own, and each level's
    /// revocation list is asked for.
    Root,
    /// The root and the issuing CA: clients that send their own certificate alone are let in too. The
    /// revocation list of the issuing CA is asked for, and no other, because FreeRADIUS stops at the
    /// first certificate that it trusts, and then finds no list for the level above.
    Issuing,
}

/// How a relying party learns that a certificate was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// From lists that the refresh fetches.
    Lists,
    /// From the responder, for each handshake.
    Ocsp,
    /// From the service itself, asked for each authentication; lists decide while it does not answer.
    Status,
    /// From the service itself, which is asked for each request whether the holder passes a gate. There
    /// are no lists.
    Gate,
}

/// Where a relying party is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The folder of the files, where they are in use.
    pub folder: String,
    /// Where the CA publishes: `http://host`, without a slash at its end.
    pub pki_url: String,
    /// The name in the server's own certificate.
    pub server: String,
    /// Where the server listens.
    pub listen: SocketAddr,
    /// Behind a proxy: the application.
    pub application: SocketAddr,
    /// Whom a RADIUS server trusts.
    pub trust: Trust,
    /// How revocation is learnt.
    pub revocation: Revocation,
    /// The Wi-Fi's name.
    pub ssid: String,
    /// The extension's id, where it is known.
    pub extension: Option<String>,
    /// Where Chromebooks reach the service.
    pub api_url: String,
    /// Where servers ask how a certificate stands: `https://host:port` of the admin listener.
    pub admin_url: Option<String>,
    /// The gate that is asked for.
    pub gate: Option<String>,
}

/// Why a place cannot stand in a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlace {
    /// Not a path that every program reads alike.
    #[error("a folder is an absolute path of letters, digits and / . _ -, not {0:?}")]
    Folder(String),
    /// Not an address of a web server.
    #[error("{0:?} is no URL such as http://pki.example.com, of letters, digits and / . _ ~ -")]
    Url(String),
    /// Not a host's name.
    #[error("{0:?} is no host's name such as radius.example.com")]
    Server(String),
    /// A name that some program would interpret.
    #[error("the Wi-Fi's name is 1 to 32 of letters, digits, space and . _ -, not {0:?}")]
    Ssid(String),
    /// No address of the admin listener with which a token is safe.
    #[error(
        "{0:?} is no URL such as https://vaca.example.com:8444: HTTPS, because a token is sent there, and a name, because nginx holds no certificate against an address"
    )]
    AdminUrl(String),
    /// Nothing says where to ask.
    #[error(
        "vaca is asked at its admin listener: give --admin-url, such as https://vaca.example.com:8444"
    )]
    NoAdminUrl,
    /// It would look as if somebody asked.
    #[error("nobody asks at --admin-url without --revocation status: give both, or neither")]
    UnusedAdminUrl,
}

impl Place {
    /// Holds every part against what may stand in every program's configuration as it is.
    ///
    /// # Errors
    /// [`InvalidPlace`].
    pub fn check(mut self) -> Result<Self, InvalidPlace> {
        let of_path = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
        let folder = self.folder.trim_end_matches('/');
        if !folder.starts_with('/') || !folder.bytes().all(of_path) {
            return Err(InvalidPlace::Folder(self.folder));
        }
        self.folder = folder.to_owned();
        let of_ssid = |byte: u8| byte.is_ascii_alphanumeric() || b" ._-".contains(&byte);
        let fits = (1..=32).contains(&self.ssid.len()) && self.ssid.bytes().all(of_ssid);
        if !fits {
            return Err(InvalidPlace::Ssid(self.ssid));
        }
        self.server = Domain::parse(&self.server)
            .map_err(|_| InvalidPlace::Server(self.server))?
            .as_str()
            .to_owned();
        self.pki_url = base(&self.pki_url)?;
        self.api_url = origin(&self.api_url)?;
        self.admin_url = self.admin_url.as_deref().map(admin).transpose()?;
        let asks = matches!(self.revocation, Revocation::Status | Revocation::Gate);
        match (asks, &self.admin_url) {
            (true, None) => return Err(InvalidPlace::NoAdminUrl),
            (false, Some(_)) => return Err(InvalidPlace::UnusedAdminUrl),
            (true, Some(_)) | (false, None) => {}
        }
        Ok(self)
    }
}

/// The same, in HTTPS and with a host's name.
fn admin(text: &str) -> Result<String, InvalidPlace> {
    let refused = || InvalidPlace::AdminUrl(text.to_owned());
    let origin = origin(text).map_err(|_| refused())?;
    let url = Url::parse(&origin).map_err(|_| refused())?;
    let has_name = url.domain().is_some_and(|name| !name.is_empty());
    (url.scheme() == "https" && has_name)
        .then_some(origin)
        .ok_or_else(refused)
}

/// Scheme, host and port, and nothing else, in one form.
fn origin(text: &str) -> Result<String, InvalidPlace> {
    let base = base(text)?;
    let (_, host) = base.split_once("//").unwrap_or_default();
    if host.contains('/') {
        return Err(InvalidPlace::Url(text.to_owned()));
    }
    Ok(base)
}

/// The same, and perhaps a path that no program interprets.
fn base(text: &str) -> Result<String, InvalidPlace> {
    let refused = || InvalidPlace::Url(text.to_owned());
    let url = Url::parse(text).map_err(|_| refused())?;
    let of_path = |byte: u8| byte.is_ascii_alphanumeric() || b"/._~-".contains(&byte);
    let plain =
        url.path().bytes().all(of_path) && url.query().is_none() && url.fragment().is_none();
    // A URL's host may have other characters than a name has: a ";" would end a line of nginx's.
    let of_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    let named = url.host_str().is_some_and(|host| host.bytes().all(of_host));
    let anonymous = url.username().is_empty() && url.password().is_none();
    if !plain || !named || !anonymous || !["http", "https"].contains(&url.scheme()) {
        return Err(refused());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;
    use crate::relying_party::tests::place;

    #[test]
    fn nothing_that_a_program_would_interpret_stands_in_a_place() {
        for folder in [
            "etc/vaca", "", "/etc/a b", "/etc/a;b", "/etc/$a", "/etc/a'b", "/ä",
        ] {
            let given = Place {
                folder: folder.to_owned(),
                ..place()
            };
            assert_eq!(given.check(), Err(InvalidPlace::Folder(folder.to_owned())));
        }
        for url in [
            "pki.example.com",
            "ftp://pki.example.com",
            "http://pki.example.com/a b",
            "http://a:b@pki.example.com",
            "http://pki.example.com/?a",
            "http://pki.example.com/'; reboot",
            "http://pki.example.com';reboot;'/",
        ] {
            let given = Place {
                pki_url: url.to_owned(),
                ..place()
            };
            assert_eq!(
                given.check(),
                Err(InvalidPlace::Url(url.to_owned())),
                "{url}"
            );
        }
        for server in [
            "radius",
            "*.example.com",
            "a b.example.com",
            "radius.example.com;",
        ] {
            let given = Place {
                server: server.to_owned(),
                ..place()
            };
            assert!(given.check().is_err(), "{server}");
        }
        for ssid in ["", "a\"b", "a\nb", "a$b"] {
            let given = Place {
                ssid: ssid.to_owned(),
                ..place()
            };
            assert!(given.check().is_err(), "{ssid}");
        }
    }

    #[test]
    fn a_token_goes_to_a_name_in_https() {
        for url in [
            "http://vaca.example.com:8444",
            "https://192.0.2.1:8444",
            "https://[2001:db8::1]:8444",
            "https://vaca.example.com:8444/v1",
            "https://a:b@vaca.example.com:8444",
            "https://vaca.example.com;:8444",
        ] {
            let given = Place {
                admin_url: Some(url.to_owned()),
                ..place()
            };
            assert_eq!(
                given.check(),
                Err(InvalidPlace::AdminUrl(url.to_owned())),
                "{url}"
            );
        }
        let given = Place {
            revocation: Revocation::Status,
            ..place()
        };
        assert_eq!(given.check(), Err(InvalidPlace::NoAdminUrl));
        let given = Place {
            admin_url: Some("https://vaca.example.com:8444".to_owned()),
            ..place()
        };
        assert_eq!(given.check(), Err(InvalidPlace::UnusedAdminUrl));
    }

    #[test]
    fn a_place_has_one_form() {
        let given = Place {
            folder: "/etc/vaca/".to_owned(),
            pki_url: "HTTP://PKI.example.com:80/".to_owned(),
            server: "RADIUS.example.com".to_owned(),
            revocation: Revocation::Status,
            admin_url: Some("HTTPS://Vaca.example.com:8444/".to_owned()),
            ..place()
        };
        let checked = given.check().unwrap();
        assert_eq!(checked.folder, "/etc/vaca");
        assert_eq!(checked.pki_url, "http://pki.example.com");
        assert_eq!(checked.server, "radius.example.com");
        let admin_url = checked.admin_url.as_deref();
        assert_eq!(admin_url, Some("https://vaca.example.com:8444"));
    }
}
