//! `docker-compose.yml` and `Dockerfile`, as far as they can be held to account without a Docker daemon:
//! what one of them names is there, the programs understand what they are told, and the same commands in
//! the same order, as processes, end in a certificate.

mod confinement;
mod dockerfile;
mod images;
mod order;
mod processes;
mod project;
mod references;

use std::path::{Path, PathBuf};

/// The root of the repository.
fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
fn read(path: &str) -> String {
    let path = repository().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A path of the settings; `site` is what an operator makes of `deploy/google`.
fn in_repository(path: &str) -> PathBuf {
    let path = path.strip_prefix("./").unwrap_or(path);
    repository().join(if path == "site" {
        "deploy/google"
    } else {
        path
    })
}
