//! `[profile.certificate]`: what the certificates of a profile say. Names come from templates over
//! verified values; the rest is the same for every holder.

use std::borrow::Cow;
use std::collections::BTreeSet;

use const_oid::ObjectIdentifier;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::model::certificate_names::{
    AlternativeNameKind, Attribute, CertificateNames, DEVICE_UNIT, USER_UNIT,
};
use crate::model::facts::{Facts, KeyAlgorithm};
use crate::model::identity::{Domain, KeyScope, is_local_part, local_part};
use crate::model::name_template::{InvalidTemplate, NameTemplate, Part, Unfilled, Variable};
use crate::model::sid::{InvalidSid, Sid, SidDomain};
use crate::model::usages::{ExtendedKeyUsage, KeyUsage};

/// Most attributes, alternative names and policies: a certificate must fit into a handshake.
const NAMES_MAX: usize = 10;
/// What a value keeps in a URI; the rest is percent-encoded (RFC 3986, section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// A policy that means every policy (RFC 5280, section 4.2.1.4): no end entity's.
const ANY_POLICY: ObjectIdentifier = const_oid::db::rfc5280::ANY_POLICY;

/// `[profile.certificate]` as it is written in the configuration. See `docs/profiles.md`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CertificateSettings {
    /// Attributes behind the fixed unit, such as `CN={email}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Vec<String>>,
    /// Such as `email:{email}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_alternative_names: Option<Vec<String>>,
    /// What the key does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_usages: Option<Vec<KeyUsage>>,
    /// What the certificate is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extended_key_usages: Option<Vec<ExtendedKeyUsage>>,
    /// Object identifiers of certificate policies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// Local parts that never stand in a name without their domain.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reserved_local_parts: Vec<String>,
    /// The Active Directory domain of the holders' SIDs; with it each certificate has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid_domain: Option<String>,
    /// Name of Microsoft's certificate template, for servers that look for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_name: Option<String>,
}

impl CertificateSettings {
    /// The one form of what they mean: a default that is written out, or another order where none is
    /// meant, changes no hash.
    #[must_use]
    pub fn normalized(mut self, scope: KeyScope) -> Self {
        if let Some(usages) = &mut self.key_usages {
            usages.sort();
        }
        self.reserved_local_parts.sort();
        let default = Self::defaults(scope);
        if self.subject == default.subject {
            self.subject = None;
        }
        if self.subject_alternative_names == default.subject_alternative_names {
            self.subject_alternative_names = None;
        }
        if self.key_usages == default.key_usages {
            self.key_usages = None;
        }
        if self.extended_key_usages == default.extended_key_usages {
            self.extended_key_usages = None;
        }
        self
    }

    fn defaults(scope: KeyScope) -> Self {
        let (subject, alternative) = match scope {
            KeyScope::User => ("CN={email}", "email:{email}"),
            KeyScope::Machine => (
                "CN={device_permanent_id}",
                "uri:https://{domain}/device/{device_permanent_id}",
            ),
        };
        Self {
            subject: Some(vec![subject.to_owned()]),
            subject_alternative_names: Some(vec![alternative.to_owned()]),
            key_usages: Some(vec![KeyUsage::DigitalSignature]),
            extended_key_usages: Some(vec![ExtendedKeyUsage::ClientAuth]),
            ..Self::default()
        }
    }

    fn with_defaults(self, scope: KeyScope) -> Self {
        let default = Self::defaults(scope);
        Self {
            subject: self.subject.or(default.subject),
            subject_alternative_names: self
                .subject_alternative_names
                .or(default.subject_alternative_names),
            key_usages: self.key_usages.or(default.key_usages),
            extended_key_usages: self.extended_key_usages.or(default.extended_key_usages),
            ..self
        }
    }
}

