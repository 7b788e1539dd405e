//! Forward authentication: may the holder of the certificate that a proxy was shown pass this gate?
//!
//! The proxy has ended the TLS connection, and so has seen the proof that the client holds the key. All
//! else is looked at here: the certificate is one of the record's, octet for octet; it leads to a root of
//! ours and is for clients; it is in force and not revoked, nor is its issuing CA; and it is of a
//! profile and a domain that the gate names.

use std::sync::Arc;
use std::time::Duration;

use crate::admission::{Resources, storage};
use crate::authorization::path::Paths;
use crate::authorization::profile_of;
use crate::ca::Authority;
use crate::clock::Timestamp;
use crate::memory::Memory;
use crate::model::certificate::IssuerId;
use crate::model::fingerprint::Fingerprint;
use crate::model::identity::{Domain, Email};
use crate::model::profile::CertificateProfile;
use crate::model::proxy_gate::{Closed, ProxyGate};
use crate::model::refusal::Refusal;
use crate::model::status::Status;
use crate::store::StoreError;
use crate::store::status::KnownCertificate;

/// For how long it is remembered whether an issuing CA was revoked: proxies may keep an answer as long.
const FRESH: Duration = Duration::from_secs(5);
/// For how long a certificate's row is remembered: a page is many requests of one client's.
const SAME_PAGE: Duration = Duration::from_secs(1);
/// How many rows are remembered, some 2 KiB each.
const ROWS: usize = 4096;
/// More issuing CAs than anybody has.
const ISSUERS: usize = 256;

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objection {
    /// The client showed no certificate.
    NoCertificate,
    /// It is none that this service issued to a user or device.
    Unknown,
    /// It begins later.
    NotYetValid,
    /// It came to its end.
    Expired,
    /// It was revoked, or its issuing CA was.
    Revoked,
    /// It is good, and of another profile than the gate wants.
    OtherProfile,
    /// It is good, and of another domain than the gate wants.
    OtherDomain,
}

impl Objection {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoCertificate => "no_certificate",
            Self::Unknown => "unknown",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::OtherProfile => "other_profile",
            Self::OtherDomain => "other_domain",
        }
    }
}

/// Who is let in, and what the gate says of them.
#[derive(Clone, Debug)]
pub struct LetIn {
    /// What is known of the certificate.
    pub certificate: Arc<KnownCertificate>,
    /// The attributes that the gate returns.
    pub attributes: Vec<(String, String)>,
}

/// Keeps the gates.
#[derive(Debug)]
pub struct Gatekeeper {
    resources: Arc<Resources>,
    gates: Vec<ProxyGate>,
    paths: Paths,
    rows: Memory<Fingerprint, Arc<KnownCertificate>>,
    /// Whether an issuing CA was revoked.
    revoked: Memory<IssuerId, bool>,
}

