//! The folder that everything is kept in.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

/// Tells our folders from others, and keeps a second quickstart out of one that is in use.
const MARKER: &str = "quickstart.lock";
const MARKER_TEXT: &str =
    "The quickstart of vaca keeps its state in this folder, and locks this file while it runs.\n";

/// A folder that belongs to this process. Keys live in it: nobody else may look inside.
pub(crate) struct StateFolder {
    path: PathBuf,
    /// Held open: closing it would release the lock.
    _marker: File,
    /// Removes the folder when the story ends; `None` where the folder was asked for.
    temporary: Option<TempDir>,
}

impl StateFolder {
    /// Opens the folder that was asked for, or makes a temporary one.
    pub(crate) fn open(asked_for: Option<&Path>) -> anyhow::Result<Self> {
        let temporary = match asked_for {
            Some(_) => None,
            None => Some(make_temporary()?),
        };
        let path = match (asked_for, &temporary) {
            (Some(path), _) => make_private(path).map(|()| path.to_owned())?,
            (None, Some(temporary)) => temporary.path().to_owned(),
            (None, None) => bail!("there is no folder to keep state in"),
        };
        let path = path.canonicalize()?;
        let marker = claim(&path)?;
        let fate = match &temporary {
            Some(_) => "temporary; --state DIR keeps one",
            None => "kept",
        };
        println!("Everything is in {} ({fate}).", path.display());
        Ok(Self {
            path,
            _marker: marker,
            temporary,
        })
    }

    /// Whether the folder outlives the quickstart.
    pub(crate) fn is_kept(&self) -> bool {
        self.temporary.is_none()
    }

    /// Where a file of the folder is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes what everybody may read.
    pub(crate) fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        write(&self.path(name), text, 0o644)
    }

    /// Writes a secret: readable by its owner from the first byte on, and by nobody else.
    pub(crate) fn write_private(&self, name: &str, text: &str) -> anyhow::Result<()> {
        write(&self.path(name), text, 0o600)
    }
}

fn make_temporary() -> anyhow::Result<TempDir> {
    tempfile::Builder::new()
        .prefix("vaca-quickstart-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .context("cannot make a temporary folder")
}

/// Makes the folder, and those above it, where they are missing.
fn make_private(path: &Path) -> anyhow::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder
        .create(path)
        .with_context(|| format!("cannot make the folder {}", path.display()))
}

/// Takes an empty folder or one of ours; the files of somebody else are not written over.
fn claim(folder: &Path) -> anyhow::Result<File> {
    let shown = folder.display();
    let marker = folder.join(MARKER);
    let mut entries = fs::read_dir(folder).with_context(|| format!("cannot read {shown}"))?;
    if !marker.exists()
        && let Some(stranger) = entries.next()
    {
        let name = stranger?.file_name();
        bail!(
            "{shown} holds something else ({}): name a new folder, an empty one, or one that the quickstart made",
            name.display()
        );
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(false)
        .open(&marker)
        .with_context(|| format!("cannot write in {shown}"))?;
    file.try_lock()
        .with_context(|| format!("another quickstart runs in {shown}"))?;
    file.write_all(MARKER_TEXT.as_bytes())?;
    Ok(file)
}

fn write(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        make_private(folder)?;
    }
    let written = || -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(mode);
        options.open(path)?.write_all(text.as_bytes())
    };
    written().with_context(|| format!("cannot write {}", path.display()))
}
