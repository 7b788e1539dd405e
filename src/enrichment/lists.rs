//! The organisation's own lists, in CSV or JSON: what is known of devices and users, who is blocked,
//! and whom profiles allow. A value of [`Lists`] never changes; `live` replaces it as a whole.

use std::sync::Arc;

use crate::attestation::VerifiedDevice;
use crate::clock::Timestamp;
use crate::enrichment::Supplied;
use crate::model::facts::Facts;
use crate::model::identity::{DeviceId, VerifiedIdentity};
use crate::model::listing::{AllowListing, BlockListing};
use crate::model::profile::Allow;

mod csv_rows;
mod form;
mod json_rows;
mod list;
mod problem;
mod settings;
mod source;
mod table;

pub(in crate::enrichment) use list::List;
pub use list::{ListFile, ListKind};
pub use problem::{InvalidList, ListProblem, Place};
pub use settings::EnrichmentSettings;
pub(in crate::enrichment) use source::Stamp;
use table::Row;

/// Everything that Google called a holder, for the lists of blocked ones.
#[derive(Clone, Copy, Debug)]
pub struct HolderNames<'a> {
    email: Option<&'a str>,
    device_ids: [(&'static str, Option<&'a str>); 4],
}

impl<'a> HolderNames<'a> {
    /// Those of a verified identity.
    #[must_use]
    pub fn of_device(device: &'a VerifiedDevice) -> Self {
        let (email, permanent) = match device.identity() {
            VerifiedIdentity::User { email } => (Some(email.as_str()), None),
            VerifiedIdentity::Device {
                device_permanent_id,
                ..
            } => (None, Some(device_permanent_id)),
        };
        let ids = [
            permanent,
            device.virtual_device_id(),
            device.device_enrollment_id(),
            device.attested_device_id(),
        ];
        Self::new(email, ids.map(|id| id.map(DeviceId::as_str)))
    }

    /// Those that stand in facts.
    #[must_use]
    pub fn of_facts(facts: &'a Facts) -> Self {
        let ids = [
            facts.device_permanent_id.as_deref(),
            facts.virtual_device_id.as_deref(),
            facts.device_enrollment_id.as_deref(),
            facts.attested_device_id.as_deref(),
        ];
        Self::new(facts.email.as_deref(), ids)
    }

    fn new(email: Option<&'a str>, [permanent, of_user, enrollment, attested]: Ids<'a>) -> Self {
        Self {
            email,
            device_ids: [
                ("device_permanent_id", permanent),
                ("virtual_device_id", of_user),
                ("device_enrollment_id", enrollment),
                ("attested_device_id", attested),
            ],
        }
    }

    /// Those that a list may hold, each with its fact's name.
    fn in_list(self, of_users: bool) -> impl Iterator<Item = (&'static str, &'a str)> {
        let email = self
            .email
            .filter(|_| of_users)
            .map(|email| ("email", email));
        let ids = self.device_ids.into_iter().filter(move |_| !of_users);
        let ids = ids.filter_map(|(name, id)| Some((name, id?)));
        email.into_iter().chain(ids)
    }
}

type Ids<'a> = [Option<&'a str>; 4];

/// A list, and what keeps a newer one from its place.
#[derive(Clone, Debug)]
pub(in crate::enrichment) struct Held {
    pub(in crate::enrichment) list: Arc<List>,
    pub(in crate::enrichment) problem: Option<Arc<str>>,
}

/// Every list as it was at one moment.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    pub(in crate::enrichment) held: Vec<Held>,
}

/// What somebody who runs the service wants to know of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListReport {
    /// Which list it is.
    pub file: ListFile,
    /// How many rows are in force.
    pub rows: usize,
    /// SHA-256 of the file that they come from, in hexadecimal digits.
    pub digest: String,
    /// When that file was written.
    pub modified_at: Timestamp,
    /// How long ago that is, in seconds; 0 where the clocks disagree.
    pub age: i64,
    /// Why a newer file is not in force. Holds no value of the list, but may hold a path.
    pub problem: Option<Arc<str>>,
}