impl Gatekeeper {
    /// Of these gates; `issuers` are the issuing CAs, each with its root.
    pub fn new<'a>(
        resources: Arc<Resources>,
        gates: Vec<ProxyGate>,
        issuers: impl Iterator<Item = (&'a Authority, &'a Authority)>,
    ) -> Self {
        Self {
            resources,
            gates,
            paths: Paths::new(issuers),
            rows: Memory::new(SAME_PAGE, ROWS),
            revoked: Memory::new(FRESH, ISSUERS),
        }
    }

    /// The gate of this name.
    #[must_use]
    pub fn gate(&self, name: &str) -> Option<&ProxyGate> {
        self.gates.iter().find(|gate| gate.name == name)
    }

    /// Whether whoever showed `shown` is let in at the gate.
    ///
    /// # Errors
    /// [`Refusal`]: `storage_unavailable`.
    pub async fn ask(
        &self,
        gate: &ProxyGate,
        shown: Option<Fingerprint>,
    ) -> Result<Result<LetIn, Objection>, Refusal> {
        let answer = match shown {
            Some(fingerprint) => self.judge(gate, fingerprint).await,
            None => Ok(Err(Objection::NoCertificate)),
        };
        let answer = answer.map_err(|error| storage(&error))?;
        let outcome = answer
            .as_ref()
            .map_or_else(|why| why.as_str(), |_| "admitted");
        self.resources.metrics.gates.told(&gate.name, outcome);
        Ok(answer)
    }

    async fn judge(
        &self,
        gate: &ProxyGate,
        fingerprint: Fingerprint,
    ) -> Result<Result<LetIn, Objection>, StoreError> {
        let Some(known) = self.row(fingerprint).await? else {
            return Ok(Err(Objection::Unknown));
        };
        if let Some(objection) = self.objection(&known, fingerprint) {
            return Ok(Err(objection));
        }
        if self.is_revoked(&known.issuer).await? {
            return Ok(Err(Objection::Revoked));
        }
        Ok(self.admit(gate, known))
    }

    /// What the record says of the certificate, or said a moment ago.
    async fn row(
        &self,
        fingerprint: Fingerprint,
    ) -> Result<Option<Arc<KnownCertificate>>, StoreError> {
        let now = self.resources.clock.monotonic();
        if let Some(known) = self.rows.recall(&fingerprint, now) {
            return Ok(Some(known));
        }
        let store = &self.resources.store;
        let known = store.known_by_fingerprint(fingerprint).await?.map(Arc::new);
        // What nobody issued is not remembered: anybody can make much of it.
        if let Some(known) = &known {
            self.rows.keep(fingerprint, Arc::clone(known), now);
        }
        Ok(known)
    }

    /// What is wrong with the certificate, whatever the gate.
    fn objection(&self, known: &KnownCertificate, fingerprint: Fingerprint) -> Option<Objection> {
        let now = self.resources.clock.now();
        match Status::of(known.not_after, known.revocation, now) {
            Status::Revoked => return Some(Objection::Revoked),
            // A CA's own certificate, or one that nobody meant to sign, opens no door.
            _ if !known.issued_to_holder => return Some(Objection::Unknown),
            Status::Expired => return Some(Objection::Expired),
            Status::Unknown => return Some(Objection::Unknown),
            Status::Good => {}
        }
        if now < known.not_before {
            return Some(Objection::NotYetValid);
        }
        (!self.leads(known, fingerprint, now)).then_some(Objection::Unknown)
    }

    fn leads(&self, known: &KnownCertificate, fingerprint: Fingerprint, now: Timestamp) -> bool {
        let profile = profile_of(&self.resources, known);
        self.paths.leads(fingerprint, known, profile, now)
    }

    /// Whether the record says that this issuing CA was revoked. One whose certificate was made elsewhere,
    /// below a root of its owner's, does not stand there.
    async fn is_revoked(&self, id: &IssuerId) -> Result<bool, StoreError> {
        let now = self.resources.clock.monotonic();
        if let Some(is_revoked) = self.revoked.recall(id, now) {
            return Ok(is_revoked);
        }
        let Some(issuing) = self.paths.issuing(id) else {
            return Ok(false);
        };
        let fingerprint = Fingerprint::of(&issuing.der());
        let store = &self.resources.store;
        let known = store.known_by_fingerprint(fingerprint).await?;
        let is_revoked = known.is_some_and(|known| known.revocation.is_some());
        self.revoked.keep(id.clone(), is_revoked, now);
        Ok(is_revoked)
    }

    /// Holds a good certificate against the gate.
    fn admit(
        &self,
        gate: &ProxyGate,
        certificate: Arc<KnownCertificate>,
    ) -> Result<LetIn, Objection> {
        let profile = profile_of(&self.resources, &certificate);
        let domain = domain(&certificate, profile);
        match gate.is_closed_to(&certificate.profile, domain.as_ref()) {
            Some(Closed::OtherProfile) => return Err(Objection::OtherProfile),
            Some(Closed::OtherDomain) => return Err(Objection::OtherDomain),
            None => {}
        }
        let attributes = profile
            .into_iter()
            .flat_map(|profile| profile.attributes.iter());
        let returned = attributes.filter(|(name, _)| gate.returns(name));
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Ok(LetIn {
            attributes: returned.map(owned).collect(),
            certificate,
        })
    }
}

/// A user is of the domain in the e-mail, a device of the one that its profile asks Verified Access about.
fn domain(certificate: &KnownCertificate, profile: Option<&CertificateProfile>) -> Option<Domain> {
    match &certificate.email {
        Some(text) => {
            let email = Email::parse(text).ok()?;
            Domain::parse(email.domain()).ok()
        }
        None => profile?.first_domain().cloned(),
    }
}
