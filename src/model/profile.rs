//! A certificate profile: a named recipe of who may ask, and what the certificate says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::attributes::{Attributes, InvalidAttributes};
use crate::model::certificate_template::{
    CertificateSettings, CertificateTemplate, InvalidCertificate,
};
use crate::model::digest::of_settings;
use crate::model::facts::{Facts, KeyAlgorithm, KeyTrustLevel};
use crate::model::identity::{CustomerId, DeviceId, Domain, Email, InvalidIdentity, KeyScope};
use crate::model::rule::{InvalidRule, Rule, RuleSettings};
use crate::model::span::{self, DAY};

/// Shortest and longest time of grace of a superseded certificate: a device needs some to take the new
/// one into use, and no certificate is good for longer.
const GRACE: (i64, i64) = (60 * 60, 397 * DAY);

/// Most rules of a profile: their cost is paid for every enrolment.
const RULES_MAX: usize = 50;

/// `[[profile]]` as it is written in the configuration. See `docs/configuration.md`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileSettings {
    /// What requests call it: `[a-z0-9-]`, 1 to 64 characters. The administrator chooses it.
    pub name: String,
    /// `user` or `machine`.
    pub scope: KeyScope,
    /// The managed domains. A machine profile names exactly one.
    pub domains: Vec<String>,
    /// The Google customer that manages the fleet. There is no default: a device that anybody
    /// manages means nothing.
    pub customer_id: String,
    /// Refuse user answers without a customer id (machine answers always need one).
    #[serde(default, skip_serializing_if = "is_false")]
    pub require_customer_id: bool,
    /// The issuer that signs, by its configured name.
    pub issuer: String,
    /// Who, of all whom Verified Access vouched for, may have a certificate. There is no default.
    pub allow: Allow,
    /// The webhook that is asked about each attempt, by its configured name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
    /// Key algorithms that may be certified, by `registerKey`'s names.
    #[serde(
        default = "default_key_algorithms",
        skip_serializing_if = "is_default_algorithms"
    )]
    pub key_algorithms: Vec<KeyAlgorithm>,
    /// Trust levels that may be certified; only a machine profile may admit developer mode, because
    /// in developer mode root can claim any user's name.
    #[serde(
        default = "default_trust_levels",
        skip_serializing_if = "is_default_trust"
    )]
    pub key_trust_levels: Vec<KeyTrustLevel>,
    /// How long a certificate is good, in days.
    #[serde(
        default = "default_validity_days",
        skip_serializing_if = "is_default_validity"
    )]
    pub validity_days: u16,
    /// How long before its end a certificate is renewed, in days; a third of its life where it is
    /// left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal_window_days: Option<u16>,
    /// How many certificates of this profile one user or device may have at once.
    #[serde(
        default = "default_live_certificates",
        skip_serializing_if = "is_default_live_certificates"
    )]
    pub live_certificates: u32,
    /// What the certificate says.
    #[serde(default, skip_serializing_if = "is_default_certificate")]
    pub certificate: CertificateSettings,
    /// How many attempts one user or device may start in a minute, of whatever profile.
    #[serde(
        default = "default_attempts_per_minute",
        skip_serializing_if = "is_default_attempts_per_minute"
    )]
    pub attempts_per_minute: u32,
    /// Conditions that must all be true besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rule: Vec<RuleSettings>,
    /// What relying parties are told of holders. It is not in the certificate and so not in the hash: a
    /// change must not end attempts that are open.
    #[serde(default, skip_serializing)]
    pub attributes: BTreeMap<String, String>,
    /// What becomes of a certificate that another one took the place of. Not in the certificate either.
    #[serde(default, skip_serializing)]
    pub superseded: SupersededSettings,
}

impl ProfileSettings {
    /// The one form of what these settings mean: a spelling that changes nothing must not end attempts
    /// that are open. The order of key algorithms means something (the first is preferred).
    fn normalized(mut self) -> Self {
        let fold = |names: &mut Vec<String>| {
            names
                .iter_mut()
                .for_each(|name| name.make_ascii_lowercase());
            names.sort();
        };
        fold(&mut self.domains);
        match &mut self.allow {
            Allow::Domains(names) | Allow::Emails(names) => fold(names),
            Allow::Devices(names) => names.sort(),
            Allow::AllVerified | Allow::EmailsFile(_) | Allow::DevicesFile(_) => {}
        }
        self.key_trust_levels.sort_by_key(|level| level.as_str());
        let third = i64::from(self.validity_days) * DAY / 3;
        self.renewal_window_days = self
            .renewal_window_days
            .filter(|days| i64::from(*days) * DAY != third);
        self.certificate = self.certificate.normalized(self.scope);
        self
    }
}