/// Why `[profile.certificate]` does not load; each message says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCertificate {
    /// Not `TYPE=value` with a type that we know.
    #[error(
        "subject: {0:?} is not TYPE=VALUE; types are {known}",
        known = Attribute::ALL.map(Attribute::as_str).join(", ")
    )]
    Attribute(String),
    /// Not `kind:value` with a kind that we know.
    #[error(
        "subject_alternative_names: {0:?} is not KIND:VALUE; kinds are {known}",
        known = AlternativeNameKind::ALL.map(AlternativeNameKind::as_str).join(", ")
    )]
    AlternativeName(String),
    /// A template does not parse.
    #[error("{name}: {source}")]
    Template {
        /// Which name.
        name: String,
        /// What is wrong.
        source: InvalidTemplate,
    },
    /// What a template makes can never stand there.
    #[error("{name}: what it makes {why}")]
    Name {
        /// Which name.
        name: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A kind of name that the other scope alone can have.
    #[error("{name}: no {scope} profile has such a name: it would pass for a {other}'s", other = other(*.scope))]
    OtherScope {
        /// Which name.
        name: String,
        /// The profile's.
        scope: KeyScope,
    },
    /// A name twice, or more than there may be.
    #[error("{0}: stands twice, or is more than {NAMES_MAX}")]
    TooMany(&'static str),
    /// Nothing in it tells one holder from another.
    #[error(
        "neither subject nor subject_alternative_names holds {}: the certificate would name nobody",
        identifying(*.0)
    )]
    Nobody(KeyScope),
    /// Two users of two domains would have one name.
    #[error(
        "{0}: {{local_part}} needs a profile with exactly one domain: two users would have one name"
    )]
    LocalPartOfMany(&'static str),
    /// A local part alone is how other systems call their own accounts.
    #[error(
        "{0} needs reserved_local_parts, such as [\"administrator\", \"krbtgt\"]: names that other systems give to accounts of their own"
    )]
    Reserved(&'static str),
    /// A reserved name that no address could have.
    #[error("reserved_local_parts: {0:?} is no local part in lower case")]
    ReservedForm(String),
    /// A suffix that depends on the holder.
    #[error("upn: is {{email}}, or {{local_part}}@ and a domain in lower case")]
    Upn,
    /// The address is the name.
    #[error("email: is {{email}}: Verified Access confirmed no other address")]
    Email,
    /// A DNS name that is not below a suffix.
    #[error(
        "dns: ends with a dot and a suffix of two labels or more, such as .devices.example.com"
    )]
    Dns,
    /// A URI whose host depends on more than the domain.
    #[error("uri: begins with a scheme and, if any, a host, in which {{domain}} alone may stand")]
    Uri,
    /// Nothing could be done with the key, or something that it cannot do.
    #[error(
        "key_usages: holds digital_signature, none twice; key_encipherment needs key_algorithms = [\"RSA\"], key_agreement [\"ECDSA\"]"
    )]
    KeyUsages,
    /// The certificate would not be a client's.
    #[error("extended_key_usages: holds client_auth, and none twice")]
    ExtendedKeyUsages,
    /// Not an object identifier, or one that means every policy.
    #[error("policies: {0:?} is no object identifier of a policy, such as 1.3.6.1.4.1.32473.1")]
    Policy(String),
    /// Not a domain's SID.
    #[error("sid_domain: {0}")]
    Sid(#[from] InvalidSid),
    /// A SID is a user's.
    #[error("sid_domain: enrichment knows SIDs of users alone")]
    SidOfMachine,
    /// Not a name of a template.
    #[error("template_name: is 1 to 64 of A-Z, a-z, 0-9, -, _ and spaces within")]
    TemplateName,
}

