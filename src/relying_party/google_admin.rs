//! What a managed Chromebook is told, by Google's Admin console.

use serde_json::{Map, Value, json};

use crate::relying_party::file::About;
use crate::relying_party::{CaCertificate, ConfigurationError, File, Site, fill};

pub(super) fn files(site: &Site) -> Result<Vec<File>, ConfigurationError> {
    // ChromeOS reads these from the certificate that it is about to use.
    let username = if site.is_user && site.identity.email {
        "${CERT_SAN_EMAIL}"
    } else {
        "${CERT_SUBJECT_COMMON_NAME}"
    };
    let steps = fill!("relying_party/google-admin/steps.txt", site, username: &'a str = username)?;
    let about = About {
        purpose: "What to set in Google's Admin console.",
        reload: "policies reach a Chromebook by themselves; chrome://policy shows them.",
    };
    Ok(vec![
        File::new("STEPS", "#", &about, site, &steps),
        // To be uploaded as they are.
        File::bare("root.crt", &site.root.pem),
        File::bare("issuing.crt", &site.issuing.pem),
        File::bare("wifi.onc", &pretty(&wifi(site, username))),
        File::bare("auto-select-certificate.json", &pretty(&auto_select(site))),
        File::bare("extension-policy.json", &pretty(&extension(site))),
    ])
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

/// The parts of a name that ChromeOS compares, by the words of `common`, `organization` and `unit`.
fn issuer(ca: &CaCertificate, [common, organization, unit]: [&str; 3]) -> Value {
    let parts = [
        (common, &ca.common_name),
        (organization, &ca.organization),
        (unit, &ca.organizational_unit),
    ];
    let known = parts.into_iter().filter_map(|(word, value)| {
        let value = value.as_ref()?;
        Some((word.to_owned(), Value::from(value.as_str())))
    });
    Value::Object(known.collect::<Map<_, _>>())
}

/// Open Network Configuration: a Wi-Fi whose client certificate is found by its issuer.
fn wifi(site: &Site, username: &str) -> Value {
    let mut pattern = json!({
        "Issuer": issuer(&site.issuing, ["CommonName", "Organization", "OrganizationalUnit"]),
    });
    if let (Some(extension), Value::Object(pattern)) = (&site.place.extension, &mut pattern) {
        let page = format!("chrome-extension://{extension}/status/status.html");
        pattern.insert("EnrollmentURI".to_owned(), json!([page]));
    }
    json!({
        "Type": "UnencryptedConfiguration",
        "NetworkConfigurations": [{
            "GUID": format!("vaca-{}", site.profile),
            "Name": site.place.ssid,
            "Type": "WiFi",
            "WiFi": {
                "AutoConnect": true,
                "EAP": {
                    "ClientCertPattern": pattern,
                    "ClientCertType": "Pattern",
                    "DomainSuffixMatch": [site.place.server],
                    "Identity": username,
                    "Outer": "EAP-TLS",
                    "UseSystemCAs": true,
                },
                "SSID": site.place.ssid,
                "Security": "WPA-EAP",
            },
        }],
    })
}

/// The value of the policy: a list of texts, each of which is JSON again.
fn auto_select(site: &Site) -> Value {
    let entries = site.domains.iter().map(|domain| {
        json!({
            "pattern": format!("https://[*.]{domain}"),
            "filter": { "ISSUER": issuer(&site.issuing, ["CN", "O", "OU"]) },
        })
        .to_string()
    });
    entries.collect()
}

/// The managed configuration of the extension, as the Admin console takes it; its keys are those of
/// the extension's `managed_schema.json`.
fn extension(site: &Site) -> Value {
    let scope = if site.is_user { "user" } else { "machine" };
    json!({
        "servers": { "Value": [site.place.api_url] },
        "profiles": { "Value": [{ "name": site.profile, "scope": scope, "key": site.key }] },
        "roots_sha256": { "Value": [site.root.sha256] },
    })
}
