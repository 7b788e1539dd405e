//! `emulator serve`

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use crate::faults::{Call, Fault};
use crate::files::{write_private, write_public};
use crate::server::{Emulator, Options};

/// Run the local Verified Access with its control plane, until Ctrl-C
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Where Verified Access listens (gRPC and REST)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Where the control plane listens (HTTP); loopback only
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8091")]
    control: SocketAddr,
    /// Serve Verified Access over TLS, under a root of its own
    #[arg(long)]
    tls: bool,
    /// A host name for the certificate of --tls, besides localhost; may be repeated
    #[arg(long, value_name = "NAME", requires = "tls")]
    tls_name: Vec<String>,
    /// Write the service accounts' key files, and the root of --tls, into this folder
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The domain in which devices are enrolled
    #[arg(long, default_value = "example.com")]
    domain: String,
    /// The customer to which devices and users belong
    #[arg(long, default_value = "C01example")]
    customer_id: String,
    /// Accept genuine captures, with ChromiumOS's published test keys from this folder
    #[arg(long, value_name = "DIR")]
    well_known_keys: Option<PathBuf>,
    /// Misbehave from the start in every call, for instance verify:slow=500; may be repeated
    #[arg(long, value_name = "CALL:FAULT", value_parser = standing_fault)]
    fault: Vec<(Call, Fault)>,
}

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let emulator = Emulator::start(Options {
            verified_access: self.listen,
            control: self.control,
            tls: self.tls,
            tls_names: self.tls_name,
            domain: self.domain,
            customer_id: self.customer_id,
            well_known_keys: self.well_known_keys,
            ..Options::default()
        })
        .await?;
        for (call, fault) in self.fault {
            emulator.faults().every(call, fault);
        }
        println!(
            "Verified Access  {} (gRPC and REST)",
            emulator.verified_access_url()
        );
        println!("control plane    {}/emulator/v1", emulator.control_url());
        match &self.state {
            Some(folder) => write_state(&emulator, folder)?,
            None => println!(
                "key file         curl -s {0}/emulator/v1/service-accounts/full",
                emulator.control_url()
            ),
        }
        println!("\nNext, with a certificate authority that trusts it on 127.0.0.1:8080:");
        println!("  emulator enroll --scope user --key ecdsa --out alice");
        println!("Misbehave:  emulator fault add verify down        (see emulator fault --help)");
        println!("Stop with Ctrl-C.");
        tokio::signal::ctrl_c().await?;
        emulator.shutdown().await;
        Ok(())
    }
}

fn write_state(emulator: &Emulator, folder: &Path) -> anyhow::Result<()> {
    let shown = folder.display();
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {shown}"))?;
    write_private(
        &folder.join("service-account.json"),
        emulator.service_account_json().as_bytes(),
    )?;
    write_private(
        &folder.join("limited-service-account.json"),
        emulator.limited_service_account_json().as_bytes(),
    )?;
    println!("key files        {shown}/service-account.json (full access)");
    println!("                 {shown}/limited-service-account.json");
    if let Some(root) = emulator.root_certificate_pem() {
        write_public(&folder.join("root.pem"), root.as_bytes())?;
        println!("root to trust    {shown}/root.pem");
    }
    Ok(())
}

fn standing_fault(text: &str) -> Result<(Call, Fault), String> {
    let (call, fault) = text
        .split_once(':')
        .ok_or("CALL:FAULT, for instance verify:down")?;
    let call = <Call as clap::ValueEnum>::from_str(call, true)?;
    let fault = Fault::from_words(fault).map_err(|error| format!("{error:#}"))?;
    Ok((call, fault))
}