/// What becomes of superseded certificates, as it is written in the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SupersededSettings {
    /// They stay good until they end.
    #[default]
    Keep,
    /// They are revoked so long after their successor was issued, such as `7d`.
    RevokeAfter(String),
}

impl SupersededSettings {
    /// The time of grace, in seconds.
    fn grace(&self) -> Result<Option<i64>, InvalidProfile> {
        let Self::RevokeAfter(text) = self else {
            return Ok(None);
        };
        match span::seconds(text) {
            Ok(grace) if (GRACE.0..=GRACE.1).contains(&grace) => Ok(Some(grace)),
            _ => Err(InvalidProfile::Superseded),
        }
    }
}

/// Who may have a certificate of a profile, of those whom Verified Access vouched for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Allow {
    /// Everybody.
    AllVerified,
    /// Users or devices of these domains, of the profile's.
    Domains(Vec<String>),
    /// These users.
    Emails(Vec<String>),
    /// These devices, by their Directory API ids.
    Devices(Vec<String>),
    /// The users of a list, by its file. What stands in it is not part of the profile.
    EmailsFile(String),
    /// The devices of a list, by its file; likewise.
    DevicesFile(String),
}

impl Allow {
    /// Whether it names whom the facts are about.
    #[must_use]
    pub fn admits(&self, facts: &Facts) -> bool {
        let among =
            |names: &[String], name: Option<&String>| name.is_some_and(|name| names.contains(name));
        match self {
            Self::AllVerified => true,
            Self::Domains(names) => names.contains(&facts.domain),
            Self::Emails(names) => among(names, facts.email.as_ref()),
            Self::Devices(names) => among(names, facts.device_permanent_id.as_ref()),
            Self::EmailsFile(file) | Self::DevicesFile(file) => facts
                .allowed_by_list
                .as_ref()
                .is_some_and(|listing| listing.file == *file && listing.listed),
        }
    }

    /// In the form in which facts hold names.
    fn normalize(self, scope: KeyScope, domains: &[Domain]) -> Result<Self, InvalidProfile> {
        let identity = |source| InvalidProfile::Identity {
            field: "allow",
            source,
        };
        let allow = match self {
            Self::AllVerified => Self::AllVerified,
            Self::Domains(names) => Self::Domains(each(&names, |name| {
                let domain = Domain::parse(name).map_err(identity)?;
                if domains.contains(&domain) {
                    Ok(domain.as_str().to_owned())
                } else {
                    Err(InvalidProfile::AllowedDomain)
                }
            })?),
            Self::Emails(names) if scope == KeyScope::User => Self::Emails(each(&names, |name| {
                let email = Email::parse(name).map_err(identity)?;
                if domains
                    .iter()
                    .any(|domain| domain.as_str() == email.domain())
                {
                    Ok(email.as_str().to_owned())
                } else {
                    Err(InvalidProfile::AllowedDomain)
                }
            })?),
            Self::Devices(names) if scope == KeyScope::Machine => {
                Self::Devices(each(&names, |name| {
                    let device = DeviceId::parse(name).map_err(identity)?;
                    Ok(device.as_str().to_owned())
                })?)
            }
            Self::EmailsFile(file) if scope == KeyScope::User => Self::EmailsFile(file),
            Self::DevicesFile(file) if scope == KeyScope::Machine => Self::DevicesFile(file),
            Self::Emails(_) | Self::Devices(_) | Self::EmailsFile(_) | Self::DevicesFile(_) => {
                return Err(InvalidProfile::AllowedScope);
            }
        };
        Ok(allow)
    }
}

fn each(
    names: &[String],
    parse: impl Fn(&str) -> Result<String, InvalidProfile>,
) -> Result<Vec<String>, InvalidProfile> {
    if names.is_empty() {
        return Err(InvalidProfile::AllowsNobody);
    }
    names.iter().map(|name| parse(name)).collect()
}

