//! Which certificates: by what, and what narrows it.

use crate::clock::Timestamp;
use crate::model::certificate::IssuerId;
use crate::model::identity::{DeviceId, Email};
use crate::model::serial::SerialNumber;
use crate::store::selection::{Selected, Within};

/// By what certificates are chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// These, each by its number and, where two issuers could have it, its issuer.
    Serials(Vec<(Option<IssuerId>, SerialNumber)>),
    /// A device's, by any id that Google gave it, and those of its users that Google linked to it.
    Device(DeviceId),
    /// A user's, on every device.
    Email(Email),
    /// All that the filter leaves.
    All,
}

/// What narrows a choice; all of it must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this profile.
    pub profile: Option<String>,
    /// Of this issuer.
    pub issuer: Option<IssuerId>,
    /// Issued then or later.
    pub issued_from: Option<Timestamp>,
    /// Issued then or earlier.
    pub issued_until: Option<Timestamp>,
}

impl Filter {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The same, for the record to look for.
    pub(super) fn within(&self) -> Within<'_> {
        Within {
            profile: self.profile.as_deref(),
            issuer: self.issuer.as_ref().map(IssuerId::as_str),
            from: self.issued_from.unwrap_or(Timestamp(i64::MIN)),
            until: self.issued_until.unwrap_or(Timestamp(i64::MAX)),
        }
    }

    pub(super) fn admits(&self, certificate: &Selected) -> bool {
        let is = |wanted: Option<&str>, seen: &str| wanted.is_none_or(|wanted| wanted == seen);
        is(self.profile.as_deref(), &certificate.profile)
            && is(
                self.issuer.as_ref().map(IssuerId::as_str),
                certificate.issuer.as_str(),
            )
            && self
                .issued_from
                .is_none_or(|from| certificate.issued_at >= from)
            && self
                .issued_until
                .is_none_or(|until| certificate.issued_at <= until)
    }
}

/// What cannot be selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSelection {
    /// Nothing named.
    #[error(
        "say which certificates: by number, device, e-mail, profile, issuer or when they were issued"
    )]
    Nothing,
    /// Two ways to choose.
    #[error("choose by numbers, by a device or by an e-mail: one of them")]
    Several,
    /// The other way round.
    #[error("the time until which they were issued lies before the time from which")]
    Times,
}

/// A choice of certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// By what.
    pub target: Target,
    /// Narrowed by this.
    pub filter: Filter,
}

impl Selection {
    /// One way to choose, and what narrows it. Everything at once must at least be named by something.
    ///
    /// # Errors
    /// [`InvalidSelection`].
    pub fn new(
        serials: Vec<(Option<IssuerId>, SerialNumber)>,
        device: Option<DeviceId>,
        email: Option<Email>,
        filter: Filter,
    ) -> Result<Self, InvalidSelection> {
        if let (Some(from), Some(until)) = (filter.issued_from, filter.issued_until)
            && until < from
        {
            return Err(InvalidSelection::Times);
        }
        let target = match (serials.is_empty(), device, email) {
            (false, None, None) => Target::Serials(serials),
            (true, Some(device), None) => Target::Device(device),
            (true, None, Some(email)) => Target::Email(email),
            (true, None, None) if filter.is_empty() => return Err(InvalidSelection::Nothing),
            (true, None, None) => Target::All,
            _ => return Err(InvalidSelection::Several),
        };
        Ok(Self { target, filter })
    }
}
