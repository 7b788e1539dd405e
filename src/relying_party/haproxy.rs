//! HAProxy, in front of an application.

use crate::model::serial::hex;
use crate::relying_party::folder::Folder;
use crate::relying_party::refresh::{Layout, Refresh};
use crate::relying_party::{ConfigurationError, File, Kind, Site, fill};

const KIND: Kind = Kind::Haproxy;
const RELOAD: &str = "systemctl reload haproxy";

pub(super) fn files(site: &Site) -> Result<Vec<File>, ConfigurationError> {
    let mut folder = Folder::new(site, KIND, RELOAD);
    let octets = site.policy_octets()?.unwrap_or_default();
    let text = fill!(
        "relying_party/haproxy/haproxy.cfg", site,
        attribute: &'a str = site.attribute(KIND)?,
        octets: &'a str = &hex(&octets).to_ascii_uppercase()
    )?;
    folder.own(
        "haproxy.cfg",
        "Lets in who has a certificate of the profile, and tells the application who it is.",
        &text,
    );
    folder.certificates();
    folder.refresh(Refresh {
        service: "haproxy",
        layout: Layout::One,
        reload: " systemctl --no-block try-reload-or-restart haproxy.service",
    })?;
    folder.install(
        "HAProxy lets in who has a certificate of the profile, and tells an application who it is.",
        &["Run HAProxy by itself: haproxy -W -f haproxy.cfg. Or take frontend, backend and the lines of global into the configuration that you have."],
    )
}
