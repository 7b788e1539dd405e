//! What configurations are made from: the CA as it is, a profile, and a place.

use std::sync::Arc;

use const_oid::ObjectIdentifier;

use crate::ca::Authority;
use crate::clock::Timestamp;
use crate::model::attributes::Attributes;
use crate::model::certificate::IssuerId;
use crate::model::certificate_names::{Attribute, DEVICE_UNIT, USER_UNIT};
use crate::model::digest::sha256;
use crate::model::endpoint::Endpoint;
use crate::model::identity::KeyScope;
use crate::model::name_template::Part;
use crate::model::profile::CertificateProfile;
use crate::model::serial::hex;
use crate::relying_party::{ConfigurationError, Identity, Kind, Place, encoding};

/// A CA's certificate, and what people and programs call it.
#[derive(Clone, Debug)]
pub struct CaCertificate {
    /// What paths call it.
    pub id: IssuerId,
    /// Its whole name (RFC 4514).
    pub name: String,
    /// The last common name in it.
    pub common_name: Option<String>,
    /// The last organisation in it.
    pub organization: Option<String>,
    /// The last organisational unit in it.
    pub organizational_unit: Option<String>,
    /// The certificate.
    pub pem: String,
    /// Its SHA-256, as 64 hexadecimal digits.
    pub sha256: String,
}

impl CaCertificate {
    /// What is to be known of a CA.
    #[must_use]
    pub fn of(authority: &Authority) -> Self {
        let last = |attribute| authority.values(attribute).pop();
        Self {
            id: authority.issuer_id(),
            name: authority.name(),
            common_name: last(Attribute::CommonName),
            organization: last(Attribute::Organization),
            organizational_unit: last(Attribute::OrganizationalUnit),
            pem: authority.pem(),
            sha256: hex(&sha256(&authority.der())),
        }
    }
}

/// What configurations are made from.
#[derive(Clone, Debug)]
pub struct Site {
    /// The profile's name.
    pub profile: String,
    /// Whether it certifies users; otherwise devices.
    pub is_user: bool,
    /// The domains of its users or devices.
    pub domains: Vec<String>,
    /// Where its certificates name their holder.
    pub identity: Identity,
    /// The attributes of its subjects in order, with `*` where one depends on the holder.
    pub subject: Vec<(&'static str, String)>,
    /// The policies in its certificates.
    pub policies: Vec<ObjectIdentifier>,
    /// What is told of who holds a good one.
    pub attributes: Arc<Attributes>,
    /// The kind of key that its profile prefers.
    pub key: &'static str,
    /// Other profiles whose certificates no check here can tell from its own.
    pub alike: Vec<String>,
    /// The issuing CA.
    pub issuing: CaCertificate,
    /// Its root.
    pub root: CaCertificate,
    /// Whether both are for tests.
    pub is_test: bool,
    /// Where the relying party is.
    pub place: Place,
    /// When this is.
    pub made_at: Timestamp,
}

impl Site {
    /// Puts together what is known of a profile and its issuer. `profiles` are all that there are.
    #[must_use]
    pub fn new(
        profile: &CertificateProfile,
        profiles: &[CertificateProfile],
        (issuing, root): (&Authority, &Authority),
        place: Place,
        made_at: Timestamp,
    ) -> Self {
        let policies = &profile.certificate.policies;
        let alike = profiles.iter().filter(|other| {
            let has = |policy| other.certificate.policies.contains(policy);
            other.name != profile.name
                && other.scope == profile.scope
                && policies.iter().all(has)
                && other
                    .domains
                    .iter()
                    .any(|domain| profile.domains.contains(domain))
        });
        let domains = profile.domains.iter();
        Self {
            profile: profile.name.clone(),
            is_user: profile.scope == KeyScope::User,
            domains: domains.map(|domain| domain.as_str().to_owned()).collect(),
            identity: Identity::of(profile),
            subject: subject(profile),
            policies: policies.clone(),
            attributes: Arc::clone(&profile.attributes),
            key: profile
                .key_algorithms
                .first()
                .map_or("ECDSA", |key| key.as_str()),
            alike: alike.map(|other| other.name.clone()).collect(),
            issuing: CaCertificate::of(issuing),
            root: CaCertificate::of(root),
            is_test: issuing.endpoint() == Endpoint::Test,
            place,
            made_at,
        }
    }

    /// Whether anything is told of them.
    #[must_use]
    pub fn has_attributes(&self) -> bool {
        self.attributes.iter().next().is_some()
    }

