//! `vaca doctor --chromeos`: what Chromebooks need of this server, as far as the server can tell. The
//! rest stands in `docs/chromeos.md`, and shows on the extension's status page.

mod chain;

use crate::clock::Timestamp;
use crate::config::Config;
use crate::model::endpoint::Endpoint;

/// One line of the report.
pub(super) struct Finding {
    pub(super) passed: bool,
    pub(super) name: &'static str,
    pub(super) detail: String,
}

impl Finding {
    fn new(name: &'static str, said: Result<String, String>) -> Self {
        Self {
            passed: said.is_ok(),
            name,
            detail: said.unwrap_or_else(|detail| detail),
        }
    }
}

/// Everything that can be looked at without a Chromebook.
pub(super) fn findings(config: &Config, now: Timestamp) -> Vec<Finding> {
    let mut findings = vec![
        Finding::new("challenges", challenges(config)),
        Finding::new("extension", extension(config)),
        Finding::new("profiles", Ok(profiles(config))),
    ];
    findings.push(match config.listen.tls() {
        Some((certificate, _)) => Finding::new("tls", chain::look(certificate, now)),
        None => Finding::new("tls", plain(config)),
    });
    findings
}

fn challenges(config: &Config) -> Result<String, String> {
    match config.verified_access.endpoint {
        Endpoint::Google => Ok("Google's, which Chromebooks answer".to_owned()),
        Endpoint::Test => Err(
            "of the test endpoint: a Chromebook answers none but Google's. Virtual Chromebooks alone can enrol"
                .to_owned(),
        ),
    }
}

/// Without its id no answer reaches the extension: the browser keeps it back (CORS).
fn extension(config: &Config) -> Result<String, String> {
    let ids = config.http.extension_ids.iter().map(ToString::to_string);
    let ids: Vec<_> = ids.collect();
    if ids.is_empty() {
        return Err(
            "[http] extension_ids is empty, so no extension can read an answer: add the id that chrome://extensions shows"
                .to_owned(),
        );
    }
    Ok(format!("{} may read the answers", ids.join(", ")))
}

/// In the words of the extension's configuration, to be compared with it.
fn profiles(config: &Config) -> String {
    let profiles = config.profiles.iter();
    let named =
        profiles.map(|profile| format!("{} (scope {})", profile.name, profile.scope.as_str()));
    let named: Vec<_> = named.collect();
    format!("the extension can ask for {}", named.join(", "))
}

fn plain(config: &Config) -> Result<String, String> {
    if config.http.trusted_proxies.is_empty() {
        return Err(
            "`api` speaks plain HTTP and the extension takes https alone: set tls_certificate_file and tls_key_file, or put a TLS proxy in front and list it in [http] trusted_proxies"
                .to_owned(),
        );
    }
    Ok(
        "a proxy in front speaks TLS: the chain that it sends is what Chromebooks must trust"
            .to_owned(),
    )
}
