//! Where the lists are.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::enrichment::lists::list::{ListFile, ListKind};
use crate::model::profile::{Allow, CertificateProfile};

/// `[enrichment]`: where the lists are. See `docs/enrichment.md`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrichmentSettings {
    /// Columns `device_permanent_id` and any of `device_serial_number`, `asset_id`,
    /// `organizational_unit`. Whoever keeps the inventory writes it.
    pub devices_file: Option<PathBuf>,
    /// Columns `email` and any of `sid`, `organizational_unit`. Whoever keeps the directory writes
    /// it.
    pub users_file: Option<PathBuf>,
    /// Columns `device_id`, any identifier that Google gives, and `reason`. Whoever blocks writes it.
    pub blocked_devices_file: Option<PathBuf>,
    /// Columns `email` and `reason`. Whoever blocks writes it.
    pub blocked_users_file: Option<PathBuf>,
    /// Those that profiles name in `allow`.
    #[serde(skip)]
    pub allowed: Vec<ListFile>,
}

impl EnrichmentSettings {
    /// With the lists that the profiles name; relative paths start from `folder`.
    #[must_use]
    pub fn locate(mut self, folder: &Path, profiles: &[CertificateProfile]) -> Self {
        for path in [
            &mut self.devices_file,
            &mut self.users_file,
            &mut self.blocked_devices_file,
            &mut self.blocked_users_file,
        ] {
            *path = path.take().map(|path| folder.join(path));
        }
        for profile in profiles {
            self.add_allowed(&profile.allow, folder);
        }
        self
    }

    /// Adds the list of a profile, where it names one.
    pub(super) fn add_allowed(&mut self, allow: &Allow, folder: &Path) {
        let (kind, written) = match allow {
            Allow::DevicesFile(file) => (ListKind::AllowedDevices, file),
            Allow::EmailsFile(file) => (ListKind::AllowedUsers, file),
            _ => return,
        };
        let file = ListFile {
            kind,
            written: written.clone(),
            path: folder.join(written),
        };
        if !self.allowed.contains(&file) {
            self.allowed.push(file);
        }
    }

    /// What the lists are called where something is measured of them: name and kind.
    #[must_use]
    pub fn names(&self) -> Vec<(String, &'static str)> {
        let files = self.files().into_iter();
        files
            .map(|file| (file.to_string(), file.kind.as_str()))
            .collect()
    }

    /// Every list, in the order in which they are read: who gets nothing is known first.
    pub(in crate::enrichment) fn files(&self) -> Vec<ListFile> {
        let file = |kind, path: &Option<PathBuf>| {
            path.as_ref().map(|path| ListFile {
                kind,
                written: path.display().to_string(),
                path: path.clone(),
            })
        };
        let first = [
            file(ListKind::BlockedDevices, &self.blocked_devices_file),
            file(ListKind::BlockedUsers, &self.blocked_users_file),
        ];
        let last = [
            file(ListKind::Devices, &self.devices_file),
            file(ListKind::Users, &self.users_file),
        ];
        let allowed = self.allowed.iter().cloned();
        let first = first.into_iter().flatten();
        first
            .chain(allowed)
            .chain(last.into_iter().flatten())
            .collect()
    }
}
