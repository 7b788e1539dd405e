//! Writes files that other programs read.

use std::fs::{File, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::Context as _;

/// Writes a file that its owner alone may read, mode 0600, from the first byte on.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    write(path, 0o600, content)
}

/// Writes a file that everybody may read, mode 0644.
pub(crate) fn write_public(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    write(path, 0o644, content)
}

fn write(path: &Path, mode: u32, content: &[u8]) -> anyhow::Result<()> {
    let written = || -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(mode);
        let mut file: File = options.open(path)?;
        // The mode above counts for a new file only.
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(content)
    };
    written().with_context(|| format!("cannot write {}", path.display()))
}