impl Lists {
    /// Reads every list that is configured; without one, nothing is known. Blocks.
    ///
    /// # Errors
    /// [`InvalidList`], for the first thing that is wrong.
    pub fn load(settings: &EnrichmentSettings) -> Result<Self, InvalidList> {
        let files = settings.files();
        let held = files.iter().map(|file| {
            let list = Arc::new(List::read(file)?);
            let problem = None;
            Ok(Held { list, problem })
        });
        let held = held.collect::<Result<_, InvalidList>>()?;
        Ok(Self { held })
    }

    /// What they say of this identity; nothing of one that stands in none.
    #[must_use]
    pub fn look_up(&self, identity: &VerifiedIdentity) -> Supplied {
        let (kind, key) = match identity {
            VerifiedIdentity::User { email } => (ListKind::Users, email.as_str()),
            VerifiedIdentity::Device {
                device_permanent_id,
                ..
            } => (ListKind::Devices, device_permanent_id.as_str()),
        };
        let Some(row) = self.of(kind).next().and_then(|list| list.row(key)) else {
            return Supplied::default();
        };
        let cell = |column| row.cell(column).map(str::to_owned);
        Supplied {
            device_serial_number: cell("device_serial_number"),
            asset_id: cell("asset_id"),
            organizational_unit: cell("organizational_unit"),
            sid: cell("sid"),
        }
    }

    /// Whether any of the holder's names is blocked; `None` where no list says who is.
    #[must_use]
    pub fn blocking(&self, names: HolderNames<'_>) -> Option<BlockListing> {
        let mut lists = Vec::new();
        let mut found: Option<(&str, Row<'_>)> = None;
        for kind in [ListKind::BlockedUsers, ListKind::BlockedDevices] {
            for list in self.of(kind) {
                lists.push(format!("{} {}", kind.as_str(), list.short_digest()));
                let mut names = names.in_list(kind.is_of_users());
                let blocked = names.find_map(|(name, value)| Some((name, list.row(value)?)));
                found = found.or(blocked);
            }
        }
        let reason = found.and_then(|(_, row)| row.cell("reason"));
        (!lists.is_empty()).then(|| BlockListing {
            lists: lists.join(", "),
            found: found.map(|(name, _)| name.to_owned()),
            reason: reason.map(str::to_owned),
        })
    }

    /// Whether a profile's list allows the holder; `None` where the profile names none.
    #[must_use]
    pub fn allowing(&self, allow: &Allow, names: HolderNames<'_>) -> Option<AllowListing> {
        let (kind, written) = match allow {
            Allow::DevicesFile(file) => (ListKind::AllowedDevices, file),
            Allow::EmailsFile(file) => (ListKind::AllowedUsers, file),
            _ => return None,
        };
        let list = self.of(kind).find(|list| list.file.written == *written)?;
        // A device is allowed by one name, of all that it has: the one that its certificate says.
        let [(_, permanent), ..] = names.device_ids;
        let key = names.email.or(permanent);
        Some(AllowListing {
            file: written.clone(),
            digest: list.short_digest(),
            listed: key.is_some_and(|key| list.row(key).is_some()),
        })
    }

    /// What each list says of a name, an e-mail or an identifier of a device, column by column.
    #[must_use]
    pub fn find(&self, name: &str) -> Vec<(&ListFile, Vec<(&'static str, &str)>)> {
        let found = self.held.iter().filter_map(|held| {
            let row = held.list.row(name)?;
            Some((&held.list.file, row.cells().collect()))
        });
        found.collect()
    }

    /// The state of every list at `now`.
    #[must_use]
    pub fn reports(&self, now: Timestamp) -> Vec<ListReport> {
        let report = |held: &Held| ListReport {
            file: held.list.file.clone(),
            rows: held.list.rows(),
            digest: held.list.digest(),
            modified_at: held.list.stamp().modified_at(),
            age: held.list.age(now),
            problem: held.problem.clone(),
        };
        self.held.iter().map(report).collect()
    }

    fn of(&self, kind: ListKind) -> impl Iterator<Item = &List> {
        let lists = self.held.iter().map(|held| held.list.as_ref());
        lists.filter(move |list| list.file.kind == kind)
    }
}

#[cfg(test)]
mod tests;
