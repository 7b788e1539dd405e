//! nginx, in front of an application.

use crate::relying_party::folder::Folder;
use crate::relying_party::refresh::{Layout, Refresh};
use crate::relying_party::status::{self, Asked};
use crate::relying_party::{ConfigurationError, File, Kind, Revocation, Site, encoding, fill};

const KIND: Kind = Kind::Nginx;
const RELOAD: &str = "systemctl reload nginx";

pub(super) fn files(site: &Site) -> Result<Vec<File>, ConfigurationError> {
    let mut folder = Folder::new(site, KIND, RELOAD);
    let ocsp = site.place.revocation == Revocation::Ocsp;
    let asked = Asked::by(site);
    let octets = site.policy_octets()?.unwrap_or_default();
    let server = fill!(
        "relying_party/nginx/vaca.conf", site,
        attribute: &'a str = site.attribute(KIND)?,
        pattern: &'a str = &encoding::in_pem(&octets),
        ocsp: bool = ocsp,
        asked: &'a Option<Asked> = &asked
    )?;
    folder.own(
        "vaca.conf",
        "Lets in who has a certificate of the profile, and tells the application who it is.",
        &server,
    );
    let own = fill!("relying_party/nginx/nginx.conf", site)?;
    folder.own(
        "nginx.conf",
        "nginx for this alone: nginx -c with this file. An nginx that you have includes vaca.conf in its http block instead.",
        &own,
    );
    if asked.is_some() {
        let token = fill!("relying_party/nginx/token.conf", site)?;
        status::add_token(&mut folder, &token);
    }
    folder.certificates();
    if !ocsp {
        folder.refresh(Refresh {
            service: "nginx",
            layout: Layout::One,
            reload: " systemctl --no-block try-reload-or-restart nginx.service",
        })?;
    }
    folder.install(
        "nginx lets in who has a certificate of the profile, and tells an application who it is.",
        &["Link vaca.conf into /etc/nginx/conf.d, run nginx -t, then systemctl reload nginx."],
    )
}