impl InvalidCertificate {
    /// The key that is to be changed.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Attribute(_) | Self::Nobody(_) => "subject",
            Self::Template { name, .. } | Self::Name { name, .. } if is_attribute(name) => {
                "subject"
            }
            Self::LocalPartOfMany(name) if is_attribute(name) => "subject",
            Self::LocalPartOfMany(_) => "subject_alternative_names",
            Self::TooMany(key) => key,
            Self::Template { .. }
            | Self::Name { .. }
            | Self::OtherScope { .. }
            | Self::AlternativeName(_)
            | Self::Upn
            | Self::Email
            | Self::Dns
            | Self::Uri => "subject_alternative_names",
            Self::Reserved(_) | Self::ReservedForm(_) => "reserved_local_parts",
            Self::KeyUsages => "key_usages",
            Self::ExtendedKeyUsages => "extended_key_usages",
            Self::Policy(_) => "policies",
            Self::Sid(_) | Self::SidOfMachine => "sid_domain",
            Self::TemplateName => "template_name",
        }
    }
}

fn is_attribute(name: &str) -> bool {
    Attribute::ALL
        .iter()
        .any(|attribute| attribute.as_str() == name)
}

fn other(scope: KeyScope) -> &'static str {
    match scope {
        KeyScope::User => "device",
        KeyScope::Machine => "user",
    }
}

fn identifying(scope: KeyScope) -> &'static str {
    match scope {
        KeyScope::User => "{email} or {local_part}",
        KeyScope::Machine => "{device_permanent_id}",
    }
}

/// Why a holder cannot be named; says nothing of the value itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unnameable {
    /// A variable is not known, or cannot stand where it is wanted.
    #[error("{name}: {source}")]
    Variable {
        /// Which name.
        name: String,
        /// Why.
        source: Unfilled,
    },
    /// The name as a whole cannot stand there.
    #[error("{name} {why}")]
    Name {
        /// Which name.
        name: String,
        /// Why.
        why: &'static str,
    },
}

/// What the certificates of one profile say, checked when the configuration was loaded.
#[derive(Clone, Debug)]
pub struct CertificateTemplate {
    scope: KeyScope,
    subject: Vec<(Attribute, NameTemplate)>,
    alternative: Vec<(AlternativeNameKind, NameTemplate)>,
    reserved_local_parts: BTreeSet<String>,
    sid_domain: Option<SidDomain>,
    /// What the key does.
    pub key_usages: Vec<KeyUsage>,
    /// What the certificate is for.
    pub extended_key_usages: Vec<ExtendedKeyUsage>,
    /// Its policies.
    pub policies: Vec<ObjectIdentifier>,
    /// Name of Microsoft's certificate template.
    pub template_name: Option<String>,
}

impl CertificateTemplate {
    /// Checks the settings of a profile for holders of these domains and keys of these kinds, and tries
    /// its names on an example.
    ///
    /// # Errors
    /// [`InvalidCertificate`].
    pub fn parse(
        settings: CertificateSettings,
        scope: KeyScope,
        domains: &[Domain],
        algorithms: &[KeyAlgorithm],
    ) -> Result<Self, InvalidCertificate> {
        let settings = settings.with_defaults(scope);
        let template = Self {
            scope,
            subject: subject(&settings.subject.unwrap_or_default(), scope)?,
            alternative: alternative(
                &settings.subject_alternative_names.unwrap_or_default(),
                scope,
            )?,
            reserved_local_parts: reserved(settings.reserved_local_parts)?,
            sid_domain: sid_domain(settings.sid_domain.as_deref(), scope)?,
            key_usages: key_usages(settings.key_usages.unwrap_or_default(), algorithms)?,
            extended_key_usages: extended_key_usages(
                settings.extended_key_usages.unwrap_or_default(),
            )?,
            policies: policies(&settings.policies)?,
            template_name: template_name(settings.template_name)?,
        };
        template.check_local_parts(domains)?;
        template.check_identifies()?;
        template.try_on(Facts::example(scope))?;
        Ok(template)
    }

    /// The attributes behind the fixed unit, in order: for whoever has to find the holder in them.
    #[must_use]
    pub fn subject(&self) -> &[(Attribute, NameTemplate)] {
        &self.subject
    }

