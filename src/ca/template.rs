//! What a client certificate says. Its names come from the verified identity, its key from the
//! proof of possession, its lifetime from the profile; nothing comes from the request.

use const_oid::db::rfc4519::{CN, OU};
use const_oid::db::rfc5280::ID_KP_CLIENT_AUTH;
use der::asn1::Ia5String;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{KeyUsages, SubjectAltName};

use crate::ca::authority::Authority;
use crate::ca::extension;
use crate::ca::name::{ATTRIBUTE_MAX, name};
use crate::ca::tbs;
use crate::clock::Timestamp;
use crate::model::certificate::Validity;
use crate::model::identity::VerifiedIdentity;
use crate::model::profile::ProfileHash;
use crate::policy::Approval;
use crate::random::{Random, RandomUnavailable};

/// The organisational unit of every user's certificate: no user can look like a device.
pub const USER_UNIT: &str = "vaca user";
/// The organisational unit of every device's certificate.
pub const DEVICE_UNIT: &str = "vaca device";

/// Seconds by which a client certificate is backdated: a relying party's clock may lag.
pub(super) const BACKDATED: i64 = 300;
/// Least remaining life of an issuer, in seconds, unless the profile's lifetime is shorter still: a
/// certificate that ends tomorrow is a call to the help desk.
const REMAINING_MIN: i64 = 24 * 60 * 60;

/// What an approval amounts to, for a certificate.
#[derive(Clone, Debug)]
pub(super) struct ClientContents {
    pub(super) identity: VerifiedIdentity,
    pub(super) spki_der: Vec<u8>,
    pub(super) spki_sha256: [u8; 32],
    pub(super) profile: String,
    pub(super) profile_hash: ProfileHash,
    /// Seconds.
    pub(super) lifetime: i64,
}

impl From<&Approval> for ClientContents {
    fn from(approval: &Approval) -> Self {
        let profile = approval.profile();
        Self {
            identity: approval.device().identity().clone(),
            spki_der: approval.key().spki_der().to_vec(),
            spki_sha256: *approval.key().spki_sha256(),
            profile: profile.name.clone(),
            profile_hash: profile.hash,
            lifetime: profile.lifetime,
        }
    }
}

/// Why a template cannot be filled in.
#[derive(Debug, thiserror::Error)]
pub(super) enum TemplateError {
    /// The name does not fit, and nothing is truncated.
    #[error("the verified name cannot stand in a certificate")]
    Identity,
    /// The issuer ends too soon.
    #[error("the issuer's own certificate ends too soon")]
    IssuerExpiring,
    /// Our clock stands before the issuer's birth.
    #[error("the issuer's own certificate is not valid yet: the clock is wrong")]
    IssuerNotYetValid,
    /// No jitter could be drawn.
    #[error(transparent)]
    Random(#[from] RandomUnavailable),
    /// The encoder failed.
    #[error("the certificate could not be encoded: {0}")]
    Encoding(#[from] der::Error),
}

/// From five minutes ago, for the profile's lifetime, but never past the issuer.
pub(super) fn validity(
    issuing: &Authority,
    lifetime: i64,
    now: Timestamp,
    random: &dyn Random,
) -> Result<Validity, TemplateError> {
    if now < issuing.not_before() {
        return Err(TemplateError::IssuerNotYetValid);
    }
    if issuing.not_after().since(now) < lifetime.min(REMAINING_MIN) {
        return Err(TemplateError::IssuerExpiring);
    }
    let not_after = now.plus(lifetime).min(issuing.not_after());
    let remaining = not_after.since(now);
    Ok(Validity {
        not_before: now.minus(BACKDATED).max(issuing.not_before()),
        not_after,
        renew_after: now.plus(remaining / 3 * 2 - jitter(remaining / 10, random)?),
    })
}

/// 0 to `most` seconds, evenly enough: a fleet that was enrolled in one minute must not come back
/// in one minute.
fn jitter(most: i64, random: &dyn Random) -> Result<i64, RandomUnavailable> {
    let drawn = i64::from(u32::from_be_bytes(random.array()?));
    Ok(drawn % most.saturating_add(1).max(1))
}

/// Fills the template in.
pub(super) fn fill(
    issuing: &Authority,
    contents: &ClientContents,
    validity: Validity,
) -> Result<tbs::Contents, TemplateError> {
    let (unit, common_name, alternative) = names(&contents.identity)?;
    if common_name.chars().count() > ATTRIBUTE_MAX {
        return Err(TemplateError::Identity);
    }
    Ok(tbs::Contents {
        issuer: issuing.subject().clone(),
        subject: name(&[(OU, unit), (CN, common_name)])?,
        not_before: validity.not_before,
        not_after: validity.not_after,
        spki_der: contents.spki_der.clone(),
        extensions: extensions(issuing, &contents.spki_der, alternative)?,
    })
}

/// Unit, common name and alternative name of an identity.
fn names(identity: &VerifiedIdentity) -> Result<(&'static str, &str, GeneralName), TemplateError> {
    match identity {
        VerifiedIdentity::User { email } => Ok((
            USER_UNIT,
            email.as_str(),
            GeneralName::Rfc822Name(Ia5String::new(email.as_str())?),
        )),
        VerifiedIdentity::Device {
            device_permanent_id,
            domain,
        } => {
            let id = device_permanent_id.as_str();
            // RFC 3986, section 5.2.4: whoever normalizes the URI would remove such a segment.
            if id == "." || id == ".." {
                return Err(TemplateError::Identity);
            }
            let uri = format!("https://{}/device/{id}", domain.as_str());
            Ok((
                DEVICE_UNIT,
                id,
                GeneralName::UniformResourceIdentifier(Ia5String::new(&uri)?),
            ))
        }
    }
}

/// The lint knows this list too: an extension is added in both places, or nothing is signed.
fn extensions(
    issuing: &Authority,
    spki_der: &[u8],
    alternative: GeneralName,
) -> der::Result<Vec<Extension>> {
    Ok(vec![
        extension::basic_constraints(false, None)?,
        extension::key_usage(KeyUsages::DigitalSignature)?,
        extension::extended_key_usage(&[ID_KP_CLIENT_AUTH])?,
        extension::subject_key_identifier(spki_der)?,
        extension::authority_key_identifier(issuing.key_identifier())?,
        // RFC 5280, section 4.2.1.6: not critical beside a subject that is not empty.
        extension::extension(false, &SubjectAltName(vec![alternative]))?,
    ])
}

#[cfg(test)]
mod tests;
