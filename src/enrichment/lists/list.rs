//! One list: which file it is, and what was in it.

use std::fmt;
use std::path::PathBuf;

use crate::clock::Timestamp;
use crate::enrichment::lists::form::{BLOCKED_DEVICES, BLOCKED_USERS, DEVICES, Form, USERS};
use crate::enrichment::lists::problem::{InvalidList, ListProblem};
use crate::enrichment::lists::source::{Source, Stamp};
use crate::enrichment::lists::table::{Row, Table};
use crate::enrichment::lists::{csv_rows, json_rows};
use crate::model::serial::hex;

/// Digits of a file's SHA-256 that stand in facts and checks.
const DIGEST_DIGITS: usize = 12;

/// What a list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// Devices that get nothing.
    BlockedDevices,
    /// Users who get nothing.
    BlockedUsers,
    /// The devices of a profile's `allow`.
    AllowedDevices,
    /// The users of a profile's `allow`.
    AllowedUsers,
    /// What is known of devices.
    Devices,
    /// What is known of users.
    Users,
}

impl ListKind {
    /// The stable word, such as `blocked_users`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BlockedDevices => "blocked_devices",
            Self::BlockedUsers => "blocked_users",
            Self::AllowedDevices => "allowed_devices",
            Self::AllowedUsers => "allowed_users",
            Self::Devices => "devices",
            Self::Users => "users",
        }
    }

    /// Whether its rows are about users, else about devices.
    #[must_use]
    pub fn is_of_users(self) -> bool {
        matches!(self, Self::BlockedUsers | Self::AllowedUsers | Self::Users)
    }

    fn form(self) -> &'static Form {
        match self {
            Self::BlockedDevices => &BLOCKED_DEVICES,
            Self::BlockedUsers => &BLOCKED_USERS,
            // The same columns, so that an inventory can be both.
            Self::AllowedDevices | Self::Devices => &DEVICES,
            Self::AllowedUsers | Self::Users => &USERS,
        }
    }
}

/// A list that the configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListFile {
    /// What it is for.
    pub kind: ListKind,
    /// The file, as the configuration names it.
    pub written: String,
    /// The same, from the working directory.
    pub path: PathBuf,
}

/// Of a metric or a check: the kind; of the lists of which there may be several, the file too.
impl fmt::Display for ListFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.kind.as_str())?;
        match self.kind {
            ListKind::AllowedDevices | ListKind::AllowedUsers => {
                write!(formatter, ":{}", self.written)
            }
            _ => Ok(()),
        }
    }
}

/// A list that was read.
#[derive(Debug)]
pub(in crate::enrichment) struct List {
    pub(in crate::enrichment) file: ListFile,
    stamp: Stamp,
    digest: [u8; 32],
    table: Table,
}

impl List {
    /// Reads the file: blocks.
    ///
    /// # Errors
    /// [`InvalidList`].
    pub(in crate::enrichment) fn read(file: &ListFile) -> Result<Self, InvalidList> {
        Self::load(file).map_err(|problem| InvalidList {
            path: file.path.clone(),
            problem,
        })
    }

    fn load(file: &ListFile) -> Result<Self, ListProblem> {
        let (source, stamp) = Source::open(&file.path)?;
        let json = file.path.extension();
        let json = json.is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let form = file.kind.form();
        let read = if json {
            json_rows::read(source, stamp.len(), form)
        } else {
            csv_rows::read(source, stamp.len(), form)
        };
        // Said first: what else is wrong may be wrong only because somebody is in the middle of it.
        if Stamp::at(&file.path)? != stamp {
            return Err(ListProblem::Changed);
        }
        let (table, whole) = read?;
        Ok(Self {
            file: file.clone(),
            stamp,
            digest: whole.digest,
            table,
        })
    }

    pub(super) fn row(&self, key: &str) -> Option<Row<'_>> {
        self.table.row(key)
    }

    pub(in crate::enrichment) fn rows(&self) -> usize {
        self.table.rows()
    }

    pub(in crate::enrichment) fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// SHA-256 of the file, in hexadecimal digits.
    pub(in crate::enrichment) fn digest(&self) -> String {
        hex(&self.digest)
    }

    /// As many of them as tell versions of one list apart.
    pub(in crate::enrichment) fn short_digest(&self) -> String {
        let mut digest = self.digest();
        digest.truncate(DIGEST_DIGITS);
        digest
    }

    /// How old what it says is, in seconds: since its file was written.
    pub(in crate::enrichment) fn age(&self, now: Timestamp) -> i64 {
        now.since(self.stamp.modified_at()).max(0)
    }
}