    /// The alternative names, in order; likewise.
    #[must_use]
    pub fn alternative(&self) -> &[(AlternativeNameKind, NameTemplate)] {
        &self.alternative
    }

    /// The names of the holder that the facts are about.
    ///
    /// # Errors
    /// [`Unnameable`]: a value is not known, or cannot stand where it is wanted. Nothing is
    /// repaired, and nothing is truncated.
    pub fn names(&self, facts: &Facts) -> Result<CertificateNames, Unnameable> {
        let unit = match self.scope {
            KeyScope::User => USER_UNIT,
            KeyScope::Machine => DEVICE_UNIT,
        };
        let mut subject = vec![(Attribute::OrganizationalUnit, unit.to_owned())];
        for (attribute, template) in &self.subject {
            let name = attribute.as_str();
            // Servers take an address for a person: only the confirmed one may read like one.
            let own = self.scope == KeyScope::User;
            let value = self.fill(name, template, facts, |variable, value| {
                (own && variable == Variable::Email || !value.contains('@')).then(|| value.into())
            })?;
            let outcome = attribute.check(&value).and(check_address(own, &value));
            subject.push((*attribute, check(name, outcome, value)?));
        }
        let mut alternative = Vec::with_capacity(self.alternative.len());
        for (kind, template) in &self.alternative {
            let name = kind.as_str();
            let value = self.fill(name, template, facts, |variable, value| {
                let account = *kind == AlternativeNameKind::Upn && variable == Variable::Email;
                (!(account && self.is_reserved(local_part(value))))
                    .then(|| write(*kind, variable, value))
                    .flatten()
            })?;
            let id = *kind == AlternativeNameKind::PermanentIdentifier;
            let outcome = kind.check(&value).and(check_address(!id, &value));
            alternative.push((*kind, check(name, outcome, value)?));
        }
        Ok(CertificateNames {
            subject,
            alternative,
            sid: self.sid(facts)?,
        })
    }

