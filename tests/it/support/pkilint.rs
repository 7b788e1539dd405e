//! pkilint, a linter of certificates by DigiCert.

use std::path::Path;

use super::openssl::{run, said};
use super::python::Package;

static PKILINT: Package = Package::new("pkilint", "0.13.3");

/// Asserts that it finds nothing, down to warnings, in a certificate of this folder.
pub async fn finds_nothing(file: &str, folder: &Path) {
    passes("lint_pkix_cert", file, folder).await;
}

/// The same of an OCSP response, DER.
pub async fn finds_nothing_in_response(file: &str, folder: &Path) {
    passes("lint_ocsp_response", file, folder).await;
}

async fn passes(linter: &'static str, file: &str, folder: &Path) {
    let lint = PKILINT.program(linter).await;
    let output = run(lint, &["lint", "-s", "WARNING", file], folder).await;
    assert!(output.status.success(), "{file}: {}", said(&output));
    assert_eq!(said(&output).trim(), "", "{file}");
}

/// The interpreter that knows its library, for many files at once.
pub async fn python() -> std::path::PathBuf {
    PKILINT.program("python").await
}
