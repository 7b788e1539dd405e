//! `emulator enroll`

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use crate::chromebook::{Scope, VirtualChromebook};
use crate::enroll::{EnrollRequest, Enrolled, Progress, enroll_with};
use crate::files::{write_private, write_public};
use crate::keys::KeyAlgorithm;
use crate::pem::pem;

/// Get a certificate for a new virtual Chromebook
///
/// Enrols a device with the local Verified Access, signs the user in, answers a challenge of the
/// certificate authority and writes key.pem, cert.pem and chain.pem (leaf first) for any TLS client.
#[derive(Debug, Args)]
pub(super) struct Enroll {
    /// The certificate authority
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    ca: String,
    /// The root that signed the authority's TLS certificate (PEM); needed with https
    #[arg(long, value_name = "FILE")]
    ca_root: Option<PathBuf>,
    /// Whose key is certified
    #[arg(long)]
    scope: Scope,
    /// The kind of key
    #[arg(long)]
    key: KeyAlgorithm,
    /// The user who signs in; claimed in user certificates
    #[arg(long, default_value = "alice@example.com")]
    email: String,
    /// The certificate profile [default: wifi-user or wifi-device, by scope]
    #[arg(long)]
    profile: Option<String>,
    /// The control plane of the local Verified Access
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8091")]
    verified_access: String,
    /// The folder to write into; made if it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Enroll {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let roots = self.ca_root.as_deref().map(|file| {
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
        });
        let roots = roots.transpose()?;
        let mut chromebook =
            VirtualChromebook::enrolled(&self.verified_access, &self.email).await?;
        println!(
            "enrolled the Chromebook {}",
            chromebook.device_permanent_id()
        );
        let request = EnrollRequest {
            profile: self
                .profile
                .unwrap_or_else(|| default_profile(self.scope).to_owned()),
            scope: self.scope,
            key: self.key,
            email: (self.scope == Scope::User).then_some(self.email),
        };
        let enrolled = enroll_with(
            &self.ca,
            roots.as_deref(),
            &mut chromebook,
            &request,
            report,
        )
        .await?;
        write(&enrolled, &self.out)?;
        println!(
            "wrote {0}/key.pem, {0}/cert.pem and {0}/chain.pem",
            self.out.display()
        );
        println!(
            "valid from {} to {}; renew after {}",
            enrolled.not_before, enrolled.not_after, enrolled.renew_after
        );
        Ok(())
    }
}

fn default_profile(scope: Scope) -> &'static str {
    match scope {
        Scope::User => "wifi-user",
        Scope::Machine => "wifi-device",
    }
}

fn report(progress: Progress<'_>) {
    match progress {
        Progress::Challenged { expires_at } => println!("got a challenge, good until {expires_at}"),
        Progress::Answered { bytes } => println!("answered it with {bytes} bytes"),
        Progress::Waiting { problem, seconds } => {
            println!("{}; trying again in {seconds} s", problem.title);
        }
        Progress::Issued { serial_number } => {
            println!("got the certificate {serial_number}, for the registered key");
        }
    }
}

fn write(enrolled: &Enrolled, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let key = pem("PRIVATE KEY", &enrolled.private_key_pkcs8);
    write_private(&folder.join("key.pem"), key.as_bytes())?;
    write_public(
        &folder.join("cert.pem"),
        enrolled.certificate_pem.as_bytes(),
    )?;
    let mut chain = vec![enrolled.certificate_pem.as_str()];
    chain.extend(enrolled.chain_pem.iter().map(String::as_str));
    let chain: String = chain
        .iter()
        .map(|pem| format!("{}\n", pem.trim_end()))
        .collect();
    write_public(&folder.join("chain.pem"), chain.as_bytes())
}