    fn fill(
        &self,
        name: &str,
        template: &NameTemplate,
        facts: &Facts,
        write: impl for<'a> Fn(Variable, &'a str) -> Option<Cow<'a, str>>,
    ) -> Result<String, Unnameable> {
        template
            .fill(facts, |variable, value| {
                (!(variable == Variable::LocalPart && self.is_reserved(value)))
                    .then(|| write(variable, value))
                    .flatten()
            })
            .map_err(|source| Unnameable::Variable {
                name: name.to_owned(),
                source,
            })
    }

    fn is_reserved(&self, local_part: &str) -> bool {
        self.reserved_local_parts.contains(local_part)
    }

    fn sid(&self, facts: &Facts) -> Result<Option<Sid>, Unnameable> {
        let Some(domain) = &self.sid_domain else {
            return Ok(None);
        };
        let refused = |why| Unnameable::Name {
            name: "sid".to_owned(),
            why,
        };
        let sid = facts.sid.as_deref().ok_or(refused("is not known"))?;
        let sid = Sid::parse(sid).map_err(|_| refused("is no account's SID"))?;
        if sid.is_of(domain) {
            Ok(Some(sid))
        } else {
            Err(refused(
                "is of another domain than the profile's sid_domain",
            ))
        }
    }

    /// A name in which a local part stands without its domain.
    #[must_use]
    pub fn local_part_alone(&self) -> Option<&'static str> {
        let subject = self.subject.iter();
        let subject = subject.map(|(attribute, template)| (attribute.as_str(), template));
        let alternative = self.alternative.iter();
        let alternative = alternative.map(|(kind, template)| (kind.as_str(), template));
        let mut names = subject.chain(alternative);
        let alone = |template: &NameTemplate| {
            let mut variables = template.variables();
            variables.any(|variable| variable == Variable::LocalPart)
        };
        names
            .find(|(_, template)| alone(template))
            .map(|(name, _)| name)
    }

    fn check_local_parts(&self, domains: &[Domain]) -> Result<(), InvalidCertificate> {
        let alone = self.local_part_alone();
        if let Some(name) = alone.filter(|_| domains.len() != 1) {
            return Err(InvalidCertificate::LocalPartOfMany(name));
        }
        if !self.reserved_local_parts.is_empty() {
            return Ok(());
        }
        let upn = self
            .alternative
            .iter()
            .any(|(kind, _)| *kind == AlternativeNameKind::Upn);
        match (alone.is_some(), upn) {
            (true, _) => Err(InvalidCertificate::Reserved("{local_part}")),
            (false, true) => Err(InvalidCertificate::Reserved("upn")),
            (false, false) => Ok(()),
        }
    }

    /// What is written otherwise than it is does not count: in a URI an address is percent-encoded, in a
    /// DNS name an id is in lower case.
    fn check_identifies(&self) -> Result<(), InvalidCertificate> {
        let identifies = |variable| match self.scope {
            KeyScope::User => matches!(variable, Variable::Email | Variable::LocalPart),
            KeyScope::Machine => variable == Variable::DevicePermanentId,
        };
        let plain = |kind| match self.scope {
            KeyScope::User => kind != AlternativeNameKind::Uri,
            KeyScope::Machine => kind != AlternativeNameKind::Dns,
        };
        let alternative = self.alternative.iter().filter(|(kind, _)| plain(*kind));
        let subject = self.subject.iter().map(|(_, template)| template);
        let mut variables = subject
            .chain(alternative.map(|(_, template)| template))
            .flat_map(NameTemplate::variables);
        if variables.any(identifies) {
            Ok(())
        } else {
            Err(InvalidCertificate::Nobody(self.scope))
        }
    }

    /// A name that nobody could have is told when the file is read.
    fn try_on(&self, mut example: Facts) -> Result<(), InvalidCertificate> {
        // Of this domain, whichever it is.
        example.sid = None;
        let without_sid = Self {
            sid_domain: None,
            ..self.clone()
        };
        match without_sid.names(&example) {
            Ok(names) => {
                let mut seen = BTreeSet::new();
                let once = |(kind, value): &(AlternativeNameKind, String)| {
                    seen.insert((kind.as_str(), value.clone()))
                };
                if names.alternative.iter().all(once) {
                    Ok(())
                } else {
                    Err(InvalidCertificate::TooMany("subject_alternative_names"))
                }
            }
            Err(Unnameable::Name { name, why }) => Err(InvalidCertificate::Name { name, why }),
            Err(Unnameable::Variable { name, .. }) => Err(InvalidCertificate::Name {
                name,
                why: "cannot be made of these variables",
            }),
        }
    }
}

fn check(
    name: &str,
    outcome: Result<(), &'static str>,
    value: String,
) -> Result<String, Unnameable> {
    outcome.map(|()| value).map_err(|why| Unnameable::Name {
        name: name.to_owned(),
        why,
    })
}

/// A device has no name with an `@`, whoever wrote it there.
fn check_address(may_be: bool, value: &str) -> Result<(), &'static str> {
    let fits = may_be || !value.contains('@');
    fits.then_some(()).ok_or("reads like a person's address")
}

/// How a value is written in an alternative name, or `None` where it cannot stand there.
fn write(kind: AlternativeNameKind, variable: Variable, value: &str) -> Option<Cow<'_, str>> {
    match kind {
        AlternativeNameKind::Uri if variable != Variable::Domain => {
            Some(Cow::from(utf8_percent_encode(value, UNRESERVED)))
        }
        // A dot would make two labels of one: `a.b` below `example.com` is `a` below `b.example.com`.
        AlternativeNameKind::Dns if variable != Variable::Domain && value.contains('.') => None,
        // Of one name there is one form; DNS knows no case (RFC 4343).
        AlternativeNameKind::Dns => Some(Cow::from(value.to_ascii_lowercase())),
        _ => Some(Cow::from(value)),
    }
}

