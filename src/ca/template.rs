//! What a client certificate says. Its names and usages are those of the approval, its key that of the
//! proof of possession, its lifetime the profile's; nothing comes from the request.

use std::sync::Arc;

use der::Encode as _;
use der::asn1::BmpString;
use der::flagset::FlagSet;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{KeyUsages, SubjectAltName};

use crate::ca::alternative;
use crate::ca::authority::Authority;
use crate::ca::extension;
use crate::ca::name;
use crate::ca::tbs;
use crate::clock::Timestamp;
use crate::model::certificate::Validity;
use crate::model::certificate_names::CertificateNames;
use crate::model::certificate_template::CertificateTemplate;
use crate::model::identity::VerifiedIdentity;
use crate::model::pki_base::PkiBase;
use crate::model::profile::ProfileHash;
use crate::model::usages::KeyUsage;
use crate::policy::Approval;
use crate::random::{Random, RandomUnavailable};

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
    /// Seconds.
    pub(super) renewal_window: i64,
    pub(super) names: CertificateNames,
    pub(super) template: Arc<CertificateTemplate>,
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
            renewal_window: profile.renewal_window,
            names: approval.names().clone(),
            template: Arc::clone(&profile.certificate),
        }
    }
}

/// Why a template cannot be filled in.
#[derive(Debug, thiserror::Error)]
pub(super) enum TemplateError {
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
    contents: &ClientContents,
    now: Timestamp,
    random: &dyn Random,
) -> Result<Validity, TemplateError> {
    if now < issuing.not_before() {
        return Err(TemplateError::IssuerNotYetValid);
    }
    if issuing.not_after().since(now) < contents.lifetime.min(REMAINING_MIN) {
        return Err(TemplateError::IssuerExpiring);
    }
    let not_after = now.plus(contents.lifetime).min(issuing.not_after());
    let life = not_after.since(now);
    let cut = life < contents.lifetime;
    // Of a life that was cut, a third is left before the window.
    let most = if cut { life / 3 * 2 } else { life };
    let window = contents.renewal_window.min(most);
    Ok(Validity {
        not_before: now.minus(BACKDATED).max(issuing.not_before()),
        not_after,
        renew_after: not_after.minus(window - jitter(window / 2, random)?),
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
    pki_base: Option<&PkiBase>,
    contents: &ClientContents,
    validity: Validity,
) -> Result<tbs::Contents, TemplateError> {
    Ok(tbs::Contents {
        issuer: issuing.subject().clone(),
        subject: name::subject(&contents.names.subject)?,
        not_before: validity.not_before,
        not_after: validity.not_after,
        spki_der: contents.spki_der.clone(),
        extensions: extensions(issuing, pki_base, contents)?,
    })
}

/// The lint knows this list too: an extension is added in both places, or nothing is signed.
fn extensions(
    issuing: &Authority,
    pki_base: Option<&PkiBase>,
    contents: &ClientContents,
) -> der::Result<Vec<Extension>> {
    let template = &contents.template;
    let purposes = template.extended_key_usages.iter().map(|usage| usage.oid());
    let mut extensions = vec![
        extension::basic_constraints(false, None)?,
        extension::key_usage(flags(&template.key_usages))?,
        extension::extended_key_usage(&purposes.collect::<Vec<_>>())?,
        extension::subject_key_identifier(&contents.spki_der)?,
        extension::authority_key_identifier(issuing.key_identifier())?,
    ];
    if let Some(base) = pki_base {
        let issuer = issuing.issuer_id();
        extensions.push(extension::crl_distribution_points(&base.crl(&issuer))?);
        let (certificate, ocsp) = (base.certificate(&issuer), base.ocsp());
        let access = extension::authority_information_access(&certificate, Some(&ocsp));
        extensions.push(access?);
    }
    if !template.policies.is_empty() {
        extensions.push(extension::certificate_policies(&template.policies)?);
    }
    if !contents.names.alternative.is_empty() {
        let names = contents.names.alternative.iter();
        let names = names.map(|(kind, value)| alternative::encode(*kind, value));
        let names = SubjectAltName(names.collect::<der::Result<_>>()?);
        // RFC 5280, section 4.2.1.6: not critical beside a subject that is not empty.
        extensions.push(extension::extension(false, &names)?);
    }
    if let Some(sid) = &contents.names.sid {
        let content = alternative::encode_sid(sid)?;
        extensions.push(extension::of_content(extension::MS_SECURITY, content)?);
    }
    if let Some(name) = &template.template_name {
        let content = BmpString::from_utf8(name)?.to_der()?;
        extensions.push(extension::of_content(extension::MS_TEMPLATE_NAME, content)?);
    }
    Ok(extensions)
}

fn flags(usages: &[KeyUsage]) -> FlagSet<KeyUsages> {
    let mut flags = FlagSet::default();
    for usage in usages {
        flags |= match usage {
            KeyUsage::DigitalSignature => KeyUsages::DigitalSignature,
            KeyUsage::KeyEncipherment => KeyUsages::KeyEncipherment,
            KeyUsage::KeyAgreement => KeyUsages::KeyAgreement,
        };
    }
    flags
}

#[cfg(test)]
mod tests;
