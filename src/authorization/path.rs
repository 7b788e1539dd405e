//! Whether a row of the record tells of a certificate that a CA of ours signed, and tells what stands in
//! it. That something stands in the record proves nothing: whoever can write rows there must not make
//! certificates by it, nor become somebody else with one of their own.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashlink::LruCache;

use crate::ca::Authority;
use crate::ca::claims::Claims;
use crate::ca::reread::{self, RereadError};
use crate::clock::Timestamp;
use crate::model::certificate::IssuerId;
use crate::model::digest::sha256;
use crate::model::fingerprint::Fingerprint;
use crate::model::identity::{Domain, KeyScope, local_part};
use crate::model::name_template::{NameTemplate, Part, Variable};
use crate::model::profile::CertificateProfile;
use crate::store::status::KnownCertificate;

/// How many rows are remembered that were found to be true, those that are asked about the most: a
/// signature that was verified once is verified for ever, and costs more than all the rest of an
/// answer.
const REMEMBERED: usize = 100_000;

/// An issuing CA below its root.
#[derive(Debug)]
struct Issuing {
    id: IssuerId,
    issuing: Authority,
    root: Authority,
}

/// Why a row is not believed.
#[derive(Debug, thiserror::Error)]
enum Untrue {
    #[error("its issuer is none of ours, or not in force")]
    Issuer,
    #[error("there is no certificate")]
    Absent,
    #[error("{0}")]
    Path(#[from] RereadError),
    #[error("it is no certificate: {0}")]
    Encoding(#[from] der::Error),
    #[error("{0} is not what the certificate says")]
    Differs(&'static str),
}

/// The issuing CAs, and which rows were found to be true.
pub(super) struct Paths {
    issuers: Vec<Issuing>,
    /// By the certificate: the digest of what its row said.
    true_rows: Mutex<LruCache<Fingerprint, [u8; 32]>>,
}

impl Paths {
    /// Of issuing CAs, each with its root.
    pub(super) fn new<'a>(issuers: impl Iterator<Item = (&'a Authority, &'a Authority)>) -> Self {
        let issuers = issuers.map(|(issuing, root)| Issuing {
            id: issuing.issuer_id(),
            issuing: issuing.clone(),
            root: root.clone(),
        });
        Self {
            issuers: issuers.collect(),
            true_rows: Mutex::new(LruCache::new(REMEMBERED)),
        }
    }

    /// The certificate of this issuing CA, where it is one of ours.
    pub(super) fn issuing(&self, id: &IssuerId) -> Option<&Authority> {
        self.find(id).map(|issuer| &issuer.issuing)
    }

    fn find(&self, id: &IssuerId) -> Option<&Issuing> {
        self.issuers.iter().find(|issuer| issuer.id == *id)
    }

    /// Whether the certificate with this SHA-256, whose row this is, leads through the issuing CA that the
    /// row names to its root, for client authentication, and says what the row says. `profile` is
    /// the one that the row names, where it is still configured. The dates of the CAs are looked at
    /// each time, and those of the certificate against the row's, once.
    pub(super) fn leads(
        &self,
        fingerprint: Fingerprint,
        known: &KnownCertificate,
        profile: Option<&CertificateProfile>,
        now: Timestamp,
    ) -> bool {
        let said = digest(known);
        let found = self
            .find(&known.issuer)
            .filter(|issuer| issuer.is_in_force(now));
        if found.is_some() && self.true_rows().get(&fingerprint) == Some(&said) {
            return true;
        }
        if let Err(error) = found.ok_or(Untrue::Issuer).and_then(|issuer| {
            issuer.verify(known, now)?;
            agree(known, profile)
        }) {
            tracing::error!(%fingerprint, %error,
                "a row of the record does not tell of its certificate: who wrote it?");
            return false;
        }
        self.true_rows().insert(fingerprint, said);
        true
    }

    fn true_rows(&self) -> MutexGuard<'_, LruCache<Fingerprint, [u8; 32]>> {
        let rows = self.true_rows.lock();
        rows.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Issuing {
    fn is_in_force(&self, now: Timestamp) -> bool {
        let in_force = |ca: &Authority| ca.not_before() <= now && now <= ca.not_after();
        in_force(&self.issuing) && in_force(&self.root)
    }

    fn verify(&self, known: &KnownCertificate, now: Timestamp) -> Result<(), Untrue> {
        let der = known.der.as_deref().ok_or(Untrue::Absent)?;
        Ok(reread::client_path(der, &self.issuing, &self.root, now)?)
    }
}

/// Holds a row against the certificate in it.
fn agree(known: &KnownCertificate, profile: Option<&CertificateProfile>) -> Result<(), Untrue> {
    let claims = Claims::of(known.der.as_deref().ok_or(Untrue::Absent)?)?;
    let (is_users, is_devices) = match profile.map(|profile| profile.scope) {
        Some(KeyScope::User) => (true, false),
        Some(KeyScope::Machine) => (false, true),
        None => (known.email.is_some(), known.email.is_none()),
    };
    let names_its_holder = profile.is_none_or(|profile| names_holder(&claims, known, profile));
    let has_policy = profile.is_none_or(|profile| has_policy(&claims, profile));
    for (what, agrees) in [
        ("the serial number", claims.serial == Some(known.serial)),
        ("the beginning", claims.not_before == known.not_before),
        ("the end", claims.not_after == known.not_after),
        (
            "the scope",
            (claims.is_users, claims.is_devices) == (is_users, is_devices)
                && known.email.is_some() == is_users,
        ),
        ("the holder", names_its_holder),
        ("the profile", has_policy),
    ] {
        if !agrees {
            return Err(Untrue::Differs(what));
        }
    }
    Ok(())
}

/// Whether one of the names by which the profile names a holder stands in the certificate for the
/// row's. A profile may have had fewer names, or others, when the certificate was issued.
fn names_holder(claims: &Claims, known: &KnownCertificate, profile: &CertificateProfile) -> bool {
    let subject = profile.certificate.subject().iter();
    let alternative = profile.certificate.alternative().iter();
    let templates = subject
        .map(|(_, template)| template)
        .chain(alternative.map(|(_, template)| template));
    let domain = profile.first_domain().map(Domain::as_str);
    let names: Vec<_> = templates
        .filter_map(|template| name_of(template, known, domain))
        .collect();
    names.is_empty() || names.iter().any(|name| claims.names.contains(name))
}

/// The name that a template gives the row's holder; `None` where it names no holder, or needs what a row
/// does not hold.
fn name_of(
    template: &NameTemplate,
    known: &KnownCertificate,
    device_domain: Option<&str>,
) -> Option<String> {
    let email = known.email.as_deref();
    let (mut name, mut names_holder) = (String::new(), false);
    for part in template.parts() {
        let value = match part {
            Part::Text(text) => {
                name.push_str(text);
                continue;
            }
            Part::Value(Variable::Email) => email?,
            Part::Value(Variable::LocalPart) => email.map(local_part)?,
            Part::Value(Variable::DevicePermanentId) => known.device_permanent_id.as_deref()?,
            Part::Value(Variable::Domain) => {
                let of_user = email.and_then(|email| email.split_once('@'));
                name.push_str(of_user.map(|(_, domain)| domain).or(device_domain)?);
                continue;
            }
            Part::Value(_) => return None,
        };
        name.push_str(value);
        names_holder = true;
    }
    names_holder.then_some(name)
}

/// Whether the certificate has a policy of the profile's, where there are any.
fn has_policy(claims: &Claims, profile: &CertificateProfile) -> bool {
    let policies = &profile.certificate.policies;
    policies.is_empty()
        || policies
            .iter()
            .any(|policy| claims.policies.contains(policy))
}

/// Of what a row says and answers rest on.
fn digest(known: &KnownCertificate) -> [u8; 32] {
    let absent = "\0";
    let dates = format!("{} {}", known.not_before.0, known.not_after.0);
    let serial = known.serial.to_string();
    let said = [
        known.issuer.as_str(),
        &serial,
        &dates,
        &known.profile,
        known.email.as_deref().unwrap_or(absent),
        known.device_permanent_id.as_deref().unwrap_or(absent),
    ];
    // No two lists have the same octets: the length stands before each text.
    let octets = said.iter().flat_map(|text| {
        let length = text.len().to_be_bytes();
        length.into_iter().chain(text.bytes())
    });
    sha256(&octets.collect::<Vec<_>>())
}

impl fmt::Debug for Paths {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut paths = formatter.debug_struct("Paths");
        paths
            .field("issuers", &self.issuers)
            .finish_non_exhaustive()
    }
}
