//! A gate: whom a proxy lets in at one of its doors. Gates stand in the configuration, so that no request
//! can ask for less.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::model::identity::Domain;
use crate::model::profile::{CertificateProfile, is_configured_name};

/// `[[gate]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxyGateSettings {
    /// What proxies call it. Whoever runs the proxy chooses.
    pub name: String,
    /// Whose certificates open it: holders of one of these profiles. Whoever answers for what is behind
    /// the proxy sets it.
    pub profiles: Vec<String>,
    /// Of which of their domains; left out, of all.
    pub domains: Option<Vec<String>>,
    /// Which of the profiles' attributes are returned; left out, none.
    #[serde(default)]
    pub attributes: Vec<String>,
}

/// Why a gate does not load; each message says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGate {
    /// A name that does not fit in an address.
    #[error("a name is 1 to 64 of a-z, 0-9 and -")]
    Name,
    /// It would be closed to everybody, or open to whoever.
    #[error("profiles names at least one profile")]
    NoProfile,
    /// There is no such profile.
    #[error("no [[profile]] is named {0:?}")]
    Profile(String),
    /// It would be closed to everybody.
    #[error("domains names at least one domain; leave it out for all of the profiles'")]
    NoDomain,
    /// None of the profiles serves it.
    #[error("{0:?} is a domain of none of its profiles")]
    Domain(String),
    /// None of the profiles has it.
    #[error("{0:?} is an attribute of none of its profiles ([profile.attributes])")]
    Attribute(String),
}

impl InvalidGate {
    /// The key of `[[gate]]` that is to be changed.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::NoProfile | Self::Profile(_) => "profiles",
            Self::NoDomain | Self::Domain(_) => "domains",
            Self::Attribute(_) => "attributes",
        }
    }
}

/// Why a good certificate does not open a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It is of a profile that the gate does not name.
    OtherProfile,
    /// Its holder is of a domain that the gate does not name.
    OtherDomain,
}

/// A gate that was checked when the configuration was loaded.
#[derive(Clone, Debug)]
pub struct ProxyGate {
    /// What proxies call it.
    pub name: String,
    profiles: BTreeSet<String>,
    domains: Option<BTreeSet<Domain>>,
    attributes: BTreeSet<String>,
}

impl ProxyGate {
    /// Holds what is written against the profiles that there are.
    ///
    /// # Errors
    /// [`InvalidGate`].
    pub fn new(
        settings: ProxyGateSettings,
        profiles: &[CertificateProfile],
    ) -> Result<Self, InvalidGate> {
        if !is_configured_name(&settings.name) {
            return Err(InvalidGate::Name);
        }
        if settings.profiles.is_empty() {
            return Err(InvalidGate::NoProfile);
        }
        let mut named = Vec::with_capacity(settings.profiles.len());
        for name in &settings.profiles {
            let found = profiles.iter().find(|profile| profile.name == *name);
            named.push(found.ok_or_else(|| InvalidGate::Profile(name.clone()))?);
        }
        let domains = settings.domains;
        let domains = domains.map(|domains| read_domains(&domains, &named));
        Ok(Self {
            name: settings.name,
            domains: domains.transpose()?,
            attributes: read_attributes(&settings.attributes, &named)?,
            profiles: settings.profiles.into_iter().collect(),
        })
    }

    /// Whether it is closed to the holder of a good certificate of this profile, who is of this domain.
    #[must_use]
    pub fn is_closed_to(&self, profile: &str, domain: Option<&Domain>) -> Option<Closed> {
        if !self.profiles.contains(profile) {
            return Some(Closed::OtherProfile);
        }
        let domains = self.domains.as_ref()?;
        let is_named = domain.is_some_and(|domain| domains.contains(domain));
        (!is_named).then_some(Closed::OtherDomain)
    }

    /// Whether it returns the attribute of this name.
    #[must_use]
    pub fn returns(&self, attribute: &str) -> bool {
        self.attributes.contains(attribute)
    }
}