    /// The unit that all certificates of this scope begin with.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        if self.is_user { USER_UNIT } else { DEVICE_UNIT }
    }

    /// `user` or `device`.
    #[must_use]
    pub fn holder(&self) -> &'static str {
        if self.is_user { "user" } else { "device" }
    }

    /// What units and services are called.
    #[must_use]
    pub fn unit_name(&self, kind: Kind) -> String {
        format!("vaca-refresh-{kind}-{}", self.profile)
    }

    /// The policy that is asked for, where the profile has one.
    #[must_use]
    pub fn policy(&self) -> Option<String> {
        self.policies.first().map(ToString::to_string)
    }

    /// The same with its dots as a pattern has them.
    #[must_use]
    pub fn policy_pattern(&self) -> Option<String> {
        self.policy().map(|policy| policy.replace('.', "\\."))
    }

    /// The octets of the extension that holds the policies.
    pub(super) fn policy_octets(&self) -> Result<Option<Vec<u8>>, ConfigurationError> {
        let octets =
            (!self.policies.is_empty()).then(|| encoding::certificate_policies(&self.policies));
        Ok(octets.transpose()?)
    }

    /// A pattern of the domains, `example\.com|example\.org`.
    #[must_use]
    pub fn domain_pattern(&self) -> String {
        let domains = self.domains.iter();
        let domains: Vec<_> = domains.map(|domain| domain.replace('.', "\\.")).collect();
        domains.join("|")
    }

    /// A pattern of what the holder is called: a whole address of these domains, or a device's id.
    #[must_use]
    pub fn name_pattern(&self) -> String {
        if self.is_user {
            format!("[a-z0-9._'+-]+@(?:{})", self.domain_pattern())
        } else {
            "[A-Za-z0-9._-]+".to_owned()
        }
    }

    /// A name that fits, for examples.
    pub(super) fn example_name(&self) -> String {
        if self.is_user {
            format!("alice@{}", self.domains.first().map_or("", String::as_str))
        } else {
            "0f1e2d3c".to_owned()
        }
    }

    /// What is put before the name in the subject, so that the holder is a whole address or URI.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.identity.uri.as_deref().unwrap_or_default()
    }

    /// The same within slashes that end a pattern.
    pub(super) fn prefix_pattern(&self) -> String {
        self.prefix().replace('.', "\\.").replace('/', "\\/")
    }

    /// The attribute of the subject that names the holder, for programs that read nothing else.
    pub(super) fn attribute(&self, kind: Kind) -> Result<&'static str, ConfigurationError> {
        let device_is_whole = self.is_user || self.identity.uri.is_some();
        let attribute = self.identity.attribute.filter(|_| device_is_whole);
        attribute.ok_or_else(|| {
            self.nameless(
                kind,
                if self.is_user {
                    "an attribute of the subject such as CN={email}"
                } else {
                    "an attribute of the subject such as CN={device_permanent_id}, beside a subject alternative name such as uri:https://{domain}/device/{device_permanent_id},"
                },
            )
        })
    }

    /// What is said where the names of a profile do not do.
    pub(super) fn nameless(&self, kind: Kind, wanted: &str) -> ConfigurationError {
        ConfigurationError::Nameless {
            kind,
            wanted: wanted.to_owned(),
            profile: self.profile.clone(),
        }
    }

    /// Whether the certificates have a name that programs read in the subject alternative name: the
    /// whole address, or the device's URI.
    pub(super) fn has_alternative_name(&self) -> bool {
        if self.is_user {
            self.identity.email
        } else {
            self.identity.uri.is_some()
        }
    }

    /// Asserts that.
    pub(super) fn check_alternative_name(&self, kind: Kind) -> Result<(), ConfigurationError> {
        if self.has_alternative_name() {
            return Ok(());
        }
        Err(self.nameless(
            kind,
            if self.is_user {
                "the subject alternative name email:{email}"
            } else {
                "a subject alternative name such as uri:https://{domain}/device/{device_permanent_id}"
            },
        ))
    }
}

fn subject(profile: &CertificateProfile) -> Vec<(&'static str, String)> {
    let unit = match profile.scope {
        KeyScope::User => USER_UNIT,
        KeyScope::Machine => DEVICE_UNIT,
    };
    let own = std::iter::once(("OU", unit.to_owned()));
    let others = profile.certificate.subject().iter();
    let others = others.map(|(attribute, template)| {
        let value = match template.parts() {
            [Part::Text(text)] => text.clone(),
            _ => "*".to_owned(),
        };
        (attribute.as_str(), value)
    });
    own.chain(others).collect()
}