/// For the decision record; a long list is counted.
impl fmt::Display for Allow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, names) = match self {
            Self::AllVerified => {
                return formatter.write_str("whomever Verified Access vouches for");
            }
            Self::Domains(names) => ("domain", names),
            Self::Emails(names) => ("user", names),
            Self::Devices(names) => ("device", names),
            Self::EmailsFile(file) => return write!(formatter, "a user of the list {file}"),
            Self::DevicesFile(file) => return write!(formatter, "a device of the list {file}"),
        };
        match names.as_slice() {
            [one] => write!(formatter, "the {kind} {one}"),
            _ => write!(formatter, "one of {} {kind}s", names.len()),
        }
    }
}

fn is_default_certificate(value: &CertificateSettings) -> bool {
    *value == CertificateSettings::default()
}
fn is_false(value: &bool) -> bool {
    !*value
}
fn default_key_algorithms() -> Vec<KeyAlgorithm> {
    vec![KeyAlgorithm::Ecdsa, KeyAlgorithm::Rsa]
}
fn is_default_algorithms(value: &Vec<KeyAlgorithm>) -> bool {
    *value == default_key_algorithms()
}
fn default_trust_levels() -> Vec<KeyTrustLevel> {
    vec![KeyTrustLevel::ChromeOsVerifiedMode]
}
fn is_default_trust(value: &Vec<KeyTrustLevel>) -> bool {
    *value == default_trust_levels()
}
fn default_live_certificates() -> u32 {
    20
}
fn is_default_live_certificates(value: &u32) -> bool {
    *value == default_live_certificates()
}
fn default_attempts_per_minute() -> u32 {
    10
}
fn is_default_attempts_per_minute(value: &u32) -> bool {
    *value == default_attempts_per_minute()
}
fn default_validity_days() -> u16 {
    30
}
fn is_default_validity(value: &u16) -> bool {
    *value == default_validity_days()
}

/// SHA-256 over `vaca-profile-v1` and the profile's settings as JSON with sorted keys, defaults
/// omitted: recorded with every attempt and certificate.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProfileHash(pub [u8; 32]);

impl fmt::Debug for ProfileHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::model::serial::write_hex(formatter, &self.0)
    }
}

impl fmt::Display for ProfileHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::model::serial::write_hex(formatter, &self.0)
    }
}

/// Why a profile does not load; each message says what to change.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProfile {
    /// The name is not usable in a URL, a log and a metric.
    #[error("a profile's name is 1 to 64 of a-z, 0-9 and -")]
    Name,
    /// A machine profile must name one domain, a user profile at least one.
    #[error("a machine profile names exactly one domain, a user profile at least one")]
    Domains,
    /// A domain or the customer id is malformed.
    #[error("{field}: {source}")]
    Identity {
        /// Which setting.
        field: &'static str,
        /// What is wrong.
        source: InvalidIdentity,
    },
    /// Nothing could ever be issued.
    #[error("key_algorithms and key_trust_levels must each name at least one value, none twice")]
    Empty,
    /// In developer mode root can claim any user's name.
    #[error(
        "a user profile admits CHROME_OS_VERIFIED_MODE only: in developer mode root can claim any user's name"
    )]
    UserTrustLevel,
    /// Browser levels are not a Chromebook's.
    #[error(
        "a machine profile admits CHROME_OS_VERIFIED_MODE and, at most, CHROME_OS_DEVELOPER_MODE"
    )]
    MachineTrustLevel,
    /// Outside 1 to 397 days.
    #[error("validity_days is 1 to 397: a lost key must not stay certified for years")]
    Validity,
    /// Nobody would come back in time, or everybody at once.
    #[error("renewal_window_days is at least 1 and less than validity_days")]
    RenewalWindow,
    /// Nobody could have one, or one holder a thousand.
    #[error("live_certificates is 1 to 1000")]
    LiveCertificates,
    /// Nobody could ask, or a machine gone wild a thousand times.
    #[error("attempts_per_minute is 1 to 1000")]
    AttemptsPerMinute,
    /// `allow` names a domain that the profile does not serve.
    #[error("allow names a domain that is not among the profile's domains")]
    AllowedDomain,
    /// `allow` names users in a machine profile, or devices in a user profile.
    #[error(
        "allow: a user profile takes emails or emails_file, a machine profile devices or devices_file"
    )]
    AllowedScope,
    /// `allow` is an empty list.
    #[error("allow names nobody: name somebody, or say \"all_verified\"")]
    AllowsNobody,
    /// What the certificate shall say does not load.
    #[error("[profile.certificate] {0}")]
    Certificate(#[from] InvalidCertificate),
    /// A rule does not load.
    #[error("[[profile.rule]] {name}: {source}")]
    Rule {
        /// Its place among the profile's rules, counted from 0.
        index: usize,
        /// As it was written.
        name: String,
        /// What is wrong.
        source: InvalidRule,
    },
    /// Two rules have one name.
    #[error("[[profile.rule]] {name}: the name stands twice")]
    RuleTwice {
        /// The second one's place, counted from 0.
        index: usize,
        /// The name.
        name: String,
    },
    /// More rules than an enrolment should pay for.
    #[error("there are more than {RULES_MAX} rules")]
    Rules,
    /// What relying parties shall be told does not load.
    #[error("[profile.attributes] {0}")]
    Attributes(#[from] InvalidAttributes),
    /// No word, or no time of grace.
    #[error("superseded is \"keep\", or {{ revoke_after = \"7d\" }} with a time from 1h to 397d")]
    Superseded,
}

impl InvalidProfile {
    /// The key of `[[profile]]` that is to be changed.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Domains => "domains",
            Self::Identity { field, .. } => field,
            Self::Empty => "key_algorithms",
            Self::UserTrustLevel | Self::MachineTrustLevel => "key_trust_levels",
            Self::Validity => "validity_days",
            Self::RenewalWindow => "renewal_window_days",
            Self::LiveCertificates => "live_certificates",
            Self::AttemptsPerMinute => "attempts_per_minute",
            Self::AllowedDomain | Self::AllowedScope | Self::AllowsNobody => "allow",
            Self::Certificate(_) => "certificate",
            Self::Rule { .. } | Self::RuleTwice { .. } | Self::Rules => "rule",
            Self::Attributes(_) => "attributes",
            Self::Superseded => "superseded",
        }
    }
}

