//! What the rows of each kind of list say.

use crate::enrichment::is_value;
use crate::enrichment::lists::problem::{ListProblem, Place};
use crate::model::identity::{DeviceId, Email};
use crate::model::sid::Sid;

/// The column of a user's account in an Active Directory.
const SID: &str = "sid";

/// The columns of a kind of list.
#[derive(Debug)]
pub(super) struct Form {
    /// Whom a row is about; it must be there.
    pub(super) key: &'static str,
    /// What it may say.
    pub(super) others: &'static [&'static str],
    /// Columns whose values belong to one row each, whatever their case: two devices of one number would
    /// have one name.
    pub(super) unique: &'static [&'static str],
    /// The key in the form in which facts hold it, or what it should have been.
    read_key: fn(&str) -> Result<String, &'static str>,
}

pub(super) static DEVICES: Form = Form {
    key: "device_permanent_id",
    others: &["device_serial_number", "asset_id", "organizational_unit"],
    unique: &["device_serial_number", "asset_id"],
    read_key: |text| device(text, "Directory API device id"),
};

pub(super) static USERS: Form = Form {
    key: "email",
    others: &[SID, "organizational_unit"],
    unique: &[SID],
    read_key: email,
};

pub(super) static BLOCKED_DEVICES: Form = Form {
    key: "device_id",
    others: &["reason"],
    unique: &[],
    read_key: |text| device(text, "identifier that Google gives a device"),
};

pub(super) static BLOCKED_USERS: Form = Form {
    key: "email",
    others: &["reason"],
    unique: &[],
    read_key: email,
};

fn device(text: &str, kind: &'static str) -> Result<String, &'static str> {
    let id = DeviceId::parse(text).map_err(|_| kind)?;
    Ok(id.as_str().to_owned())
}

fn email(text: &str) -> Result<String, &'static str> {
    let email = Email::parse(text).map_err(|_| "e-mail address")?;
    Ok(email.as_str().to_owned())
}

impl Form {
    /// The key, then the others.
    pub(super) fn columns(&self) -> impl Iterator<Item = &'static str> + '_ {
        std::iter::once(self.key).chain(self.others.iter().copied())
    }

    /// Where a column of this name stands among them.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.columns().position(|column| column == name)
    }

    /// The columns that may be there besides, for a message.
    pub(super) fn others(&self) -> String {
        self.others.join(", ")
    }

    /// A key as look-ups write it.
    pub(super) fn read_key(&self, text: &str, place: Place) -> Result<String, ListProblem> {
        check_text(text, self.key, place)?;
        (self.read_key)(text).map_err(|kind| ListProblem::Key {
            place,
            column: self.key,
            kind,
        })
    }
}

/// Refuses what no certificate could hold, in any column but the key's.
pub(super) fn check(text: &str, column: &'static str, place: Place) -> Result<(), ListProblem> {
    check_text(text, column, place)?;
    if column == SID && !text.is_empty() {
        Sid::parse(text).map_err(|source| ListProblem::Sid { place, source })?;
    }
    Ok(())
}

fn check_text(text: &str, column: &'static str, place: Place) -> Result<(), ListProblem> {
    // A row is kept as text between control characters, so none may stand in a value.
    is_value(text)
        .then_some(())
        .ok_or(ListProblem::Value { place, column })
}