fn template(name: &str, text: &str, scope: KeyScope) -> Result<NameTemplate, InvalidCertificate> {
    NameTemplate::parse(text, scope).map_err(|source| InvalidCertificate::Template {
        name: name.to_owned(),
        source,
    })
}

fn subject(
    settings: &[String],
    scope: KeyScope,
) -> Result<Vec<(Attribute, NameTemplate)>, InvalidCertificate> {
    let mut subject: Vec<(Attribute, NameTemplate)> = Vec::with_capacity(settings.len());
    for setting in settings {
        let (name, text) = setting
            .split_once('=')
            .ok_or_else(|| InvalidCertificate::Attribute(setting.clone()))?;
        let attribute = Attribute::ALL
            .into_iter()
            .find(|attribute| attribute.as_str() == name)
            .ok_or_else(|| InvalidCertificate::Attribute(setting.clone()))?;
        let again = subject.iter().any(|(other, _)| *other == attribute);
        if again && attribute != Attribute::OrganizationalUnit || subject.len() == NAMES_MAX {
            return Err(InvalidCertificate::TooMany("subject"));
        }
        subject.push((attribute, template(name, text, scope)?));
    }
    Ok(subject)
}

fn alternative(
    settings: &[String],
    scope: KeyScope,
) -> Result<Vec<(AlternativeNameKind, NameTemplate)>, InvalidCertificate> {
    let mut alternative: Vec<(AlternativeNameKind, NameTemplate)> = Vec::new();
    for setting in settings {
        let (name, text) = setting
            .split_once(':')
            .ok_or_else(|| InvalidCertificate::AlternativeName(setting.clone()))?;
        let kind = AlternativeNameKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .ok_or_else(|| InvalidCertificate::AlternativeName(setting.clone()))?;
        if kind_scope(kind).is_some_and(|of| of != scope) {
            let name = setting.clone();
            return Err(InvalidCertificate::OtherScope { name, scope });
        }
        let template = template(name, text, scope)?;
        check_shape(kind, &template)?;
        let once = matches!(kind, AlternativeNameKind::Email | AlternativeNameKind::Upn);
        let again = alternative.iter().any(|(other, _)| *other == kind);
        if once && again || alternative.len() == NAMES_MAX {
            return Err(InvalidCertificate::TooMany("subject_alternative_names"));
        }
        alternative.push((kind, template));
    }
    Ok(alternative)
}

/// Servers take an address for a user and a DNS name for a machine: neither may pass for the other.
fn kind_scope(kind: AlternativeNameKind) -> Option<KeyScope> {
    match kind {
        AlternativeNameKind::Email | AlternativeNameKind::Upn => Some(KeyScope::User),
        AlternativeNameKind::Dns | AlternativeNameKind::PermanentIdentifier => {
            Some(KeyScope::Machine)
        }
        AlternativeNameKind::Uri => None,
    }
}

/// What must be the administrator's own word in a name, because others decide by it.
fn check_shape(
    kind: AlternativeNameKind,
    template: &NameTemplate,
) -> Result<(), InvalidCertificate> {
    let parts = template.parts();
    match kind {
        AlternativeNameKind::Email => match parts {
            [Part::Value(Variable::Email)] => Ok(()),
            _ => Err(InvalidCertificate::Email),
        },
        AlternativeNameKind::Upn => match parts {
            [Part::Value(Variable::Email)] => Ok(()),
            [Part::Value(Variable::LocalPart), Part::Text(suffix)] if is_suffix(suffix, '@') => {
                Ok(())
            }
            _ => Err(InvalidCertificate::Upn),
        },
        AlternativeNameKind::Dns => match parts.last() {
            Some(Part::Text(suffix)) if is_suffix(suffix, '.') => Ok(()),
            _ => Err(InvalidCertificate::Dns),
        },
        AlternativeNameKind::Uri if !is_anchored(parts) => Err(InvalidCertificate::Uri),
        AlternativeNameKind::Uri | AlternativeNameKind::PermanentIdentifier => Ok(()),
    }
}

