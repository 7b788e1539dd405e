//! A verdict as the database keeps it: text, and a tag that the database cannot make.
//!
//! After a crash the same bytes must reach an outcome without a second question to Google. Whoever
//! can write rows must not thereby name a device, nor move a genuine verdict to another attempt:
//! the tag is made with a key that is not in the database, over the text and the whole binding.

use serde::{Deserialize, Serialize};

use crate::attestation::verdict::VerifiedDevice;
use crate::model::attempt::{Binding, Presented};
use crate::model::facts::{Check, KeyTrustLevel};
use crate::model::identity::{CustomerId, DeviceId, Domain, Email, VerifiedIdentity};
use crate::secrets::{DeploymentKey, Purpose};

/// The shape of the text; grows when a field changes its meaning.
const VERSION: u32 = 1;

/// What is stored of a verdict. Holds a personal value (the e-mail), so it is no audit record.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedVerdict {
    /// Versioned JSON.
    pub json: String,
    /// HMAC-SHA-256 ([`Purpose::Verdict`]) over the JSON and the attempt's binding.
    pub tag: [u8; 32],
}

/// The stored verdict is not one that this deployment made for this attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForgedVerdict {
    /// The tag does not fit the text, the attempt's binding, or the deployment key.
    #[error("the stored verdict's tag is not ours: the row or the deployment key was changed")]
    Tag,
    /// The tag is ours; the text was written by another version of this program.
    #[error("the stored verdict is of a version that this program does not read")]
    Version,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum StoredIdentity {
    User {
        email: String,
    },
    Device {
        device_permanent_id: String,
        domain: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    identity: StoredIdentity,
    customer_id: Option<String>,
    virtual_device_id: Option<String>,
    device_enrollment_id: Option<String>,
    attested_device_id: Option<String>,
    key_trust_level: KeyTrustLevel,
    unverified_spkac: String,
    checks: Vec<Check>,
}

impl VerifiedDevice {
    /// The form in which a verdict is committed with the attempt that `binding` describes.
    #[must_use]
    pub fn seal(&self, binding: &Binding, key: &DeploymentKey) -> SealedVerdict {
        // The JSON of these plain fields cannot fail; if it did, `null` is refused when reopened.
        let json = serde_json::to_value(Stored::from(self))
            .unwrap_or_default()
            .to_string();
        let tag = key.tag(Purpose::Verdict, &tagged(&json, binding));
        SealedVerdict { json, tag }
    }
}

impl SealedVerdict {
    /// Makes the verdict of a stored row again, if `unverified_tag` says that we wrote that row for
    /// this very attempt.
    ///
    /// # Errors
    /// [`ForgedVerdict`].
    pub fn reopen(
        unverified_json: &str,
        unverified_tag: &[u8],
        binding: &Binding,
        key: &DeploymentKey,
    ) -> Result<VerifiedDevice, ForgedVerdict> {
        let message = tagged(unverified_json, binding);
        if !key.verify(Purpose::Verdict, &message, unverified_tag) {
            return Err(ForgedVerdict::Tag);
        }
        let stored: Stored =
            serde_json::from_str(unverified_json).map_err(|_| ForgedVerdict::Version)?;
        stored.restore().ok_or(ForgedVerdict::Version)
    }
}

/// Never the text: it holds an e-mail.
impl std::fmt::Debug for SealedVerdict {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SealedVerdict(..)")
    }
}

/// What the tag covers: each part after its length, so that no two bindings give the same octets.
fn tagged(json: &str, binding: &Binding) -> Vec<u8> {
    // Without `..`: a field added to the binding does not compile until it is covered here.
    let Binding {
        presented: Presented {
            challenge,
            response,
        },
        scope,
        profile,
        profile_hash,
        unverified_email,
        at,
    } = binding;
    let email = unverified_email.as_ref().map(Email::as_str);
    let parts: [&[u8]; 9] = [
        json.as_bytes(),
        &challenge.0,
        &response.0,
        scope.as_str().as_bytes(),
        profile.as_bytes(),
        &profile_hash.0,
        &[u8::from(email.is_some())],
        email.unwrap_or_default().as_bytes(),
        &at.0.to_be_bytes(),
    ];
    let mut message = Vec::new();
    for part in parts {
        message.extend((part.len() as u64).to_be_bytes());
        message.extend(part);
    }
    message
}

impl From<&VerifiedDevice> for Stored {
    fn from(device: &VerifiedDevice) -> Self {
        let id = |id: Option<&DeviceId>| id.map(|id| id.as_str().to_owned());
        let identity = match device.identity() {
            VerifiedIdentity::User { email } => StoredIdentity::User {
                email: email.as_str().to_owned(),
            },
            VerifiedIdentity::Device {
                device_permanent_id,
                domain,
            } => StoredIdentity::Device {
                device_permanent_id: device_permanent_id.as_str().to_owned(),
                domain: domain.as_str().to_owned(),
            },
        };
        Self {
            version: VERSION,
            identity,
            customer_id: device.customer_id().map(|id| id.as_str().to_owned()),
            virtual_device_id: id(device.virtual_device_id()),
            device_enrollment_id: id(device.device_enrollment_id()),
            attested_device_id: id(device.attested_device_id()),
            key_trust_level: device.key_trust_level(),
            unverified_spkac: device.unverified_spkac().to_owned(),
            checks: device.checks().to_vec(),
        }
    }
}

impl Stored {
    /// The names are checked again: the rules may have become stricter since they were stored.
    fn restore(self) -> Option<VerifiedDevice> {
        if self.version != VERSION {
            return None;
        }
        let id = |text: Option<String>| {
            let parsed = text.as_deref().map(DeviceId::parse);
            parsed.transpose().ok()
        };
        let identity = match self.identity {
            StoredIdentity::User { email } => VerifiedIdentity::User {
                email: Email::parse(&email).ok()?,
            },
            StoredIdentity::Device {
                device_permanent_id,
                domain,
            } => VerifiedIdentity::Device {
                device_permanent_id: DeviceId::parse(&device_permanent_id).ok()?,
                domain: Domain::parse(&domain).ok()?,
            },
        };
        let customer_id = self.customer_id.as_deref().map(CustomerId::parse);
        Some(VerifiedDevice {
            identity,
            customer_id: customer_id.transpose().ok()?,
            virtual_device_id: id(self.virtual_device_id)?,
            device_enrollment_id: id(self.device_enrollment_id)?,
            attested_device_id: id(self.attested_device_id)?,
            key_trust_level: self.key_trust_level,
            unverified_spkac: self.unverified_spkac,
            checks: self.checks,
        })
    }
}

#[cfg(test)]
mod tests;
