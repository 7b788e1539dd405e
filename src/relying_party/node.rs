//! A server in Node.js.

use crate::model::serial::hex;
use crate::relying_party::file::About;
use crate::relying_party::folder::Folder;
use crate::relying_party::refresh::{Layout, Refresh};
use crate::relying_party::{ConfigurationError, File, Kind, Site, fill};

const KIND: Kind = Kind::Node;
const RELOAD: &str = "kill -HUP the process; it reads certificates and lists again.";

pub(super) fn files(site: &Site) -> Result<Vec<File>, ConfigurationError> {
    site.check_alternative_name(KIND)?;
    let mut folder = Folder::new(site, KIND, RELOAD);
    let octets = site.policy_octets()?.unwrap_or_default();
    let text = fill!(
        "relying_party/node/server.mjs", site,
        octets: &'a str = &hex(&octets),
        prefix_pattern: &'a str = &site.prefix_pattern()
    )?;
    let about = About {
        purpose: "An HTTPS server that lets in who has a certificate of the profile: node server.mjs.",
        reload: RELOAD,
    };
    folder.push(File::new("server.mjs", "//", &about, site, &text));
    folder.certificates();
    folder.refresh(Refresh {
        service: "the server",
        layout: Layout::One,
        reload: " systemctl --no-block kill --signal=HUP node-vaca.service",
    })?;
    folder.install(
        "A server in Node.js that lets in who has a certificate of the profile.",
        &["Put your application in the place of `application`, and run server.mjs as a service, node-vaca.service."],
    )
}
