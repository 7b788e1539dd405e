//! Clients that are no Chromebooks: what they need to use a certificate, and whom they believe.

use crate::relying_party::file::About;
use crate::relying_party::openvpn::protocol;
use crate::relying_party::{ConfigurationError, File, Site, fill};

pub(super) fn wpa_supplicant(site: &Site) -> Result<Vec<File>, ConfigurationError> {
    let text = fill!("relying_party/client/wpa_supplicant.conf", site)?;
    let about = About {
        purpose: "Joins the Wi-Fi with a certificate of the profile; a network of wpa_supplicant.conf.",
        reload: "wpa_cli reconfigure",
    };
    Ok(vec![File::new(
        "wpa_supplicant.conf",
        "#",
        &about,
        site,
        &text,
    )])
}

pub(super) fn ovpn(site: &Site) -> Result<Vec<File>, ConfigurationError> {
    let text = fill!(
        "relying_party/client/client.ovpn", site,
        proto: &'a str = protocol(site, "tcp-client")
    )?;
    let about = About {
        purpose: "Joins the VPN with a certificate of the profile: openvpn --config client.ovpn.",
        reload: "connect again.",
    };
    Ok(vec![File::new("client.ovpn", "#", &about, site, &text)])
}
