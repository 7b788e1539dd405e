//! Envoy, in front of an application.

use crate::relying_party::folder::Folder;
use crate::relying_party::refresh::{Layout, Refresh};
use crate::relying_party::{ConfigurationError, File, Kind, Site, encoding, fill};

const KIND: Kind = Kind::Envoy;
const RELOAD: &str =
    "start Envoy again; it reads a new server.crt, server.key and crl.pem by itself.";

pub(super) fn files(site: &Site) -> Result<Vec<File>, ConfigurationError> {
    check_names(site)?;
    let mut folder = Folder::new(site, KIND, RELOAD);
    let octets = site.policy_octets()?.unwrap_or_default();
    let text = fill!(
        "relying_party/envoy/envoy.yaml", site,
        prefix_pattern: &'a str = &site.prefix_pattern(),
        policy: &'a str = &encoding::in_escaped_pem(&octets)
    )?;
    folder.own(
        "envoy.yaml",
        "Lets in who has a certificate of the profile, and tells the application who it is.",
        &text,
    );
    let trust = fill!("relying_party/envoy/trust.yaml", site)?;
    folder.own(
        "trust.yaml",
        "Whom to trust, and who was revoked; Envoy reads the lists again when a new file is moved there.",
        &trust,
    );
    let own = fill!("relying_party/envoy/server.yaml", site)?;
    folder.own("server.yaml", "The server's own certificate.", &own);
    folder.certificates();
    // It watches the folder: nobody has to be told.
    folder.refresh(Refresh {
        service: "Envoy",
        layout: Layout::One,
        reload: "",
    })?;
    folder.install(
        "Envoy lets in who has a certificate of the profile, and tells an application who it is.",
        &["Run Envoy by itself: envoy -c envoy.yaml. Or take listener and cluster into the configuration that you have. A renewed server.key and server.crt are moved into their places, in this order; what is written in place Envoy does not see."],
    )
}

/// Envoy shows all URIs as one text: where there are several it could not say which is the device's.
fn check_names(site: &Site) -> Result<(), ConfigurationError> {
    site.check_alternative_name(KIND)?;
    if !site.is_user && site.identity.several_uris {
        let wanted = "a subject alternative name with one URI alone, such as uri:https://{domain}/device/{device_permanent_id}";
        return Err(site.nameless(KIND, wanted));
    }
    Ok(())
}
