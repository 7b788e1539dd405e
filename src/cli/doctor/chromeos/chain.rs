//! The TLS chain of the `api` listener, as a Chromebook will judge it.

use std::path::Path;

use der::Decode as _;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_cert::Certificate;

use crate::clock::Timestamp;
use crate::model::fingerprint::Fingerprint;
use crate::model::span::DAY;

/// What to say of the chain in a file, leaf first.
pub(super) fn look(file: &Path, now: Timestamp) -> Result<String, String> {
    let shown = file.display();
    let chain = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| format!("cannot read {shown}: {error}"))?;
    let (leaf, above) = chain
        .split_first()
        .ok_or_else(|| format!("{shown} holds no certificate"))?;
    let leaf = EndEntityCert::try_from(leaf)
        .map_err(|error| format!("the first certificate of {shown} serves no TLS: {error}"))?;
    let names: Vec<_> = leaf.valid_dns_names().collect();
    if names.is_empty() {
        return Err(format!(
            "the first certificate of {shown} names no host (subject alternative name): browsers refuse it"
        ));
    }
    let served = format!(
        "for {}, until {}",
        names.join(", "),
        end(&chain, now).map_err(|error| format!("{shown}: {error}"))?
    );
    let trust = trust(&leaf, above, now)
        .map_err(|error| format!("the chain in {shown}, {served}, does not hold: {error}"))?;
    Ok(format!("{served}; {trust}"))
}

/// Whom Chromebooks must trust for it.
fn trust(
    leaf: &EndEntityCert<'_>,
    above: &[CertificateDer<'_>],
    now: Timestamp,
) -> Result<String, String> {
    match leads(leaf, above, webpki_roots::TLS_SERVER_ROOTS, now) {
        Ok(()) => return Ok("its root is a public one, which Chromebooks know".to_owned()),
        Err(webpki::Error::UnknownIssuer) => {}
        Err(error) => return Err(error.to_string()),
    }
    let Some((top, between)) = above.split_last() else {
        return Err(
            "no public root signed it, and it stands alone: put its issuers behind it, the root last"
                .to_owned(),
        );
    };
    let anchor = anchor_from_trusted_cert(top).map_err(|error| error.to_string())?;
    leads(leaf, between, &[anchor], now).map_err(|error| error.to_string())?;
    Ok(format!(
        "its root is not a public one: Chromebooks must trust the certificate with the SHA-256 {} before the extension's first call (docs/chromeos.md, \"A CA that Chromebooks trust\")",
        Fingerprint::of(top)
    ))
}

fn leads(
    leaf: &EndEntityCert<'_>,
    between: &[CertificateDer<'_>],
    anchors: &[TrustAnchor<'_>],
    now: Timestamp,
) -> Result<(), webpki::Error> {
    let now = UnixTime::since_unix_epoch(now.since_epoch());
    leaf.verify_for_usage(
        ALL_VERIFICATION_ALGS,
        anchors,
        between,
        now,
        KeyUsage::server_auth(),
        None,
        None,
    )
    .map(drop)
}

/// The day on which the first of the chain ends, and how far off that is.
fn end(chain: &[CertificateDer<'_>], now: Timestamp) -> Result<String, String> {
    let ends: Result<Vec<_>, _> = chain
        .iter()
        .map(|der| {
            Certificate::from_der(der).map(|certificate| *certificate.tbs_certificate().validity())
        })
        .collect();
    let ends = ends.map_err(|error| error.to_string())?;
    let end = ends
        .iter()
        .map(|validity| validity.not_after)
        .min_by_key(|end| end.to_unix_duration());
    let end = end.ok_or("no certificate")?;
    let seconds = i64::try_from(end.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    let end = Timestamp(seconds);
    Ok(format!("{} ({} days)", end.rfc3339(), end.since(now) / DAY))
}

#[cfg(test)]
mod tests;