fn is_suffix(text: &str, separator: char) -> bool {
    let domain = text.strip_prefix(separator);
    domain.is_some_and(|domain| Domain::parse(domain).is_ok_and(|read| read.as_str() == domain))
}

/// Whether scheme and host come before any variable but the domain.
fn is_anchored(parts: &[Part]) -> bool {
    let mut written = String::new();
    for part in parts {
        match part {
            Part::Text(text) => written.push_str(text),
            Part::Value(Variable::Domain) if written.contains("//") => written.push_str("domain"),
            Part::Value(_) => {
                let Some((_, behind)) = written.split_once(':') else {
                    return false;
                };
                return match behind.strip_prefix("//") {
                    Some(authority) => authority.contains(['/', '?', '#']),
                    None => true,
                };
            }
        }
    }
    true
}

fn reserved(settings: Vec<String>) -> Result<BTreeSet<String>, InvalidCertificate> {
    for name in &settings {
        if !is_local_part(name) {
            return Err(InvalidCertificate::ReservedForm(name.clone()));
        }
    }
    Ok(settings.into_iter().collect())
}

fn sid_domain(
    setting: Option<&str>,
    scope: KeyScope,
) -> Result<Option<SidDomain>, InvalidCertificate> {
    match setting {
        Some(_) if scope == KeyScope::Machine => Err(InvalidCertificate::SidOfMachine),
        Some(domain) => Ok(Some(SidDomain::parse(domain)?)),
        None => Ok(None),
    }
}

fn key_usages(
    settings: Vec<KeyUsage>,
    algorithms: &[KeyAlgorithm],
) -> Result<Vec<KeyUsage>, InvalidCertificate> {
    let distinct: BTreeSet<_> = settings.iter().collect();
    let possible = |usage: &KeyUsage| algorithms.iter().all(|algorithm| usage.suits(*algorithm));
    if distinct.len() == settings.len()
        && settings.contains(&KeyUsage::DigitalSignature)
        && settings.iter().all(possible)
    {
        Ok(settings)
    } else {
        Err(InvalidCertificate::KeyUsages)
    }
}

fn extended_key_usages(
    settings: Vec<ExtendedKeyUsage>,
) -> Result<Vec<ExtendedKeyUsage>, InvalidCertificate> {
    let distinct: BTreeSet<_> = settings.iter().collect();
    if distinct.len() == settings.len() && settings.contains(&ExtendedKeyUsage::ClientAuth) {
        Ok(settings)
    } else {
        Err(InvalidCertificate::ExtendedKeyUsages)
    }
}

fn policies(settings: &[String]) -> Result<Vec<ObjectIdentifier>, InvalidCertificate> {
    let mut policies = Vec::with_capacity(settings.len());
    for text in settings {
        let policy = ObjectIdentifier::new(text).ok();
        let policy = policy.filter(|policy| *policy != ANY_POLICY && policy.to_string() == *text);
        let policy = policy.ok_or_else(|| InvalidCertificate::Policy(text.clone()))?;
        if policies.contains(&policy) || policies.len() == NAMES_MAX {
            return Err(InvalidCertificate::TooMany("policies"));
        }
        policies.push(policy);
    }
    Ok(policies)
}

fn template_name(setting: Option<String>) -> Result<Option<String>, InvalidCertificate> {
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b" -_".contains(&byte);
    let fits = |name: &String| {
        (1..=64).contains(&name.len()) && name.bytes().all(of_name) && name.trim() == name
    };
    if setting.as_ref().is_none_or(fits) {
        Ok(setting)
    } else {
        Err(InvalidCertificate::TemplateName)
    }
}

#[cfg(test)]
mod tests;
