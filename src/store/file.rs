//! Is the record still where everybody looks for it?
//!
//! SQLite writes on into a file that was moved, deleted or replaced while it was open: every commit
//! would succeed, certificates would be answered, and no backup, no auditor and no later start would
//! find them.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A database file, by its place and by what was found there at first.
#[derive(Clone, Debug)]
pub(super) struct DatabaseFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl DatabaseFile {
    /// The file at `path`.
    ///
    /// # Errors
    /// Where there is none.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            identity: identity(path)?,
        })
    }

    /// Whether the same file is still there.
    ///
    /// # Errors
    /// Where it is not; the text says what to do.
    pub(super) fn check(&self) -> io::Result<()> {
        if identity(&self.path)? == self.identity {
            Ok(())
        } else {
            Err(io::Error::other(
                "the database file was replaced while the service ran: restart the service",
            ))
        }
    }
}

/// A microsecond's work, so it may stand in a task.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;

    #[test]
    fn a_file_that_was_moved_or_replaced_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vaca.db");
        assert!(DatabaseFile::at(&path).is_err());
        std::fs::write(&path, "one").unwrap();
        let file = DatabaseFile::at(&path).unwrap();
        std::fs::write(&path, "changed in place").unwrap();
        assert!(file.check().is_ok());
        let away = folder.path().join("away");
        std::fs::rename(&path, &away).unwrap();
        assert!(file.check().is_err());
        std::fs::write(&path, "two").unwrap();
        assert!(file.check().is_err());
        std::fs::rename(&away, &path).unwrap();
        assert!(file.check().is_ok());
    }
}
