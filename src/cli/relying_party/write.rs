//! Files of a configuration: all or none, and each as a whole.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::relying_party::File;

/// Writes them below `folder`. What is there already is an error, or is replaced; what is written once
/// stays in either case.
pub(super) fn all(folder: &Path, files: &[File], replace: bool) -> anyhow::Result<()> {
    let there = |file: &&File| !file.once && folder.join(&file.name).exists();
    if let Some(file) = files.iter().find(there) {
        ensure!(
            replace,
            "{} is there already: name another folder, or --replace",
            folder.join(&file.name).display()
        );
    }
    for file in files {
        let path = folder.join(&file.name);
        if file.once && path.exists() {
            continue;
        }
        one(&path, file).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn one(path: &Path, file: &File) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    // Left behind where an earlier run was stopped; with the mode of another file, perhaps.
    match fs::remove_file(beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(file.mode)
        .open(beside)?;
    written.write_all(file.text.as_bytes())?;
    written.sync_all()?;
    fs::rename(beside, path)
}
