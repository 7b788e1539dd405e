//! `vaca doctor`: what the service needs, checked one by one.

mod chromeos;

use std::os::unix::fs::PermissionsExt as _;
use std::process::ExitCode;

use clap::Args;

use crate::admission::Resources;
use crate::cli::serve::parts;
use crate::cli::text::{escape, one_line};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::server;
use crate::store::leases::Acquire;

/// Unfinished attempts that are listed.
const LISTED: u32 = 20;

/// What to look at besides.
#[derive(Debug, Args)]
pub(super) struct DoctorArguments {
    /// Look also at what Chromebooks need of this server: the TLS chain that they must trust, the
    /// extension that may call.
    #[arg(long)]
    chromeos: bool,
}

fn line(passed: bool, name: &str, detail: &str) {
    let mark = if passed { "ok  " } else { "FAIL" };
    println!("{mark} {:<16} {}", escape(name), one_line(detail));
}

pub(super) async fn run(config: &Config, asked: &DoctorArguments) -> anyhow::Result<ExitCode> {
    line(true, "configuration", "loads");
    let mut healthy = private_files(config);
    if asked.chromeos {
        healthy &= chromebooks(config, parts().clock.now());
    }
    let server = match server::build(config, parts()).await {
        Ok(server) => server,
        Err(error) => {
            line(false, "start", &format!("{error:#}"));
            return Ok(ExitCode::FAILURE);
        }
    };
    line(
        true,
        "start",
        "schema, keys, certificates and credentials fit together",
    );
    let resources = server.resources();
    healthy &= challenge(resources).await;
    write(resources).await;
    let report = server.readiness().await;
    for check in &report.checks {
        line(check.passed, check.name, &check.detail);
    }
    healthy &= report.checks.iter().all(|check| check.passed);
    unfinished(resources).await?;
    resources.store.close().await;
    Ok(if healthy {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Secrets are their owner's alone.
fn private_files(config: &Config) -> bool {
    let issuers = config.issuers.iter();
    let secrets = issuers.flat_map(|issuer| [&issuer.key_file, &issuer.passphrase_file]);
    let webhooks = config.webhooks.iter().map(|webhook| &webhook.secret_file);
    let sinks = config.event_sinks.iter().map(|sink| &sink.secret_file);
    let account = config.verified_access.service_account_file.iter();
    let mut all = true;
    let shared = webhooks.chain(sinks);
    let secrets = secrets.chain([&config.deployment_key_file]);
    for path in secrets.chain(account).chain(shared) {
        let mode = std::fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
        if mode & 0o077 != 0 {
            line(
                false,
                "secrets",
                &format!("{} can be read by others: chmod 600", path.display()),
            );
            all = false;
        }
    }
    if all {
        line(true, "secrets", "their files are their owner's alone");
    }
    all
}

/// What a Chromebook would stumble over.
fn chromebooks(config: &Config, now: Timestamp) -> bool {
    let findings = chromeos::findings(config, now);
    for finding in &findings {
        line(finding.passed, finding.name, &finding.detail);
    }
    findings.iter().all(|finding| finding.passed)
}

/// A challenge shows that Verified Access answers, that it knows our credential, and what its clock
/// says.
async fn challenge(resources: &Resources) -> bool {
    match resources.verifier.generate().await {
        Ok(_) => {
            line(true, "challenge", "Verified Access made one");
            true
        }
        Err(failure) => {
            let detail = format!("{}: {failure}", failure.code().as_str());
            line(false, "challenge", &detail);
            false
        }
    }
}

/// A row that changes nothing for anybody: whether it commits is what the report then tells.
async fn write(resources: &Resources) {
    let now = resources.clock.now();
    let lease = Acquire {
        name: "doctor",
        holder: String::new(),
        now,
        until: now,
    };
    if let Err(error) = resources.store.write(lease).await {
        line(false, "write", &error.to_string());
    }
}

async fn unfinished(resources: &Resources) -> anyhow::Result<()> {
    let now = resources.clock.now();
    let unfinished = resources.store.unfinished_attempts(now, LISTED).await?;
    let detail = if unfinished.is_empty() {
        "none"
    } else {
        "attempts without an outcome; a retry with the same bytes goes on with them:"
    };
    line(true, "unfinished", detail);
    for attempt in unfinished {
        let (state, at) = (attempt.state.as_str(), attempt.binding.at);
        println!("     {} {state} since {at}", attempt.id);
    }
    Ok(())
}
