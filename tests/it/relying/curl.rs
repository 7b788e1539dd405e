//! curl, as a client of the servers under test.

use std::path::Path;
use std::process::Command;

use super::daemon::command;
use super::world::{HOST, output};
use crate::support::openssl::said;

/// Certificate and key, as files, or neither.
pub(super) type Credentials<'a> = &'a [&'a Path];

/// Asks a server for this path; `folder` has the CA of its certificate. What is asked for besides is added.
pub(super) fn curl(folder: &Path, port: u16, path: &str, credentials: Credentials<'_>) -> Command {
    let mut curl = command("curl");
    curl.args(["--silent", "--max-time", "20", "--write-out"]);
    curl.arg("\n%{http_code}");
    curl.arg("--cacert").arg(folder.join("server-ca.crt"));
    curl.args(["--resolve", &format!("{HOST}:{port}:127.0.0.1")]);
    for (option, file) in ["--cert", "--key"].iter().zip(credentials) {
        curl.arg(option).arg(file);
    }
    curl.arg(format!("https://{HOST}:{port}{path}"));
    curl
}

/// The status, 0 where TLS fails, and the body.
pub(super) async fn answer(curl: Command) -> (u16, String) {
    let said = said(&output(curl).await);
    let (body, status) = said.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}
