//! What is wrong with a handshake in which no certificate was judged.

use std::io;

use rustls::{AlertDescription, Error};

use crate::quote::quoted;
use crate::refusal::Refusal;

/// Puts the library's error into words.
pub(crate) fn refusal(error: &io::Error) -> Refusal {
    let inner = error.get_ref();
    let Some(error) = inner.and_then(|inner| inner.downcast_ref::<Error>()) else {
        let cause = format!("the client hung up before the handshake ended: {error}");
        return Refusal::certificate("hung_up", quoted(&cause));
    };
    let (code, cause) = match error {
        Error::NoCertificatesPresented => (
            "no_certificate",
            "the client showed no certificate: install chain.pem and key.pem on the client"
                .to_owned(),
        ),
        Error::AlertReceived(alert) if distrusts(*alert) => (
            "server_not_trusted",
            format!(
                "the client does not believe this server ({alert:?}): install the CA of --certificate \
                 on the client"
            ),
        ),
        Error::InvalidMessage(_) => (
            "not_tls",
            "what came is not TLS: does the client ask for http:// instead of https://?".to_owned(),
        ),
        Error::PeerIncompatible(what) => (
            "nothing_in_common",
            format!("client and server share no version or algorithm of TLS ({what:?})"),
        ),
        other => ("handshake_failed", other.to_string()),
    };
    Refusal::certificate(code, quoted(&cause))
}

/// A client's word on the server's certificate (RFC 8446, section 6.2).
fn distrusts(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnsupportedCertificate
    )
}
