//! Where in a certificate its holder is: by the profile's names, never by a local part.

use crate::model::certificate_names::{AlternativeNameKind, Attribute};
use crate::model::identity::KeyScope;
use crate::model::name_template::{NameTemplate, Part, Variable};
use crate::model::profile::CertificateProfile;

/// Where the holder is found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The attribute of the subject that is the whole e-mail or the device's id, and nothing else.
    pub attribute: Option<&'static str>,
    /// Whether the address stands in the subject alternative name (rfc822Name).
    pub email: bool,
    /// What a device's URI in the subject alternative name begins with; its id ends it.
    pub uri: Option<String>,
    /// Whether more than one URI stands in the subject alternative name; of e-mails there is never a second.
    pub several_uris: bool,
}

impl Identity {
    /// Where certificates of this profile name their holder.
    #[must_use]
    pub fn of(profile: &CertificateProfile) -> Self {
        let certificate = &profile.certificate;
        let variable = match profile.scope {
            KeyScope::User => Variable::Email,
            KeyScope::Machine => Variable::DevicePermanentId,
        };
        let alone = |template: &NameTemplate| template.parts() == [Part::Value(variable)];
        let mut subject = certificate.subject().iter();
        // Of some attributes there may be several, and programs differ in which they show.
        let attribute = subject.find(|(attribute, template)| {
            *attribute != Attribute::OrganizationalUnit && alone(template)
        });
        let alternative = certificate.alternative();
        let domain = profile.first_domain().map_or("", |domain| domain.as_str());
        let mut uris = alternative
            .iter()
            .filter(|(kind, _)| *kind == AlternativeNameKind::Uri);
        Self {
            attribute: attribute.map(|(attribute, _)| attribute.as_str()),
            email: alternative
                .iter()
                .any(|(kind, _)| *kind == AlternativeNameKind::Email),
            uri: uris
                .find_map(|(_, template)| before_the_id(template.parts(), domain))
                .filter(|_| profile.scope == KeyScope::Machine),
            several_uris: alternative
                .iter()
                .filter(|(kind, _)| *kind == AlternativeNameKind::Uri)
                .count()
                > 1,
        }
    }
}

/// A URI's text before the device's id, where nothing stands behind it. What some program would
/// interpret is left out: then there is no such URI.
fn before_the_id(parts: &[Part], domain: &str) -> Option<String> {
    let (last, before) = parts.split_last()?;
    if *last != Part::Value(Variable::DevicePermanentId) {
        return None;
    }
    let mut text = String::new();
    for part in before {
        match part {
            Part::Text(written) => text.push_str(written),
            Part::Value(Variable::Domain) => text.push_str(domain),
            Part::Value(_) => return None,
        }
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/._~-".contains(&byte);
    text.bytes().all(plain).then_some(text)
}
