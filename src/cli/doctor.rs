//! `vaca doctor`: what the service needs, checked one by one.

use std::process::ExitCode;

use crate::cli::serve::parts;
use crate::cli::text::escape;
use crate::config::Config;
use crate::server;
use crate::store::leases::Acquire;

/// Unfinished attempts that are listed.
const LISTED: u32 = 20;

fn line(passed: bool, name: &str, detail: &str) {
    let mark = if passed { "ok  " } else { "FAIL" };
    println!("{mark} {:<16} {}", escape(name), escape(detail));
}

pub(super) async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    line(true, "configuration", "loads");
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
    // A challenge shows that Verified Access answers, that it knows our credential, and what its
    // clock says.
    let reachable = match resources.verifier.generate().await {
        Ok(_) => {
            line(true, "challenge", "Verified Access made one");
            true
        }
        Err(failure) => {
            line(
                false,
                "challenge",
                &format!("{}: {failure}", failure.code().as_str()),
            );
            false
        }
    };
    let now = resources.clock.now();
    // A row that changes nothing for anybody: whether it commits is what counts.
    let lease = Acquire {
        name: "doctor",
        holder: String::new(),
        now,
        until: now,
    };
    if let Err(error) = resources.store.write(lease).await {
        line(false, "write", &error.to_string());
    }
    let report = server.readiness().await;
    for check in &report.checks {
        line(check.passed, check.name, &check.detail);
    }
    let unfinished = resources.store.unfinished_attempts(now, LISTED).await?;
    let detail = match unfinished.len() {
        0 => "none".to_owned(),
        _ => "a retry with the same bytes goes on with each; after the challenge's minute it ends it:".to_owned(),
    };
    line(true, "unfinished", &detail);
    for attempt in unfinished {
        println!(
            "     {} {} since {}",
            attempt.id,
            attempt.state.as_str(),
            attempt.binding.at
        );
    }
    resources.store.close().await;
    let healthy = report.ready && reachable;
    Ok(if healthy {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