fn read_domains(
    written: &[String],
    profiles: &[&CertificateProfile],
) -> Result<BTreeSet<Domain>, InvalidGate> {
    if written.is_empty() {
        return Err(InvalidGate::NoDomain);
    }
    let read = |text: &String| {
        let domain = Domain::parse(text).ok();
        domain
            .filter(|domain| {
                let mut profiles = profiles.iter();
                profiles.any(|profile| profile.domains.contains(domain))
            })
            .ok_or_else(|| InvalidGate::Domain(text.clone()))
    };
    written.iter().map(read).collect()
}

fn read_attributes(
    written: &[String],
    profiles: &[&CertificateProfile],
) -> Result<BTreeSet<String>, InvalidGate> {
    let read = |name: &String| {
        let has = |profile: &&CertificateProfile| {
            let mut attributes = profile.attributes.iter();
            attributes.any(|(attribute, _)| attribute == name)
        };
        let known = profiles.iter().any(has);
        known
            .then(|| name.clone())
            .ok_or_else(|| InvalidGate::Attribute(name.clone()))
    };
    written.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]

    use super::*;
    use crate::model::profile::ProfileSettings;

    fn profiles() -> Vec<CertificateProfile> {
        let profile = |text: &str| {
            let common = "customer_id = 'C01example'\nissuer = 'issuing'\nallow = 'all_verified'\n";
            let settings: ProfileSettings = toml::from_str(&format!("{common}{text}")).unwrap();
            CertificateProfile::try_from(settings).unwrap()
        };
        vec![
            profile(
                "name = 'staff'\nscope = 'user'\ndomains = ['example.com', 'example.org']\nattributes = { Filter-Id = 'staff' }",
            ),
            profile("name = 'kiosk'\nscope = 'machine'\ndomains = ['example.com']"),
        ]
    }

    fn gate(text: &str) -> Result<ProxyGate, InvalidGate> {
        ProxyGate::new(toml::from_str(text).unwrap(), &profiles())
    }

    #[test]
    fn a_gate_is_open_to_what_it_names() {
        let domain = |text| Domain::parse(text).unwrap();
        let (com, org) = (domain("example.com"), domain("example.org"));
        let open = gate("name = 'intranet'\nprofiles = ['staff']\nattributes = ['Filter-Id']");
        let open = open.unwrap();
        assert_eq!(open.is_closed_to("staff", Some(&org)), None);
        assert_eq!(
            open.is_closed_to("kiosk", Some(&com)),
            Some(Closed::OtherProfile)
        );
        assert!(open.returns("Filter-Id") && !open.returns("Class"));
        let narrow = "name = 'intranet'\nprofiles = ['staff', 'kiosk']\ndomains = ['Example.com']";
        let narrow = gate(narrow).unwrap();
        assert_eq!(narrow.is_closed_to("kiosk", Some(&com)), None);
        for other in [Some(&org), None] {
            let closed = narrow.is_closed_to("staff", other);
            assert_eq!(closed, Some(Closed::OtherDomain));
        }
        assert!(!narrow.returns("Filter-Id"));
    }

    #[test]
    fn what_fits_no_profile_is_told() {
        let gate = |text: &str| gate(&format!("{text}\n")).unwrap_err();
        let of = |text: &str| gate(&format!("name = 'a'\nprofiles = ['kiosk']\n{text}"));
        assert_eq!(gate("name = 'A'\nprofiles = ['kiosk']"), InvalidGate::Name);
        assert_eq!(gate("name = 'a'\nprofiles = []"), InvalidGate::NoProfile);
        assert_eq!(
            gate("name = 'a'\nprofiles = ['staff', 'wifi']"),
            InvalidGate::Profile("wifi".to_owned())
        );
        assert_eq!(of("domains = []"), InvalidGate::NoDomain);
        for domain in ["example.org", "*", "example.com."] {
            let told = of(&format!("domains = ['{domain}']"));
            assert_eq!(told, InvalidGate::Domain(domain.to_owned()));
        }
        assert_eq!(
            of("attributes = ['Filter-Id']"),
            InvalidGate::Attribute("Filter-Id".to_owned())
        );
    }
}