/// A profile that was checked when the configuration was loaded.
#[derive(Clone, Debug)]
pub struct CertificateProfile {
    /// What requests call it.
    pub name: String,
    /// Whose key it certifies.
    pub scope: KeyScope,
    /// The managed domains; exactly one for a machine profile.
    pub domains: Vec<Domain>,
    /// The managing customer.
    pub customer_id: CustomerId,
    /// Whether a user answer without a customer id is refused.
    pub require_customer_id: bool,
    /// Name of the issuer that signs.
    pub issuer: String,
    /// Who may have one; shared, because each decision keeps its profile.
    pub allow: Arc<Allow>,
    /// What must be true besides.
    pub rules: Arc<[Rule]>,
    /// The webhook that is asked about each attempt.
    pub webhook: Option<String>,
    /// Keys that may be certified.
    pub key_algorithms: Vec<KeyAlgorithm>,
    /// Trust levels that may be certified.
    pub key_trust_levels: Vec<KeyTrustLevel>,
    /// Lifetime of a certificate, in seconds.
    pub lifetime: i64,
    /// How long before its end a certificate is renewed, in seconds.
    pub renewal_window: i64,
    /// How many certificates one holder may have at once.
    pub live_certificates: u32,
    /// What a certificate says; shared like `allow`.
    pub certificate: Arc<CertificateTemplate>,
    /// How many attempts one user or device may start in a minute.
    pub attempts_per_minute: u32,
    /// What relying parties are told of holders; shared like `allow`.
    pub attributes: Arc<Attributes>,
    /// How long after its successor was issued a superseded certificate is revoked, in seconds; `None`
    /// where it is kept.
    pub superseded_after: Option<i64>,
    /// The recipe's fingerprint.
    pub hash: ProfileHash,
}

impl CertificateProfile {
    /// The one domain that a machine key is expected of; the first of a user profile.
    #[must_use]
    pub fn first_domain(&self) -> Option<&Domain> {
        self.domains.first()
    }
}

impl TryFrom<ProfileSettings> for CertificateProfile {
    type Error = InvalidProfile;

