//! `vaca config check`: whether the configuration fits, as far as files show that hold no secret.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context as _;

use crate::ca::Authority;
use crate::cli::text::{count, escape};
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::enrichment::Lists;

pub(super) fn check(config: &Config, path: &Path) -> anyhow::Result<()> {
    let lists = Lists::load(&config.enrichment).context("[enrichment]")?;
    for issuer in &config.issuers {
        let file = &issuer.certificate_file;
        let pem = match std::fs::read(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                println!(
                    "issuer {}: no certificate at {} yet; `vaca init` makes it for these profiles",
                    issuer.name,
                    file.display()
                );
                continue;
            }
            read => read.with_context(|| format!("cannot read {}", file.display()))?,
        };
        let authority = Authority::from_pem(&pem)
            .with_context(|| format!("[[issuer]] {}: {}", issuer.name, file.display()))?;
        config.check_issuer(issuer, &authority)?;
    }
    let now = SystemClock::new().now();
    for report in lists.reports(now) {
        let (name, rows) = (report.file.to_string(), count(report.rows, "row"));
        println!("list {}: {rows}", escape(&name));
    }
    println!(
        "{}: {} and {}; `vaca doctor` goes on to keys, database and network",
        path.display(),
        count(config.issuers.len(), "issuer"),
        count(config.profiles.len(), "profile"),
    );
    Ok(())
}
