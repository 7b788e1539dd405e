//! Somebody else's opinion of our bytes, and certificates that are not ours.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs a command away from the test's own thread, on which the service answers.
pub async fn run(program: impl AsRef<OsStr>, arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    for name in ["VACA_CONFIG", "VACA_LOG", "VACA_LOG_FORMAT"] {
        command.env_remove(name);
    }
    tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap()
}

/// Standard output and standard error, one behind the other.
pub fn said(output: &Output) -> String {
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    text(&output.stdout) + &text(&output.stderr)
}

/// What openssl says, where it is content.
pub async fn openssl(arguments: &[&str], folder: &Path) -> String {
    let output = run("openssl", arguments, folder).await;
    assert!(
        output.status.success(),
        "openssl {arguments:?}: {}",
        said(&output)
    );
    said(&output)
}

/// What openssl says, where it is not.
pub async fn openssl_refuses(arguments: &[&str], folder: &Path) -> String {
    let output = run("openssl", arguments, folder).await;
    assert!(
        !output.status.success(),
        "openssl {arguments:?}: {}",
        said(&output)
    );
    said(&output)
}

/// A certificate for 127.0.0.1 from nobody, with its key: two new files of this name.
pub async fn self_signed(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let (certificate, key) = (format!("{name}.crt"), format!("{name}.key"));
    openssl(
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "3650",
            "-subj",
            &format!("/CN={name}"),
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-out",
            &certificate,
            "-keyout",
            &key,
        ],
        folder,
    )
    .await;
    (folder.join(certificate), folder.join(key))
}
