//! Why a list does not load.

use std::fmt;
use std::path::PathBuf;

use crate::enrichment::VALUE_MAX;
use crate::enrichment::lists::source::{FILE_MAX, ROW_MAX};
use crate::enrichment::lists::table::ROWS_MAX;
use crate::model::sid::InvalidSid;

/// Why a list does not load; each message says where and what to change.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct InvalidList {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: ListProblem,
}

/// A row, by where somebody finds it in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// `line` or `object`.
    pub unit: &'static str,
    /// Counted from 1.
    pub number: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.unit, self.number)
    }
}

/// What is wrong with a list. It never shows a value: a list may hold what nobody may read.
#[derive(Debug, thiserror::Error)]
pub enum ListProblem {
    /// It is not there, or cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// A folder, a pipe, a device.
    #[error("is no regular file")]
    Irregular,
    /// Somebody writes to it just now.
    #[error(
        "was written to while it was read: write to another file, then rename that to this name"
    )]
    Changed,
    /// The last line of a file that was cut off looks like a row.
    #[error("the last line does not end: is the file whole?")]
    Truncated,
    /// More than a node should hold in memory.
    #[error("is larger than {} MiB", FILE_MAX / (1024 * 1024))]
    FileTooLong,
    /// The same.
    #[error("has more than {ROWS_MAX} rows")]
    TooManyRows,
    /// A quote that was never closed, for example.
    #[error("the row after {rows} others is longer than {} KiB: is a quotation mark never closed?", ROW_MAX / 1024)]
    RowTooLong {
        /// The rows before it, without the head.
        rows: u64,
    },
    /// Not UTF-8, or a row is shorter or longer than the head.
    #[error(transparent)]
    Csv(csv::Error),
    /// Not JSON, or cut off.
    #[error("is no JSON: {0}")]
    Json(serde_json::Error),
    /// JSON of another shape.
    #[error(
        "line {line}, column {column}: a list is an array of objects, their members are texts or null"
    )]
    Shape {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// The head is not one that we know.
    #[error("the first line names the columns: {key}, and any of {others}; each once")]
    Head {
        /// The column that must be there.
        key: &'static str,
        /// Those that may be there.
        others: String,
    },
    /// A member that is not one that we know, or that stands twice in its object.
    #[error("{place}: the members of each object are {key}, and any of {others}; each once")]
    Members {
        /// Which row.
        place: Place,
        /// The member that must be there.
        key: &'static str,
        /// Those that may be there.
        others: String,
    },
    /// A row names nobody.
    #[error("{place}: {column} is no {kind}")]
    Key {
        /// Which row.
        place: Place,
        /// Which column.
        column: &'static str,
        /// What it should be.
        kind: &'static str,
    },
    /// A value that no certificate could hold.
    #[error("{place}: {column} is longer than {VALUE_MAX} characters or holds control characters")]
    Value {
        /// Which row.
        place: Place,
        /// Which column.
        column: &'static str,
    },
    /// Not an account's SID.
    #[error("{place}: sid: {source}")]
    Sid {
        /// Which row.
        place: Place,
        /// What is wrong.
        source: InvalidSid,
    },
    /// Somebody twice: which of the two rows is meant?
    #[error("{place}: {column} stands on {earlier} too")]
    Twice {
        /// Which row.
        place: Place,
        /// Which column.
        column: &'static str,
        /// Where it stood first.
        earlier: Place,
    },
}
