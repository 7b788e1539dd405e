//! How to look at what was made, in commands to copy.

use std::path::Path;

use vaca_emulator::{Emulator, Enrolled};

use crate::authority::Authority;
use crate::state::StateFolder;
use crate::verified_access;

/// What the commands are about.
pub(crate) struct Inspection<'a> {
    pub(crate) state: &'a StateFolder,
    pub(crate) google: &'a Emulator,
    pub(crate) ca: &'a Authority,
    pub(crate) user: &'a Enrolled,
}

impl Inspection<'_> {
    /// Prints what will still work: files while the folder is there, the API while it runs.
    pub(crate) fn print(&self, once: bool) {
        if once && !self.state.is_kept() {
            println!("\nAll steps done. --state DIR keeps the results to look at.");
            return;
        }
        println!("\nAll steps done. Look at the result, from the repository's folder:");
        self.print_files();
        if once {
            return;
        }
        println!("\nThe CA answers on {} until Ctrl-C:", self.ca.url());
        self.print_api();
    }

    fn print_files(&self) {
        let quoted = |name: &str| quoted(&self.state.path(name));
        let certificate = quoted("wifi-user/cert.pem");
        let vaca = format!(
            "cargo run -q --bin vaca -- --config {}",
            quoted("vaca.toml")
        );
        command(
            "the certificate",
            &format!("openssl x509 -in {certificate} -noout -text"),
        );
        command(
            "its chain",
            &format!(
                "openssl verify -x509_strict -CAfile {} -untrusted {} {certificate}",
                quoted("bundle.pem"),
                quoted("wifi-user/chain.pem")
            ),
        );
        command(
            "the decision",
            &format!("{vaca} attempts show {}", self.user.attempt),
        );
        command("all certificates", &format!("{vaca} certificates list"));
    }

    fn print_api(&self) {
        let mut enroll = "cargo run -q -p vaca-emulator --bin emulator -- enroll".to_owned();
        enroll += " --scope user --key ecdsa";
        if !self.ca.has_default_port() {
            enroll += &format!(" --ca {}", self.ca.url());
        }
        if !verified_access::has_default_port(self.google) {
            enroll += &format!(" --verified-access {}", self.google.control_url());
        }
        enroll += &format!(" --out {}", quoted(&self.state.path("another")));
        command(
            "the profiles",
            &format!("curl -sS {}/v1/profiles", self.ca.url()),
        );
        command("enrol another Chromebook", &enroll);
    }
}

fn command(purpose: &str, line: &str) {
    println!("\n   # {purpose}\n   {line}");
}

/// A path as a shell reads it (POSIX, Shell Command Language, section 2.2.2).
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
    if path.chars().all(plain) {
        return path;
    }
    format!("'{}'", path.replace('\'', r"'\''"))
}
