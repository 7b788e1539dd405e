//! Whom a certificate names. TLS has verified it; what it says decides here.

use der::asn1::{Ia5StringRef, PrintableStringRef, Utf8StringRef};
use der::{Decode as _, Tagged as _};
use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{CertificatePolicies, SubjectAltName};

use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519::ORGANIZATIONAL_UNIT_NAME;

use crate::certificate::serial;
use crate::quote::quoted;
use crate::refusal::Refusal;

/// Whose certificates they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    User,
    Device,
}

impl Kind {
    /// The unit that the subject begins with: a user cannot be called like a device, nor the other way
    /// round.
    fn unit(self) -> &'static str {
        match self {
            Self::User => "vaca user",
            Self::Device => "vaca device",
        }
    }
}

/// Whose certificates are let in.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) kind: Kind,
    pub(crate) domains: Vec<String>,
    /// Without one, another profile's certificates of the same kind are as good.
    pub(crate) policy: Option<ObjectIdentifier>,
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    /// A user's whole e-mail, or a device's whole URI. Never a local part, nor an id without its domain:
    /// another domain has the same.
    pub(crate) name: String,
    pub(crate) serial: String,
}

impl Profile {
    /// Whom a verified certificate names.
    pub(crate) fn holder(&self, certificate: &CertificateDer<'_>) -> Result<Holder, Refusal> {
        let refuse = |code, cause: String| Err(Refusal::certificate(code, cause));
        let Ok(parsed) = Certificate::from_der(certificate) else {
            return refuse("bad_certificate", "it cannot be read".to_owned());
        };
        let tbs = parsed.tbs_certificate();
        let serial = serial(&parsed);
        let unit = first_unit(tbs);
        if unit.as_deref() != Some(self.kind.unit()) {
            let unit = quoted(&unit.unwrap_or_default());
            let wanted = self.kind.unit();
            let cause = format!(
                "its subject begins with the unit {unit:?}, and {wanted:?} is let in (serial {serial}): \
                 is --kind right?"
            );
            return refuse("another_kind", cause);
        }
        if let Some(policy) = self.policy.filter(|policy| !has_policy(tbs, *policy)) {
            let cause = format!(
                "it has no policy {policy} (serial {serial}): it is of another profile, or --policy is \
                 not the profile's"
            );
            return refuse("another_policy", cause);
        }
        let Some(name) = self.only_name(tbs) else {
            let cause = format!(
                "it has not exactly one name, an e-mail or URI in the form of the profile (serial {serial})"
            );
            return refuse("no_name", cause);
        };
        if !self.domains.iter().any(|domain| self.is_of(&name, domain)) {
            let cause = format!(
                "{} is of none of the domains {} (serial {serial})",
                quoted(&name),
                self.domains.join(", ")
            );
            return refuse("another_domain", cause);
        }
        Ok(Holder { name, serial })
    }

    /// The one subject alternative name: of two, another program might take the other.
    fn only_name(&self, tbs: &TbsCertificate) -> Option<String> {
        let (_, names) = tbs.get_extension::<SubjectAltName>().ok()??;
        match (self.kind, names.0.as_slice()) {
            (Kind::User, [GeneralName::Rfc822Name(email)]) => Some(email.to_string()),
            (Kind::Device, [GeneralName::UniformResourceIdentifier(uri)]) => Some(uri.to_string()),
            _ => None,
        }
    }

    /// Whether a name is of this domain, from its first letter to its last.
    fn is_of(&self, name: &str, domain: &str) -> bool {
        match self.kind {
            Kind::User => {
                let local = name.strip_suffix(domain);
                let local = local.and_then(|before| before.strip_suffix('@'));
                local.is_some_and(|local| {
                    is_made_of(local, |letter| {
                        matches!(letter, 'a'..='z' | '0'..='9' | '.' | '_' | '\'' | '+' | '-')
                    })
                })
            }
            Kind::Device => {
                let id = name.strip_prefix("https://");
                let id = id.and_then(|rest| rest.strip_prefix(domain));
                let id = id.and_then(|rest| rest.strip_prefix("/device/"));
                id.is_some_and(|id| {
                    is_made_of(id, |letter| {
                        letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-')
                    })
                })
            }
        }
    }
}

fn is_made_of(text: &str, is_letter: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(is_letter)
}

/// The unit, where the subject begins with one and nothing else stands beside it.
fn first_unit(tbs: &TbsCertificate) -> Option<String> {
    let first: Vec<_> = tbs.subject().iter_rdn().next()?.iter().collect();
    match first.as_slice() {
        [unit] if unit.oid == ORGANIZATIONAL_UNIT_NAME => text(unit),
        _ => None,
    }
}

fn text(attribute: &AttributeTypeAndValue) -> Option<String> {
    let value = &attribute.value;
    let text = match value.tag() {
        der::Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().ok()?.to_string(),
        der::Tag::PrintableString => value
            .decode_as::<PrintableStringRef<'_>>()
            .ok()?
            .to_string(),
        der::Tag::Ia5String => value.decode_as::<Ia5StringRef<'_>>().ok()?.to_string(),
        _ => return None,
    };
    Some(text)
}

fn has_policy(tbs: &TbsCertificate, policy: ObjectIdentifier) -> bool {
    let found = tbs.get_extension::<CertificatePolicies>().ok().flatten();
    let policies = found.map(|(_, policies)| policies.0).unwrap_or_default();
    policies.iter().any(|one| one.policy_identifier == policy)
}
