//! What may the holder of this certificate do? Asked by relying parties, at the moment of a decision:
//! by those that verify certificates themselves, how one stands; by proxies, whether it opens a gate.
//!
//! A certificate is asked for by its issuer and number together, or by the digest of all of it: a number
//! alone is whatever anybody's CA says.

use std::sync::Arc;

mod gatekeeper;
mod path;

pub use gatekeeper::{Gatekeeper, LetIn, Objection};

use crate::admission::{Resources, storage};
use crate::model::attributes::Attributes;
use crate::model::certificate::IssuerId;
use crate::model::fingerprint::Fingerprint;
use crate::model::profile::CertificateProfile;
use crate::model::refusal::Refusal;
use crate::model::serial::SerialNumber;
use crate::model::status::Status;
use crate::store::status::KnownCertificate;

/// Which certificate.
#[derive(Clone, Debug)]
pub enum Question {
    /// By issuer and number.
    Name(IssuerId, SerialNumber),
    /// By SHA-256 of its DER.
    Fingerprint(Fingerprint),
}

/// What a relying party is told.
#[derive(Clone, Debug)]
pub struct CertificateStatus {
    /// How it stands.
    pub status: Status,
    /// What is known of it; nothing where its status is not known.
    pub certificate: Option<KnownCertificate>,
    /// What its profile says of holders; nothing where it is not good, for a server that does not look
    /// at the status.
    pub attributes: Arc<Attributes>,
}

impl CertificateStatus {
    fn unknown() -> Self {
        Self {
            status: Status::Unknown,
            certificate: None,
            attributes: Arc::default(),
        }
    }
}

/// How a certificate stands.
///
/// # Errors
/// [`Refusal`]: `storage_unavailable`.
pub async fn status(
    resources: &Resources,
    question: &Question,
) -> Result<CertificateStatus, Refusal> {
    let found = match question {
        Question::Name(issuer, serial) => resources.store.known_by_name(issuer, *serial).await,
        Question::Fingerprint(digest) => resources.store.known_by_fingerprint(*digest).await,
    };
    let found = found.map_err(|error| storage(&error))?;
    let answer = found.map_or_else(CertificateStatus::unknown, |known| judge(resources, known));
    resources.metrics.statuses.told(answer.status);
    Ok(answer)
}

fn judge(resources: &Resources, known: KnownCertificate) -> CertificateStatus {
    let now = resources.clock.now();
    let status = Status::of(known.not_after, known.revocation, now);
    // A CA's own certificate, or one that nobody meant to sign, opens no door. That it was revoked is
    // told all the same, as the CRL tells it.
    if !known.issued_to_holder && status != Status::Revoked {
        return CertificateStatus::unknown();
    }
    let attributes = profile_of(resources, &known)
        .filter(|_| status == Status::Good)
        .map(|profile| Arc::clone(&profile.attributes));
    CertificateStatus {
        status,
        attributes: attributes.unwrap_or_default(),
        certificate: Some(known),
    }
}

/// The profile that it was issued by, where it is still configured.
fn profile_of<'a>(
    resources: &'a Resources,
    known: &KnownCertificate,
) -> Option<&'a CertificateProfile> {
    let mut profiles = resources.profiles.iter();
    profiles.find(|profile| profile.name == known.profile)
}
