//! Changes to a finished answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{Fault, Script};
use crate::attestation::VerifiedAccessFlow;
use crate::protocol::{KeyTrustLevel, VerifyChallengeResponseResult};

/// A customer that no emulated device belongs to.
const OTHER_CUSTOMER: &str = "C0stranger";

/// The fields of a result, by their names in the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(
    missing_docs,
    reason = "the reference of Verified Access v2 describes them"
)]
pub enum Field {
    DevicePermanentId,
    VirtualDeviceId,
    CustomerId,
    SignedPublicKeyAndChallenge,
    DeviceSignal,
    KeyTrustLevel,
    ProfileCustomerId,
    VirtualProfileId,
    ProfileKeyTrustLevel,
    AttestedDeviceId,
    DeviceEnrollmentId,
    ProfilePermanentId,
}

impl Field {
    fn set(self, result: &mut VerifyChallengeResponseResult, value: &str) {
        let text = match self {
            Self::KeyTrustLevel => {
                result.key_trust_level = level(value);
                return;
            }
            Self::ProfileKeyTrustLevel => {
                result.profile_key_trust_level = level(value);
                return;
            }
            Self::DevicePermanentId => &mut result.device_permanent_id,
            Self::VirtualDeviceId => &mut result.virtual_device_id,
            Self::CustomerId => &mut result.customer_id,
            Self::SignedPublicKeyAndChallenge => &mut result.signed_public_key_and_challenge,
            Self::DeviceSignal => &mut result.device_signal,
            Self::ProfileCustomerId => &mut result.profile_customer_id,
            Self::VirtualProfileId => &mut result.virtual_profile_id,
            Self::AttestedDeviceId => &mut result.attested_device_id,
            Self::DeviceEnrollmentId => &mut result.device_enrollment_id,
            Self::ProfilePermanentId => &mut result.profile_permanent_id,
        };
        value.clone_into(text);
    }
}

/// The number of a level given by name or number; what is neither is unspecified.
fn level(value: &str) -> i32 {
    KeyTrustLevel::from_str_name(value)
        .map_or_else(|| value.parse().unwrap_or_default(), |level| level as i32)
}

impl Script {
    /// Applies, in order, every fault that concerns the content of an answer.
    pub(crate) fn alter(
        &self,
        flow: VerifiedAccessFlow,
        result: &mut VerifyChallengeResponseResult,
    ) {
        for fault in self.faults() {
            alter(fault, flow, result);
        }
    }
}

fn alter(fault: &Fault, flow: VerifiedAccessFlow, result: &mut VerifyChallengeResponseResult) {
    let is_user = flow == VerifiedAccessFlow::EnterpriseUser;
    match fault {
        Fault::DeveloperMode => {
            result.key_trust_level = KeyTrustLevel::ChromeOsDeveloperMode as i32;
        }
        Fault::KeyTrustLevel(name) => result.key_trust_level = level(name),
        Fault::OtherCustomer => Field::CustomerId.set(result, OTHER_CUSTOMER),
        Fault::AbsentCustomer => result.customer_id.clear(),
        Fault::AbsentDeviceId => result.device_permanent_id.clear(),
        Fault::UserWithDeviceId if is_user => {
            Field::DevicePermanentId.set(result, "00000000-0000-4000-a000-000000000001");
        }
        Fault::UserWithEnrollmentId if is_user => {
            Field::DeviceEnrollmentId.set(result, &"e1".repeat(32));
        }
        Fault::WithProfile => add_profile(result),
        Fault::ProfileAnswer => {
            *result = VerifyChallengeResponseResult::default();
            add_profile(result);
        }
        Fault::Spkac(der) => result.signed_public_key_and_challenge = STANDARD.encode(der),
        Fault::Tampered => tamper(&mut result.signed_public_key_and_challenge),
        Fault::Set { field, value } => field.set(result, value),
        _ => {}
    }
}

fn add_profile(result: &mut VerifyChallengeResponseResult) {
    result.profile_customer_id = OTHER_CUSTOMER.to_owned();
    result.virtual_profile_id = "00000000-0000-4000-a000-000000000002".to_owned();
    result.profile_permanent_id = "00000000-0000-4000-a000-000000000003".to_owned();
    result.profile_key_trust_level = KeyTrustLevel::ChromeBrowserHwKey as i32;
}

/// Flips the last bit of an SPKAC: the end of its signature.
fn tamper(spkac: &mut String) {
    if let Ok(mut der) = STANDARD.decode(&spkac)
        && let Some(last) = der.last_mut()
    {
        *last ^= 1;
        *spkac = STANDARD.encode(der);
    }
}
