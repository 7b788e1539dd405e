//! pkilint, a linter of certificates by DigiCert, in a Python environment of its own.

use std::path::{Path, PathBuf};

use tokio::sync::OnceCell;

use super::openssl::{run, said};

const VERSION: &str = "0.13.3";

static INSTALLED: OnceCell<PathBuf> = OnceCell::const_new();

/// Installs it below the target folder, once for all runs; half an installation is begun anew.
async fn installed() -> &'static Path {
    let install = || async {
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = parent.join(format!("pkilint-{VERSION}"));
        let complete = folder.join("complete");
        if !complete.exists() {
            std::fs::remove_dir_all(&folder).ok();
            let environment = folder.to_str().unwrap();
            must("python3", &["-m", "venv", environment], parent).await;
            let pip = folder.join("bin/pip");
            let package = format!("pkilint=={VERSION}");
            let arguments = [
                "install",
                "--quiet",
                "--disable-pip-version-check",
                &package,
            ];
            must(pip.to_str().unwrap(), &arguments, parent).await;
            std::fs::write(complete, "").unwrap();
        }
        folder.join("bin")
    };
    INSTALLED.get_or_init(install).await
}

async fn must(program: &str, arguments: &[&str], folder: &Path) {
    let output = run(program, arguments, folder).await;
    assert!(
        output.status.success(),
        "{program} {arguments:?} (Debian: python3-venv): {}",
        said(&output)
    );
}

/// Asserts that it finds nothing, down to warnings, in a certificate of this folder.
pub async fn finds_nothing(file: &str, folder: &Path) {
    passes("lint_pkix_cert", file, folder).await;
}

/// The same of an OCSP response, DER.
pub async fn finds_nothing_in_response(file: &str, folder: &Path) {
    passes("lint_ocsp_response", file, folder).await;
}

async fn passes(linter: &str, file: &str, folder: &Path) {
    let lint = installed().await.join(linter);
    let output = run(lint, &["lint", "-s", "WARNING", file], folder).await;
    assert!(output.status.success(), "{file}: {}", said(&output));
    assert_eq!(said(&output).trim(), "", "{file}");
}
