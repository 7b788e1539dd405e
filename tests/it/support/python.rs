//! Programs from the Python Package Index, each in an environment of its own.

use std::path::{Path, PathBuf};

use tokio::sync::OnceCell;

use super::openssl::{run, said};

/// A package, by name and version.
pub struct Package {
    name: &'static str,
    version: &'static str,
    installed: OnceCell<PathBuf>,
}

impl Package {
    pub const fn new(name: &'static str, version: &'static str) -> Self {
        let installed = OnceCell::const_new();
        Self {
            name,
            version,
            installed,
        }
    }

    /// One of its programs. It is installed below the target folder, once for all runs; half an
    /// installation is begun anew.
    pub async fn program(&self, program: &str) -> PathBuf {
        let folder = self.installed.get_or_init(|| self.install()).await;
        folder.join("bin").join(program)
    }

    /// Where it is installed.
    pub fn folder(&self) -> PathBuf {
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
        parent.join(format!("{}-{}", self.name, self.version))
    }

    async fn install(&self) -> PathBuf {
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = self.folder();
        let complete = folder.join("complete");
        if !complete.exists() {
            std::fs::remove_dir_all(&folder).ok();
            let environment = folder.to_str().unwrap();
            must("python3", &["-m", "venv", environment], parent).await;
            let pip = folder.join("bin/pip");
            let package = format!("{}=={}", self.name, self.version);
            let arguments = [
                "install",
                "--quiet",
                "--disable-pip-version-check",
                &package,
            ];
            must(pip.to_str().unwrap(), &arguments, parent).await;
            std::fs::write(complete, "").unwrap();
        }
        folder
    }
}

async fn must(program: &str, arguments: &[&str], folder: &Path) {
    let output = run(program, arguments, folder).await;
    assert!(
        output.status.success(),
        "{program} {arguments:?} (Debian: python3-venv): {}",
        said(&output)
    );
}
