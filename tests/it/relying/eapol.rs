//! `eapol_test`, a client of wpa_supplicant's that talks to a RADIUS server as an access point does.

use std::path::Path;
use std::process::Command;

use super::Holder;
use super::world::{HOST, output};
use crate::support::openssl::said;

/// Whom it asks.
pub(super) struct Server<'a> {
    /// Of its files, beside which those of the world are.
    pub(super) folder: &'a Path,
    pub(super) address: &'a str,
    pub(super) port: u16,
    pub(super) secret: &'a str,
}

/// Whether EAP-TLS of this version lets the holder in, and what the answer calls it. `client` begins a command
/// with `eapol_test`.
pub(super) async fn authenticate(
    client: Command,
    server: &Server<'_>,
    holder: &Holder,
    certificate: &Path,
    version: &str,
) -> Option<String> {
    let accepted = accepts(client, server, holder, certificate, version).await?;
    Some(name(&accepted))
}

/// What an answer calls the holder.
pub(super) fn name(accepted: &str) -> String {
    let name = accepted.split("Attribute 1 (User-Name) length=").nth(1);
    let name = name.and_then(|rest| rest.split('\'').nth(1));
    name.unwrap_or_default().to_owned()
}

/// What the answer holds, where that is a yes.
pub(super) async fn accepts(
    mut client: Command,
    server: &Server<'_>,
    holder: &Holder,
    certificate: &Path,
    version: &str,
) -> Option<String> {
    let tls = match version {
        "1.2" => "tls_disable_tlsv1_3=1",
        _ => "tls_disable_tlsv1_2=1 tls_disable_tlsv1_3=0",
    };
    let ca = server.folder.parent().unwrap().join("server-ca.crt");
    let text = format!(
        "network={{\nkey_mgmt=WPA-EAP\neap=TLS\nidentity=\"anybody@example.com\"\nca_cert=\"{}\"\n\
         domain_match=\"{HOST}\"\nclient_cert=\"{}\"\nprivate_key=\"{}\"\n\
         phase1=\"tls_disable_tlsv1_0=1 tls_disable_tlsv1_1=1 {tls}\"\n}}\n",
        ca.display(),
        certificate.display(),
        holder.key.display(),
    );
    let name = certificate.file_stem().unwrap().to_str().unwrap();
    let file = server.folder.join(format!("eapol-{name}-{version}.conf"));
    std::fs::write(&file, text).unwrap();
    client.arg("-c").arg(&file);
    client.args(["-a", server.address, "-t", "8", "-s", server.secret]);
    client.args(["-p", &server.port.to_string()]);
    let output = output(client).await;
    let said = said(&output);
    let success = said.lines().any(|line| line == "SUCCESS");
    assert_eq!(output.status.success(), success, "{said}");
    assert!(success || said.contains("FAILURE"), "{said}");
    let accepted = said.rsplit("RADIUS message: code=2").next().unwrap();
    success.then(|| accepted.to_owned())
}
