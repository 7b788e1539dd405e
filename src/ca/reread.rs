//! Reading what was signed with another parser than the one that wrote it (rustls-webpki), before
//! anybody gets it: a faulty signer or encoder is found here.

use std::time::Duration;

use const_oid::db::rfc5280::ID_KP_OCSP_SIGNING;
use der::{Decode as _, Encode as _};
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_cert::certificate::TbsCertificate;

use crate::ca::authority::Authority;
use crate::ca::signed;
use crate::ca::signer::SignatureAlgorithm;
use crate::clock::Timestamp;

/// What was signed is not what was prepared, or does not verify. A fault of ours or of the signer.
#[derive(Debug, thiserror::Error)]
pub enum RereadError {
    /// Not the structure that was assembled.
    #[error("the signed object does not parse: {0}")]
    Encoding(#[from] der::Error),
    /// The second parser refuses it.
    #[error("the second parser refuses it: {0}")]
    Refused(#[from] webpki::Error),
    /// A field differs from what was prepared.
    #[error("{0} differs from what was prepared")]
    Differs(&'static str),
}

/// Holds a signed certificate against the octets that were prepared, field by field, and verifies
/// its signature with `authority`'s key.
pub(super) fn certificate(
    signed_der: &[u8],
    prepared_tbs: &[u8],
    authority: &CertificateDer<'_>,
) -> Result<(), RereadError> {
    signature(signed_der, prepared_tbs, authority)?;
    let prepared = TbsCertificate::from_der(prepared_tbs)?;
    let der = CertificateDer::from(signed_der);
    let seen = EndEntityCert::try_from(&der)?;
    let sequence = |content: &[u8]| der::asn1::Any::new(der::Tag::Sequence, content)?.to_der();
    let same = [
        (
            "the serial number",
            seen.serial() == prepared.serial_number().as_bytes(),
        ),
        (
            "the issuer",
            sequence(seen.issuer())? == prepared.issuer().to_der()?,
        ),
        (
            "the subject",
            sequence(seen.subject())? == prepared.subject().to_der()?,
        ),
        (
            "the public key",
            seen.subject_public_key_info().as_ref()
                == prepared.subject_public_key_info().to_der()?,
        ),
    ];
    match same.into_iter().find(|(_, same)| !same) {
        Some((field, _)) => Err(RereadError::Differs(field)),
        None => Ok(()),
    }
}

/// Verifies the path from a client certificate through `issuing` to `root`, as a TLS server would
/// at `now`.
///
/// # Errors
/// [`RereadError`].
pub fn client_path(
    signed_der: &[u8],
    issuing: &Authority,
    root: &Authority,
    now: Timestamp,
) -> Result<(), RereadError> {
    path(signed_der, issuing, root, now, KeyUsage::client_auth())
}

/// Verifies the path of a signer of OCSP responses, likewise.
pub(super) fn ocsp_signer_path(
    signed_der: &[u8],
    issuing: &Authority,
    root: &Authority,
    now: Timestamp,
) -> Result<(), RereadError> {
    let usage = KeyUsage::required(ID_KP_OCSP_SIGNING.as_bytes());
    path(signed_der, issuing, root, now, usage)
}

fn path(
    signed_der: &[u8],
    issuing: &Authority,
    root: &Authority,
    now: Timestamp,
    usage: KeyUsage,
) -> Result<(), RereadError> {
    let der = CertificateDer::from(signed_der);
    let anchor_der = root.der();
    let anchors = [anchor_from_trusted_cert(&anchor_der)?];
    let algorithms = SignatureAlgorithm::ALL.map(SignatureAlgorithm::verifier);
    EndEntityCert::try_from(&der)?.verify_for_usage(
        &algorithms,
        &anchors,
        &[issuing.der()],
        UnixTime::since_unix_epoch(Duration::from_secs(now.since_epoch().as_secs())),
        usage,
        None,
        None,
    )?;
    Ok(())
}

/// Holds a signed object against the octets that were prepared, and verifies its signature with
/// `authority`'s key.
pub(super) fn signature(
    signed_der: &[u8],
    prepared_tbs: &[u8],
    authority: &CertificateDer<'_>,
) -> Result<(), RereadError> {
    let signed = signed::split(signed_der)?;
    if signed.tbs != prepared_tbs {
        return Err(RereadError::Differs("the signed part"));
    }
    let algorithm = signed
        .algorithm
        .ok_or(RereadError::Differs("the signature algorithm"))?;
    EndEntityCert::try_from(authority)?.verify_signature(
        algorithm.verifier(),
        &signed.tbs,
        &signed.signature,
    )?;
    Ok(())
}
