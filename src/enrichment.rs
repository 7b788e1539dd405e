//! What else is known? Facts for policy, from verified values alone.

use crate::attestation::VerifiedDevice;
use crate::clock::Timestamp;
use crate::csr::ProvenKey;
use crate::model::facts::{FACTS_VERSION, Facts};
use crate::model::identity::{CustomerId, DeviceId, VerifiedIdentity};
use crate::model::profile::CertificateProfile;

/// The facts of one attempt, bound at `bound_at`. What a claim said and Verified Access did not confirm
/// is not in them.
#[must_use]
pub fn gather(
    device: &VerifiedDevice,
    key: &ProvenKey,
    profile: &CertificateProfile,
    bound_at: Timestamp,
) -> Facts {
    let id = |id: Option<&DeviceId>| id.map(|id| id.as_str().to_owned());
    let (email, domain, device_permanent_id) = match device.identity() {
        VerifiedIdentity::User { email } => (
            Some(email.as_str().to_owned()),
            email.domain().to_owned(),
            None,
        ),
        VerifiedIdentity::Device {
            device_permanent_id,
            domain,
        } => (None, domain.as_str().to_owned(), Some(device_permanent_id)),
    };
    Facts {
        version: FACTS_VERSION,
        profile: profile.name.clone(),
        scope: device.identity().scope(),
        email,
        domain,
        customer_id: device
            .customer_id()
            .map(CustomerId::as_str)
            .map(str::to_owned),
        device_permanent_id: id(device_permanent_id),
        virtual_device_id: id(device.virtual_device_id()),
        device_enrollment_id: id(device.device_enrollment_id()),
        attested_device_id: id(device.attested_device_id()),
        key_trust_level: device.key_trust_level(),
        key_algorithm: key.algorithm(),
        time: Some(bound_at),
    }
}
