//! In which header field a proxy says what certificate its client showed.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::ToSchema;

/// The field, and with it the form. A proxy's credential names one: what came in any other was not
/// written by the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateHeader {
    /// `Client-Cert`: DER as a structured field (RFC 9440, section 2.2). HAProxy, Caddy.
    ClientCert,
    /// `X-Forwarded-Client-Cert`, as Envoy writes it.
    XForwardedClientCert,
    /// `X-SSL-Client-Cert`: PEM, percent-encoded. nginx.
    XSslClientCert,
    /// `X-Forwarded-Tls-Client-Cert`, as Traefik writes it.
    XForwardedTlsClientCert,
}

impl CertificateHeader {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::ClientCert,
        Self::XForwardedClientCert,
        Self::XSslClientCert,
        Self::XForwardedTlsClientCert,
    ];

    /// The field's name in lower case, which is the stored word too.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientCert => "client-cert",
            Self::XForwardedClientCert => "x-forwarded-client-cert",
            Self::XSslClientCert => "x-ssl-client-cert",
            Self::XForwardedTlsClientCert => "x-forwarded-tls-client-cert",
        }
    }

    /// Reads the field's name, in any case (RFC 9110, section 5.1).
    ///
    /// # Errors
    /// What there is.
    pub fn parse(name: &str) -> Result<Self, UnknownHeader> {
        let named = |header: &Self| name.eq_ignore_ascii_case(header.as_str());
        Self::ALL.into_iter().find(named).ok_or(UnknownHeader)
    }
}

impl fmt::Display for CertificateHeader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for CertificateHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).map_err(de::Error::custom)
    }
}

/// No field that proxies put certificates into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a certificate header is Client-Cert, X-Forwarded-Client-Cert, X-SSL-Client-Cert or X-Forwarded-Tls-Client-Cert"
)]
pub struct UnknownHeader;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_in_any_case_and_stored_in_one() {
        for header in CertificateHeader::ALL {
            let name = header.as_str();
            assert_eq!(CertificateHeader::parse(name), Ok(header));
            let shouted = name.to_ascii_uppercase();
            assert_eq!(CertificateHeader::parse(&shouted), Ok(header));
            let word = serde_json::to_value(header);
            assert_eq!(word.ok(), Some(serde_json::json!(name)));
        }
        for wrong in ["", "Client_Cert", "Client-Cert-Chain", "X-Client-Cert"] {
            assert_eq!(CertificateHeader::parse(wrong), Err(UnknownHeader));
        }
    }
}
