//! From an answer of Verified Access to a [`VerifiedDevice`], or a refusal. Pure.

mod judgement;
mod sealed;

pub use judgement::{UnverifiedAnswer, VerdictRefusal, judge};
pub use sealed::{ForgedVerdict, SealedVerdict};

use crate::model::facts::{Check, KeyTrustLevel};
use crate::model::identity::{CustomerId, DeviceId, VerifiedIdentity};

/// Evidence that Verified Access vouched for the expected identity. Only this module makes one:
/// from an answer, or from a stored verdict whose tag is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedDevice {
    identity: VerifiedIdentity,
    customer_id: Option<CustomerId>,
    virtual_device_id: Option<DeviceId>,
    device_enrollment_id: Option<DeviceId>,
    attested_device_id: Option<DeviceId>,
    key_trust_level: KeyTrustLevel,
    unverified_spkac: String,
    checks: Vec<Check>,
}

impl VerifiedDevice {
    /// Who was confirmed.
    #[must_use]
    pub fn identity(&self) -> &VerifiedIdentity {
        &self.identity
    }

    /// The managing customer; a user answer may lack it.
    #[must_use]
    pub fn customer_id(&self) -> Option<&CustomerId> {
        self.customer_id.as_ref()
    }

    /// Virtual device id, where the answer has one.
    #[must_use]
    pub fn virtual_device_id(&self) -> Option<&DeviceId> {
        self.virtual_device_id.as_ref()
    }

    /// ChromeOS enrollment id, where the answer has one.
    #[must_use]
    pub fn device_enrollment_id(&self) -> Option<&DeviceId> {
        self.device_enrollment_id.as_ref()
    }

    /// Attested device id, where the answer has one.
    #[must_use]
    pub fn attested_device_id(&self) -> Option<&DeviceId> {
        self.attested_device_id.as_ref()
    }

    /// Protection of the key and state of the system; judged by policy.
    #[must_use]
    pub fn key_trust_level(&self) -> KeyTrustLevel {
        self.key_trust_level
    }

    /// The certificate request as the answer holds it: base64 text, maybe empty; proven by `csr`.
    #[must_use]
    pub fn unverified_spkac(&self) -> &str {
        &self.unverified_spkac
    }

    /// What was checked to get here, in order.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }
}