    fn try_from(mut settings: ProfileSettings) -> Result<Self, InvalidProfile> {
        settings = settings.normalized();
        let hash = hash(&settings);
        if !is_configured_name(&settings.name) {
            return Err(InvalidProfile::Name);
        }
        check_levels(&settings)?;
        check_numbers(&settings)?;
        let domains = read_domains(&settings)?;
        let customer_id = CustomerId::parse(&settings.customer_id).map_err(|source| {
            InvalidProfile::Identity {
                field: "customer_id",
                source,
            }
        })?;
        let lifetime = i64::from(settings.validity_days) * DAY;
        let allow = Arc::new(settings.allow.normalize(settings.scope, &domains)?);
        let rules = read_rules(settings.rule, settings.scope)?;
        let certificate = CertificateTemplate::parse(
            settings.certificate,
            settings.scope,
            &domains,
            &settings.key_algorithms,
        )?;
        Ok(Self {
            name: settings.name,
            scope: settings.scope,
            domains,
            allow,
            rules,
            customer_id,
            require_customer_id: settings.require_customer_id,
            issuer: settings.issuer,
            webhook: settings.webhook,
            key_algorithms: settings.key_algorithms,
            key_trust_levels: settings.key_trust_levels,
            lifetime,
            renewal_window: settings
                .renewal_window_days
                .map_or(lifetime / 3, |days| i64::from(days) * DAY),
            live_certificates: settings.live_certificates,
            certificate: Arc::new(certificate),
            attempts_per_minute: settings.attempts_per_minute,
            attributes: Arc::new(Attributes::new(settings.attributes)?),
            superseded_after: settings.superseded.grace()?,
            hash,
        })
    }
}

fn check_numbers(settings: &ProfileSettings) -> Result<(), InvalidProfile> {
    if !(1..=397).contains(&settings.validity_days) {
        return Err(InvalidProfile::Validity);
    }
    let within = |days: u16| (1..settings.validity_days).contains(&days);
    if !settings.renewal_window_days.is_none_or(within) {
        return Err(InvalidProfile::RenewalWindow);
    }
    if !(1..=1000).contains(&settings.live_certificates) {
        return Err(InvalidProfile::LiveCertificates);
    }
    if !(1..=1000).contains(&settings.attempts_per_minute) {
        return Err(InvalidProfile::AttemptsPerMinute);
    }
    Ok(())
}

fn read_domains(settings: &ProfileSettings) -> Result<Vec<Domain>, InvalidProfile> {
    let domains = settings.domains.iter().map(|domain| Domain::parse(domain));
    let domains =
        domains
            .collect::<Result<Vec<_>, _>>()
            .map_err(|source| InvalidProfile::Identity {
                field: "domains",
                source,
            })?;
    let fits = match settings.scope {
        KeyScope::Machine => domains.len() == 1,
        KeyScope::User => !domains.is_empty(),
    };
    fits.then_some(domains).ok_or(InvalidProfile::Domains)
}

fn read_rules(settings: Vec<RuleSettings>, scope: KeyScope) -> Result<Arc<[Rule]>, InvalidProfile> {
    if settings.len() > RULES_MAX {
        return Err(InvalidProfile::Rules);
    }
    let mut names = BTreeSet::new();
    let rules = settings.into_iter().enumerate().map(|(index, rule)| {
        let name = rule.name.clone();
        if !names.insert(name.clone()) {
            return Err(InvalidProfile::RuleTwice { index, name });
        }
        Rule::parse(rule, scope).map_err(|source| InvalidProfile::Rule {
            index,
            name,
            source,
        })
    });
    rules.collect()
}

/// Whether it is usable in a URL, a log and a metric: 1 to 64 of `a-z`, `0-9` and `-`.
#[must_use]
pub(crate) fn is_configured_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}

fn check_levels(settings: &ProfileSettings) -> Result<(), InvalidProfile> {
    let levels = &settings.key_trust_levels;
    let algorithms: BTreeSet<_> = settings.key_algorithms.iter().map(|a| a.as_str()).collect();
    let distinct: BTreeSet<_> = levels.iter().map(|level| level.as_str()).collect();
    if algorithms.is_empty()
        || distinct.is_empty()
        || algorithms.len() != settings.key_algorithms.len()
        || distinct.len() != levels.len()
    {
        return Err(InvalidProfile::Empty);
    }
    let verified = |level: &KeyTrustLevel| *level == KeyTrustLevel::ChromeOsVerifiedMode;
    let developer = |level: &KeyTrustLevel| *level == KeyTrustLevel::ChromeOsDeveloperMode;
    match settings.scope {
        KeyScope::User if !levels.iter().all(verified) => Err(InvalidProfile::UserTrustLevel),
        KeyScope::Machine
            if !levels
                .iter()
                .all(|level| verified(level) || developer(level)) =>
        {
            Err(InvalidProfile::MachineTrustLevel)
        }
        _ => Ok(()),
    }
}

