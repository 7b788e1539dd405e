//! A list's file: read once, from its first octet to its last, and only if nobody wrote meanwhile.

use std::cell::Cell;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::rc::Rc;

use aws_lc_rs::digest::{Context, SHA256};

use crate::clock::Timestamp;
use crate::enrichment::lists::problem::ListProblem;

/// Largest file, in octets.
pub(super) const FILE_MAX: u64 = 512 * 1024 * 1024;
/// Longest row, in octets: a quotation mark that is never closed must not make one of the whole file.
pub(super) const ROW_MAX: u64 = 64 * 1024;
/// What parsers read at a time, in octets; it may go on behind a row's end.
pub(super) const AHEAD: usize = 16 * 1024;

/// What tells whether a file is still the same. Times alone have the grain of the kernel's tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::enrichment) struct Stamp {
    device: u64,
    inode: u64,
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// That of the file to which a path leads now; links are followed.
    pub(in crate::enrichment) fn at(path: &Path) -> io::Result<Self> {
        std::fs::metadata(path).map(|metadata| Self::of(&metadata))
    }

    /// Its length, in octets.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// When its content was written, by the clock of the file system.
    pub(in crate::enrichment) fn modified_at(&self) -> Timestamp {
        Timestamp(self.modified.0)
    }
}

/// Octets since the last row ended, and rows; shared with the parser, which alone knows where one ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    octets: Rc<Cell<u64>>,
    rows: Rc<Cell<u64>>,
}

impl Progress {
    pub(super) fn row_done(&self) {
        self.octets.set(0);
        self.rows.set(self.rows.get() + 1);
    }

    /// Whether the row in work is longer than any may be.
    pub(super) fn too_long(&self) -> Option<ListProblem> {
        let rows = self.rows.get();
        (self.octets.get() > ROW_MAX + AHEAD as u64).then_some(ListProblem::RowTooLong { rows })
    }
}

/// An open file, for a parser.
pub(super) struct Source {
    file: io::Take<File>,
    digest: Context,
    last: Option<u8>,
    progress: Progress,
}

/// A file that was read to its end.
pub(super) struct Whole {
    /// SHA-256 of its content.
    pub(super) digest: [u8; 32],
    /// Its last octet.
    pub(super) last: Option<u8>,
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<(Self, Stamp), ListProblem> {
        // Looked at before it is opened: opening a pipe waits for somebody who writes.
        if !std::fs::metadata(path)?.is_file() {
            return Err(ListProblem::Irregular);
        }
        let file = File::open(path)?;
        let stamp = Stamp::of(&file.metadata()?);
        if stamp.len > FILE_MAX {
            return Err(ListProblem::FileTooLong);
        }
        let source = Self {
            file: file.take(FILE_MAX),
            digest: Context::new(&SHA256),
            last: None,
            progress: Progress::default(),
        };
        Ok((source, stamp))
    }

    pub(super) fn progress(&self) -> Progress {
        self.progress.clone()
    }

    pub(super) fn finish(self) -> Whole {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.digest.finish().as_ref());
        Whole {
            digest,
            last: self.last,
        }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        let octets = buffer.get(..count).unwrap_or_default();
        self.digest.update(octets);
        self.last = octets.last().copied().or(self.last);
        let since = self.progress.octets.get() + count as u64;
        self.progress.octets.set(since);
        if self.progress.too_long().is_some() {
            return Err(io::Error::other("a row is too long"));
        }
        Ok(count)
    }
}
