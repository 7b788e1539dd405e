//! Apache, in front of an application.

use crate::relying_party::folder::Folder;
use crate::relying_party::refresh::{Layout, Refresh};
use crate::relying_party::{ConfigurationError, File, Kind, Revocation, Site, encoding, fill};

const KIND: Kind = Kind::Apache;
const RELOAD: &str = "systemctl reload apache2";

pub(super) fn files(site: &Site) -> Result<Vec<File>, ConfigurationError> {
    let mut folder = Folder::new(site, KIND, RELOAD);
    let ocsp = site.place.revocation == Revocation::Ocsp;
    let octets = site.policy_octets()?.unwrap_or_default();
    let host = fill!(
        "relying_party/apache/vaca.conf", site,
        variable: &'a str = &variable(site)?,
        pattern: &'a str = &encoding::in_pem(&octets),
        ocsp: bool = ocsp
    )?;
    folder.own(
        "vaca.conf",
        "Lets in who has a certificate of the profile, and tells the application who it is.",
        &host,
    );
    let own = fill!("relying_party/apache/apache2.conf", site)?;
    folder.own(
        "apache2.conf",
        "Apache for this alone: apache2 -f with this file. An Apache that you have includes vaca.conf instead.",
        &own,
    );
    folder.certificates();
    if !ocsp {
        folder.refresh(Refresh {
            service: "apache2",
            layout: Layout::One,
            reload: " systemctl --no-block try-reload-or-restart apache2.service",
        })?;
    }
    folder.install(
        "Apache lets in who has a certificate of the profile, and tells an application who it is.",
        &["Link vaca.conf into /etc/apache2/sites-enabled, run a2enmod ssl headers proxy proxy_http and apachectl -t, then systemctl reload apache2."],
    )
}

/// Which of Apache's variables is the holder's name.
fn variable(site: &Site) -> Result<String, ConfigurationError> {
    if site.is_user && site.identity.email {
        return Ok("SSL_CLIENT_SAN_Email_0".to_owned());
    }
    Ok(format!("SSL_CLIENT_S_DN_{}", site.attribute(KIND)?))
}
