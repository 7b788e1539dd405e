//! A folder into which the lists are written, for a web server or a bucket: each file is there whole, old
//! or new, whenever somebody looks.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prost::bytes::Bytes;

use crate::model::certificate::IssuerId;
use crate::publication::PublishedCrl;

/// The folder, and whether it lacks what is served.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    is_behind: AtomicBool,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            is_behind: AtomicBool::new(false),
        }
    }

    /// Whether the last list could not be written.
    pub(super) fn is_behind(&self) -> bool {
        self.is_behind.load(Ordering::Relaxed)
    }

    /// Writes `{issuer}.crl` (DER) for each list, and `all.pem`.
    pub(super) async fn write(
        &self,
        lists: Vec<(IssuerId, Arc<PublishedCrl>)>,
        all: Option<Bytes>,
    ) -> std::io::Result<()> {
        self.is_behind.store(true, Ordering::Relaxed);
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || {
            std::fs::create_dir_all(&path)?;
            for (issuer, crl) in &lists {
                replace(&path, &format!("{issuer}.crl"), crl.der())?;
            }
            if let Some(all) = all {
                replace(&path, "all.pem", &all)?;
            }
            // The names are on the disk, too.
            std::fs::File::open(&path)?.sync_all()
        });
        written.await.map_err(std::io::Error::other)??;
        self.is_behind.store(false, Ordering::Relaxed);
        Ok(())
    }
}

/// Written beside, flushed, then renamed over: a full disk leaves the old file.
fn replace(folder: &Path, name: &str, content: &[u8]) -> std::io::Result<()> {
    let target = folder.join(name);
    if std::fs::read(&target).is_ok_and(|old| old == content) {
        return Ok(());
    }
    let fresh = folder.join(format!(".{name}.{}", std::process::id()));
    let write = || {
        let mut file = std::fs::File::create(&fresh)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&fresh, &target)
    };
    let written = write();
    if written.is_err() {
        // Half a file is no use, and may be what fills the disk.
        std::fs::remove_file(&fresh).ok();
    }
    written
}
