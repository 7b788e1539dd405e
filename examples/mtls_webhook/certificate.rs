//! What is wrong with a certificate that a client showed, said so that somebody can put it right.

use der::{Decode as _, Encode as _};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{CertRevocationListError, CertificateError, Error};
use x509_cert::Certificate;
use x509_cert::ext::pkix::AuthorityKeyIdentifier;

use crate::list::moment;
use crate::quote::quoted;
use crate::refusal::Refusal;
use crate::trust::Trust;

/// What was shown. Nothing of it is verified.
struct Unverified {
    subject: String,
    issuer: String,
    serial: String,
    issuer_octets: Vec<u8>,
    issuer_key: Option<Vec<u8>>,
    /// Whether anything came behind it.
    is_alone: bool,
}

impl Unverified {
    fn read(leaf: &CertificateDer<'_>, behind: &[CertificateDer<'_>]) -> Option<Self> {
        let parsed = Certificate::from_der(leaf).ok()?;
        let tbs = parsed.tbs_certificate();
        let key = tbs.get_extension::<AuthorityKeyIdentifier>().ok()?;
        let key = key.and_then(|(_, identifier)| identifier.key_identifier);
        Some(Self {
            subject: quoted(&tbs.subject().to_string()),
            issuer: quoted(&tbs.issuer().to_string()),
            serial: serial(&parsed),
            issuer_octets: tbs.issuer().to_der().ok()?,
            issuer_key: key.map(|key| key.as_bytes().to_vec()),
            is_alone: behind.is_empty(),
        })
    }
}

/// Lower-case hexadecimal digits, as everywhere in vaca.
pub(crate) fn serial(certificate: &Certificate) -> String {
    let octets = certificate.tbs_certificate().serial_number().as_bytes();
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Puts the verifier's error into words.
pub(crate) fn refusal(
    error: &Error,
    leaf: &CertificateDer<'_>,
    behind: &[CertificateDer<'_>],
    trust: &Trust,
    now: UnixTime,
) -> Refusal {
    let Some(shown) = Unverified::read(leaf, behind) else {
        let cause = format!("what was shown is no certificate: {error}");
        return Refusal::certificate("bad_certificate", cause);
    };
    let (code, cause) = match error {
        Error::InvalidCertificate(error) => invalid(error, &shown, trust, now),
        Error::InvalidCertRevocationList(CertRevocationListError::BadSignature) => (
            "list_not_signed",
            "a list is not signed by the issuing certificate that came with it: is it the one of \
             --issuing?"
                .to_owned(),
        ),
        other => ("bad_certificate", quoted(&other.to_string())),
    };
    let Unverified {
        subject,
        issuer,
        serial,
        ..
    } = &shown;
    let cause = format!("{cause} (subject {subject}; issuer {issuer}; serial {serial})");
    Refusal::certificate(code, cause)
}

fn invalid(
    error: &CertificateError,
    shown: &Unverified,
    trust: &Trust,
    now: UnixTime,
) -> (&'static str, String) {
    match error {
        CertificateError::UnknownIssuer => unknown(shown, trust),
        CertificateError::Revoked => (
            "certificate_revoked",
            format!(
                "serial {} stands in a list, or the issuing certificate behind it does",
                shown.serial
            ),
        ),
        CertificateError::ExpiredContext { not_after, .. } => (
            "certificate_expired",
            format!(
                "it ended at {}, or the issuing certificate did: the Chromebook has to enrol again",
                moment(not_after.as_secs())
            ),
        ),
        CertificateError::NotValidYetContext { not_before, .. } => (
            "certificate_not_yet_valid",
            format!(
                "it begins at {}: is the clock of this machine right?",
                moment(not_before.as_secs())
            ),
        ),
        CertificateError::ExpiredRevocationListContext { .. } => (
            "list_out_of_date",
            format!(
                "{}: run the refresh; until then everybody is refused",
                trust.ended(now).join(", ")
            ),
        ),
        CertificateError::UnknownRevocationStatus => (
            "no_list",
            "no list of its issuer, or of that one's, is there: run the refresh".to_owned(),
        ),
        CertificateError::InvalidPurposeContext { .. } => (
            "not_for_clients",
            "it is not for clients (extended key usage): a server's certificate?".to_owned(),
        ),
        CertificateError::BadSignature => (
            "bad_signature",
            "it is not signed by the issuing certificate that came with it: install the chain.pem \
             of its own enrolment"
                .to_owned(),
        ),
        other => ("bad_certificate", quoted(&format!("{other:?}"))),
    }
}

/// The three ways in which a path to a root can be missing.
fn unknown(shown: &Unverified, trust: &Trust) -> (&'static str, String) {
    let mut namesakes = trust.named(&shown.issuer_octets).peekable();
    if namesakes.peek().is_none() {
        let cause = format!(
            "issuer {} is unknown: this is not a CA of --issuing under --roots",
            shown.issuer
        );
        return ("unknown_issuer", cause);
    }
    // A certificate that does not say by which key it was signed may be of any of them.
    let is_theirs = namesakes.any(|one| {
        let keys = (&shown.issuer_key, &one.key_identifier);
        !matches!(keys, (Some(named), Some(has)) if named != has)
    });
    if !is_theirs {
        let cause = "its issuer has the name of ours and another key: another CA, or the CA was set \
                     up anew and --roots, --issuing and --lists are of the one before";
        return ("other_ca_of_this_name", cause.to_owned());
    }
    if shown.is_alone {
        let cause = "the client sent its certificate without the issuing certificate: install \
                     chain.pem on the client";
        return ("no_issuing_certificate", cause.to_owned());
    }
    let cause = "what the client sent behind its certificate does not lead to a root of --roots: \
                 install the chain.pem of its own enrolment on the client";
    ("no_path", cause.to_owned())
}
