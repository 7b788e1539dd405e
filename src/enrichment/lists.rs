//! The organisation's own lists: devices and users, in CSV, read when the service starts.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::enrichment::{Supplied, VALUE_MAX, is_value};
use crate::model::identity::{DeviceId, Email, VerifiedIdentity};
use crate::model::sid::{InvalidSid, Sid};

/// `[enrichment]`: where the lists are. See `docs/configuration.md`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrichmentSettings {
    /// Columns `device_permanent_id` and any of `device_serial_number`, `asset_id`,
    /// `organizational_unit`. Whoever keeps the inventory writes it.
    pub devices_file: Option<PathBuf>,
    /// Columns `email` and any of `sid`, `organizational_unit`. Whoever keeps the directory writes
    /// it.
    pub users_file: Option<PathBuf>,
}

/// Why a list does not load; each message says where and what to change.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct InvalidList {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: ListProblem,
}

/// What is wrong with a list. It never shows a value: a list may hold what nobody may read.
#[derive(Debug, thiserror::Error)]
pub enum ListProblem {
    /// It cannot be read, is not UTF-8, or a row is shorter or longer than the head.
    #[error(transparent)]
    Csv(#[from] csv::Error),
    /// The head is not one that we know.
    #[error("the first line names the columns: {key}, and any of {others}; each once")]
    Head {
        /// The column that must be there.
        key: &'static str,
        /// Those that may be there.
        others: String,
    },
    /// A row names nobody.
    #[error("line {line}: {column} is no {kind}")]
    Key {
        /// Counted from 1.
        line: u64,
        /// Which column.
        column: &'static str,
        /// What it should be.
        kind: &'static str,
    },
    /// A value that no certificate could hold, or that is no SID.
    #[error(
        "line {line}: {column} is longer than {VALUE_MAX} characters or holds control characters"
    )]
    Value {
        /// Counted from 1.
        line: u64,
        /// Which column.
        column: &'static str,
    },
    /// Not an account's SID.
    #[error("line {line}: sid: {source}")]
    Sid {
        /// Counted from 1.
        line: u64,
        /// What is wrong.
        source: InvalidSid,
    },
    /// Somebody twice: which of the two rows is meant?
    #[error("line {line}: {column} stands on line {earlier} too")]
    Twice {
        /// Counted from 1.
        line: u64,
        /// Which column.
        column: &'static str,
        /// Where it stood first.
        earlier: u64,
    },
}

/// A kind of list.
struct Form {
    key: &'static str,
    others: &'static [&'static str],
    /// The key in the form in which facts hold it, or what it should have been.
    read_key: fn(&str) -> Result<String, &'static str>,
}

static DEVICES: Form = Form {
    key: "device_permanent_id",
    others: &["device_serial_number", "asset_id", "organizational_unit"],
    read_key: |text| {
        let id = DeviceId::parse(text).map_err(|_| "Directory API device id")?;
        Ok(id.as_str().to_owned())
    },
};

static USERS: Form = Form {
    key: "email",
    others: &["sid", "organizational_unit"],
    read_key: |text| {
        let email = Email::parse(text).map_err(|_| "e-mail address")?;
        Ok(email.as_str().to_owned())
    },
};

/// What the organisation says of its devices and users.
#[derive(Debug, Default)]
pub struct Lists {
    devices: HashMap<String, Supplied>,
    users: HashMap<String, Supplied>,
}

impl Lists {
    /// Reads every list that is configured; without one, nothing is known.
    ///
    /// # Errors
    /// [`InvalidList`], for the first thing that is wrong.
    pub fn load(settings: &EnrichmentSettings) -> Result<Self, InvalidList> {
        let read = |path: Option<&Path>, form: &Form| match path {
            None => Ok(HashMap::new()),
            Some(path) => read(path, form).map_err(|problem| InvalidList {
                path: path.to_owned(),
                problem,
            }),
        };
        Ok(Self {
            devices: read(settings.devices_file.as_deref(), &DEVICES)?,
            users: read(settings.users_file.as_deref(), &USERS)?,
        })
    }

    /// What they say of this identity; nothing of one that stands in none.
    #[must_use]
    pub fn look_up(&self, identity: &VerifiedIdentity) -> Supplied {
        let found = match identity {
            VerifiedIdentity::User { email } => self.users.get(email.as_str()),
            VerifiedIdentity::Device {
                device_permanent_id,
                ..
            } => self.devices.get(device_permanent_id.as_str()),
        };
        found.cloned().unwrap_or_default()
    }

    /// How many devices and users they name.
    #[must_use]
    pub fn len(&self) -> (usize, usize) {
        (self.devices.len(), self.users.len())
    }
}

fn read(path: &Path, form: &Form) -> Result<HashMap<String, Supplied>, ListProblem> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(path)?;
    let columns = columns(reader.headers()?, form)?;
    let mut rows: HashMap<String, Supplied> = HashMap::new();
    let mut lines: HashMap<(&'static str, String), u64> = HashMap::new();
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        let mut key = None;
        let mut supplied = Supplied::default();
        for (column, value) in columns.iter().zip(&record) {
            let value = text(value, line, column)?;
            if *column == form.key {
                let read = (form.read_key)(value.as_deref().unwrap_or_default());
                key = Some(read.map_err(|kind| ListProblem::Key { line, column, kind })?);
            } else {
                supply(&mut supplied, column, value, line)?;
            }
        }
        let key = key.unwrap_or_default();
        let once = [(form.key, Some(&key)), ("sid", supplied.sid.as_ref())];
        for (column, value) in once {
            let Some(value) = value else { continue };
            if let Some(earlier) = lines.insert((column, value.clone()), line) {
                return Err(ListProblem::Twice {
                    line,
                    column,
                    earlier,
                });
            }
        }
        rows.insert(key, supplied);
    }
    Ok(rows)
}

fn columns(head: &csv::StringRecord, form: &Form) -> Result<Vec<&'static str>, ListProblem> {
    let known = |name: &str| {
        let mut names = std::iter::once(&form.key).chain(form.others);
        names.find(|known| **known == name).copied()
    };
    let columns: Option<Vec<_>> = head.iter().map(known).collect();
    let once = |columns: &Vec<&str>| {
        let distinct: std::collections::HashSet<_> = columns.iter().collect();
        distinct.len() == columns.len() && columns.contains(&form.key)
    };
    columns.filter(once).ok_or_else(|| ListProblem::Head {
        key: form.key,
        others: form.others.join(", "),
    })
}

/// A cell; an empty one says nothing.
fn text(value: &str, line: u64, column: &'static str) -> Result<Option<String>, ListProblem> {
    if !is_value(value) {
        return Err(ListProblem::Value { line, column });
    }
    Ok((!value.is_empty()).then(|| value.to_owned()))
}

fn supply(
    supplied: &mut Supplied,
    column: &'static str,
    value: Option<String>,
    line: u64,
) -> Result<(), ListProblem> {
    match column {
        "device_serial_number" => supplied.device_serial_number = value,
        "asset_id" => supplied.asset_id = value,
        "organizational_unit" => supplied.organizational_unit = value,
        _ => {
            if let Some(sid) = &value {
                Sid::parse(sid).map_err(|source| ListProblem::Sid { line, source })?;
            }
            supplied.sid = value;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
