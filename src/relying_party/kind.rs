//! The kinds of relying party, and of client that is told which certificate to use.

use std::fmt;

/// What a configuration is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// FreeRADIUS: Wi-Fi and wired networks, EAP-TLS.
    Freeradius,
    /// hostapd as a RADIUS server: Wi-Fi and wired networks, EAP-TLS.
    Hostapd,
    /// nginx in front of an application.
    Nginx,
    /// HAProxy in front of an application.
    Haproxy,
    /// Apache in front of an application.
    Apache,
    /// Envoy in front of an application.
    Envoy,
    /// Caddy in front of an application, by forward authentication.
    Caddy,
    /// stunnel in front of anything that speaks TCP.
    Stunnel,
    /// strongSwan: VPN, IKEv2.
    Strongswan,
    /// ocserv: VPN, AnyConnect's protocol.
    Ocserv,
    /// OpenVPN's server.
    Openvpn,
    /// A server in Node.js.
    Node,
    /// OpenSSL's own server, to try things out.
    Openssl,
    /// PostgreSQL: a certificate in the place of a password.
    Postgresql,
    /// mosquitto, a broker of MQTT.
    Mosquitto,
    /// ingress-nginx in a cluster of Kubernetes.
    IngressNginx,
    /// Google's Admin console: what a managed Chromebook is told.
    GoogleAdmin,
    /// wpa_supplicant: a client of the Wi-Fi that is no Chromebook.
    WpaSupplicant,
    /// OpenVPN's client.
    Ovpn,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Freeradius,
        Self::Hostapd,
        Self::Nginx,
        Self::Haproxy,
        Self::Apache,
        Self::Envoy,
        Self::Caddy,
        Self::Stunnel,
        Self::Strongswan,
        Self::Ocserv,
        Self::Openvpn,
        Self::Node,
        Self::Openssl,
        Self::Postgresql,
        Self::Mosquitto,
        Self::IngressNginx,
        Self::GoogleAdmin,
        Self::WpaSupplicant,
        Self::Ovpn,
    ];

    /// What the command line calls it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Freeradius => "freeradius",
            Self::Hostapd => "hostapd",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Apache => "apache",
            Self::Envoy => "envoy",
            Self::Caddy => "caddy",
            Self::Stunnel => "stunnel",
            Self::Strongswan => "strongswan",
            Self::Ocserv => "ocserv",
            Self::Openvpn => "openvpn",
            Self::Node => "node",
            Self::Openssl => "openssl",
            Self::Postgresql => "postgresql",
            Self::Mosquitto => "mosquitto",
            Self::IngressNginx => "ingress-nginx",
            Self::GoogleAdmin => "google-admin",
            Self::WpaSupplicant => "wpa-supplicant",
            Self::Ovpn => "ovpn",
        }
    }

    /// What it is for, in a line.
    #[must_use]
    pub fn purpose(self) -> &'static str {
        match self {
            Self::Freeradius => "Wi-Fi and wired networks, EAP-TLS",
            Self::Hostapd => "the same with hostapd, which looks at no names",
            Self::Nginx => "a proxy that passes the holder's name to an application",
            Self::Haproxy => "the same with HAProxy",
            Self::Apache => "the same with Apache",
            Self::Envoy => "the same with Envoy",
            Self::Caddy => "the same with Caddy, which asks vaca for each request",
            Self::Stunnel => "TLS in front of anything that speaks TCP; looks at no names",
            Self::Strongswan => "VPN, IKEv2",
            Self::Ocserv => "VPN, ocserv, for openconnect and AnyConnect",
            Self::Openvpn => "VPN, OpenVPN's server",
            Self::Node => "an HTTPS server in Node.js",
            Self::Openssl => "OpenSSL's own server, to try things out",
            Self::Postgresql => "a database, with a certificate in the place of a password",
            Self::Mosquitto => "MQTT",
            Self::IngressNginx => "a cluster of Kubernetes; rendered, and not run in any test",
            Self::GoogleAdmin => "managed Chromebooks, by Google's Admin console",
            Self::WpaSupplicant => "a client of the Wi-Fi that is no Chromebook",
            Self::Ovpn => "OpenVPN's client",
        }
    }

    /// Reads what the command line calls it.
    ///
    /// # Errors
    /// What there is.
    pub fn parse(name: &str) -> Result<Self, UnknownKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .ok_or(UnknownKind)
    }

    /// How hosts of this kind are called by default, below the profile's domain.
    #[must_use]
    pub fn host(self) -> &'static str {
        match self {
            Self::Freeradius | Self::Hostapd | Self::GoogleAdmin | Self::WpaSupplicant => "radius",
            Self::Strongswan | Self::Ocserv | Self::Openvpn | Self::Ovpn => "vpn",
            Self::Nginx
            | Self::Haproxy
            | Self::Apache
            | Self::Envoy
            | Self::Caddy
            | Self::Stunnel
            | Self::Node
            | Self::Openssl
            | Self::IngressNginx => "intranet",
            Self::Postgresql => "db",
            Self::Mosquitto => "mqtt",
        }
    }

    /// Where it listens by default; of a client, where its server does.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Freeradius | Self::Hostapd | Self::GoogleAdmin | Self::WpaSupplicant => 1812,
            Self::Strongswan => 500,
            Self::Openvpn | Self::Ovpn => 1194,
            Self::Nginx
            | Self::Haproxy
            | Self::Apache
            | Self::Envoy
            | Self::Caddy
            | Self::Stunnel
            | Self::Ocserv
            | Self::Node
            | Self::Openssl
            | Self::IngressNginx => 443,
            Self::Postgresql => 5432,
            Self::Mosquitto => 8883,
        }
    }

    /// Whether it can ask an OCSP responder instead of reading revocation lists.
    #[must_use]
    pub fn asks_responders(self) -> bool {
        // strongSwan does it by itself, where the certificate names a responder.
        matches!(self, Self::Freeradius | Self::Nginx | Self::Apache)
    }

    /// Whether it can be told to ask for a policy, by itself or by what is generated.
    #[must_use]
    pub fn asks_for_policies(self) -> bool {
        // Where a gate is asked, vaca itself knows the profile.
        !matches!(
            self,
            Self::Caddy
                | Self::Strongswan
                | Self::Hostapd
                | Self::Stunnel
                | Self::Ocserv
                | Self::Postgresql
                | Self::Mosquitto
                | Self::IngressNginx
        )
    }

    /// Whether it can ask the service itself how a certificate stands, besides reading revocation lists.
    #[must_use]
    pub fn asks_for_status(self) -> bool {
        matches!(self, Self::Freeradius | Self::Nginx)
    }

    /// Whether it asks the service itself, for each request, whether the holder passes a gate, and reads no
    /// lists.
    #[must_use]
    pub fn asks_gates(self) -> bool {
        matches!(self, Self::Caddy)
    }

    /// The program's own check of a configuration in this folder, where it has one.
    #[must_use]
    pub fn checker(self, folder: &str) -> Option<(&'static str, Vec<String>)> {
        let own = |arguments: &[&str]| arguments.iter().map(ToString::to_string).collect();
        let file = |name: &str| format!("{folder}/{name}");
        match self {
            Self::Freeradius => Some(("freeradius", own(&["-XC", "-d", folder]))),
            Self::Nginx => Some(("nginx", own(&["-t", "-c", &file("nginx.conf")]))),
            Self::Haproxy => Some(("haproxy", own(&["-c", "-f", &file("haproxy.cfg")]))),
            Self::Apache => Some((
                "apache2",
                own(&["-t", "-d", "/usr/lib/apache2", "-f", &file("apache2.conf")]),
            )),
            Self::Envoy => Some((
                "envoy",
                own(&["--mode", "validate", "-c", &file("envoy.yaml")]),
            )),
            Self::Caddy => Some((
                "caddy",
                own(&[
                    "validate",
                    "--adapter",
                    "caddyfile",
                    "--config",
                    &file("Caddyfile"),
                ]),
            )),
            Self::Ocserv => Some(("ocserv", own(&["-t", "-c", &file("ocserv.conf")]))),
            Self::Node => Some(("node", own(&["--check", &file("server.mjs")]))),
            Self::Hostapd
            | Self::Stunnel
            | Self::Strongswan
            | Self::Openvpn
            | Self::Openssl
            | Self::Postgresql
            | Self::Mosquitto
            | Self::IngressNginx
            | Self::GoogleAdmin
            | Self::WpaSupplicant
            | Self::Ovpn => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// No kind is called that; says which there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownKind;

impl fmt::Display for UnknownKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("there are:")?;
        for kind in Kind::ALL {
            write!(formatter, "\n  {:<15} {}", kind.as_str(), kind.purpose())?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownKind {}