fn hash(settings: &ProfileSettings) -> ProfileHash {
    // Settings serialize without their defaults.
    ProfileHash(of_settings("vaca-profile-v1", settings))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;

    fn settings() -> ProfileSettings {
        ProfileSettings {
            name: "wifi-user".to_owned(),
            scope: KeyScope::User,
            domains: vec!["example.com".to_owned()],
            customer_id: "C01example".to_owned(),
            require_customer_id: false,
            issuer: "issuing".to_owned(),
            allow: Allow::AllVerified,
            webhook: None,
            certificate: CertificateSettings::default(),
            rule: Vec::new(),
            attributes: BTreeMap::new(),
            superseded: SupersededSettings::Keep,
            renewal_window_days: None,
            key_algorithms: default_key_algorithms(),
            key_trust_levels: default_trust_levels(),
            validity_days: 30,
            live_certificates: default_live_certificates(),
            attempts_per_minute: default_attempts_per_minute(),
        }
    }

    #[test]
    fn a_user_profile_never_admits_developer_mode() {
        let mut wrong = settings();
        wrong
            .key_trust_levels
            .push(KeyTrustLevel::ChromeOsDeveloperMode);
        assert_eq!(
            CertificateProfile::try_from(wrong.clone()).unwrap_err(),
            InvalidProfile::UserTrustLevel
        );
        wrong.scope = KeyScope::Machine;
        assert!(CertificateProfile::try_from(wrong).is_ok());
    }

    #[test]
    fn a_machine_profile_has_one_domain() {
        let mut wrong = settings();
        wrong.scope = KeyScope::Machine;
        wrong.domains.push("example.org".to_owned());
        assert_eq!(
            CertificateProfile::try_from(wrong).unwrap_err(),
            InvalidProfile::Domains
        );
    }

    #[test]
    fn the_hash_sees_a_change_and_ignores_a_written_default() {
        let plain: ProfileSettings = toml::from_str(
            "name='wifi-user'\nscope='user'\ndomains=['example.com']\ncustomer_id='C01example'\nissuer='issuing'\nallow='all_verified'",
        ).unwrap();
        assert_eq!(hash(&plain), hash(&settings()));
        let mut changed = settings();
        changed.validity_days = 31;
        assert_ne!(hash(&changed), hash(&settings()));
        // What is not in the certificate ends no attempt.
        let mut told = settings();
        told.attributes = BTreeMap::from([("Filter-Id".to_owned(), "staff".to_owned())]);
        told.superseded = SupersededSettings::RevokeAfter("7d".to_owned());
        assert_eq!(hash(&told), hash(&settings()));
        let of = |certificate: &str| {
            let settings: ProfileSettings = toml::from_str(&format!(
                "name='wifi-user'\nscope='user'\ndomains=['example.com']\ncustomer_id='C01example'\nissuer='issuing'\nallow='all_verified'\n[certificate]\n{certificate}",
            ))
            .unwrap();
            CertificateProfile::try_from(settings).unwrap().hash
        };
        assert_eq!(of(""), hash(&plain));
        let written = "subject=['CN={email}']\nsubject_alternative_names=['email:{email}']\nkey_usages=['digital_signature']\nextended_key_usages=['client_auth']";
        assert_eq!(of(written), hash(&plain));
        assert_ne!(of("subject=['UID={email}']"), hash(&plain));
        let spelled = |text: &str| {
            let settings: ProfileSettings = toml::from_str(text).unwrap();
            CertificateProfile::try_from(settings).unwrap().hash
        };
        let common = "name='wifi-user'\nscope='user'\ncustomer_id='C01example'\nissuer='issuing'\n";
        let one = "domains=['a.example.com','b.example.com']\nallow={emails=['a@a.example.com','b@b.example.com']}";
        let same = "domains=['B.example.com','a.example.com']\nallow={emails=['b@b.example.com','A@a.example.com']}\nrenewal_window_days=10";
        let other = "domains=['B.example.com','a.example.com']\nallow={emails=['b@b.example.com']}";
        let spelled = |text| spelled(&format!("{common}{text}"));
        assert_eq!(spelled(one), spelled(same));
        assert_ne!(spelled(one), spelled(other));
    }
}
