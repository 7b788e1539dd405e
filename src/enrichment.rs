//! What else is known? Facts for policy, from verified values and from what the organisation's own
//! lists say of them.

use crate::attestation::VerifiedDevice;
use crate::clock::Timestamp;
use crate::csr::ProvenKey;
use crate::model::facts::{FACTS_VERSION, Facts};
use crate::model::identity::{CustomerId, DeviceId, VerifiedIdentity};
use crate::model::listing::{AllowListing, BlockListing};
use crate::model::profile::CertificateProfile;

mod lists;
mod live;
pub mod webhook;

pub use lists::{
    EnrichmentSettings, HolderNames, InvalidList, ListFile, ListKind, ListProblem, ListReport,
    Lists, Place,
};
pub use live::LiveLists;

/// Longest value that is supplied, in characters: no inventory's number is longer, and it must fit a
/// name.
const VALUE_MAX: usize = 128;

/// Whether a value may be supplied at all; where it stands has rules of its own.
fn is_value(text: &str) -> bool {
    text.chars().count() <= VALUE_MAX && !text.chars().any(char::is_control)
}

/// What the organisation says of one verified identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Supplied {
    /// The manufacturer's number of a device.
    pub device_serial_number: Option<String>,
    /// The organisation's own number of a device.
    pub asset_id: Option<String>,
    /// Where a device or user stands in the organisation.
    pub organizational_unit: Option<String>,
    /// A user's account in an Active Directory.
    pub sid: Option<String>,
}

impl Supplied {
    /// What facts hold of it.
    #[must_use]
    pub fn of(facts: &Facts) -> Self {
        Self {
            device_serial_number: facts.device_serial_number.clone(),
            asset_id: facts.asset_id.clone(),
            organizational_unit: facts.organizational_unit.clone(),
            sid: facts.sid.clone(),
        }
    }

    /// This, and `other` where this says nothing.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            device_serial_number: self.device_serial_number.or(other.device_serial_number),
            asset_id: self.asset_id.or(other.asset_id),
            organizational_unit: self.organizational_unit.or(other.organizational_unit),
            sid: self.sid.or(other.sid),
        }
    }
}

/// What is known of an attempt besides the answer of Verified Access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circumstances {
    /// When it was bound.
    pub bound_at: Timestamp,
    /// What the organisation says of its identity.
    pub supplied: Supplied,
    /// How many good certificates of the profile the holder has, where a rule asks for it.
    pub live_certificates: Option<u32>,
    /// What the lists of blocked ones say of it, where there are any.
    pub blocked_by_list: Option<BlockListing>,
    /// What the list of the profile's `allow` says of it, where there is one.
    pub allowed_by_list: Option<AllowListing>,
}

impl Circumstances {
    /// What the lists say of whom Verified Access named; certificates are not counted here.
    #[must_use]
    pub fn listed(
        lists: &Lists,
        bound_at: Timestamp,
        device: &VerifiedDevice,
        profile: &CertificateProfile,
    ) -> Self {
        let names = HolderNames::of_device(device);
        Self {
            bound_at,
            supplied: lists.look_up(device.identity()),
            live_certificates: None,
            blocked_by_list: lists.blocking(names),
            allowed_by_list: lists.allowing(&profile.allow, names),
        }
    }

    /// Those that facts were made with; `None` for facts of a version that kept no time.
    #[must_use]
    pub fn of(facts: &Facts) -> Option<Self> {
        Some(Self {
            bound_at: facts.time?,
            supplied: Supplied::of(facts),
            live_certificates: facts.live_certificates,
            blocked_by_list: facts.blocked_by_list.clone(),
            allowed_by_list: facts.allowed_by_list.clone(),
        })
    }
}

/// The facts of one attempt. What a claim said and Verified Access did not confirm is not in them.
#[must_use]
pub fn gather(
    device: &VerifiedDevice,
    key: &ProvenKey,
    profile: &CertificateProfile,
    circumstances: Circumstances,
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
    let mut facts = Facts {
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
        time: Some(circumstances.bound_at),
        device_serial_number: None,
        asset_id: None,
        organizational_unit: None,
        sid: None,
        live_certificates: circumstances.live_certificates,
        blocked_by_list: circumstances.blocked_by_list,
        allowed_by_list: circumstances.allowed_by_list,
    };
    supply(&mut facts, circumstances.supplied);
    facts
}

/// Puts what the organisation says of an identity in place of what stood in its facts.
pub fn supply(facts: &mut Facts, supplied: Supplied) {
    facts.device_serial_number = supplied.device_serial_number;
    facts.asset_id = supplied.asset_id;
    facts.organizational_unit = supplied.organizational_unit;
    facts.sid = supplied.sid;
}
