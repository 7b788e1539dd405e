//! ocserv, the server of openconnect and AnyConnect.

use crate::model::certificate_names::Attribute;
use crate::relying_party::folder::Folder;
use crate::relying_party::refresh::{Layout, Refresh};
use crate::relying_party::{ConfigurationError, File, Kind, Site, fill};

const KIND: Kind = Kind::Ocserv;
const RELOAD: &str = "systemctl restart ocserv";

pub(super) fn files(site: &Site) -> Result<Vec<File>, ConfigurationError> {
    let mut folder = Folder::new(site, KIND, RELOAD);
    let server = fill!(
        "relying_party/ocserv/ocserv.conf", site,
        name: &'a str = &name(site)?
    )?;
    let purpose = "A VPN server that lets in who has a certificate of the profile.";
    folder.own("ocserv.conf", purpose, &server);
    let check = fill!(
        "relying_party/ocserv/check-client", site,
        // An extended regular expression of POSIX, which knows no `(?:`.
        name: &'a str = &site.name_pattern().replace("(?:", "(")
    )?;
    let purpose = "Holds each client against the profile; read for each client.";
    folder.push(folder.file("check-client", purpose, &check).executable());
    folder.certificates();
    folder.refresh(Refresh {
        service: "ocserv",
        layout: Layout::One,
        reload: " systemctl --no-block try-reload-or-restart ocserv.service",
    })?;
    let start = "Link ocserv.conf to /etc/ocserv/ocserv.conf; then systemctl enable --now ocserv.";
    let connect = format!(
        "A client that is no Chromebook: openconnect --certificate chain.pem --sslkey key.pem https://{}:{}",
        site.place.server,
        site.place.listen.port()
    );
    let overlooked = format!(
        "ocserv can ask for no policy: a {}'s certificate of another profile is as good where it names somebody of the same domains. Where that matters, give the VPN an issuer and a root of its own.",
        site.holder()
    );
    folder.install(
        "ocserv lets in who has a certificate.",
        &[start, &connect, &overlooked],
    )
}

/// Where ocserv finds what it calls the holder: the whole e-mail, or an attribute by its identifier.
fn name(site: &Site) -> Result<String, ConfigurationError> {
    if site.is_user {
        site.check_alternative_name(KIND)?;
        return Ok("SAN(rfc822name)".to_owned());
    }
    let name = site.attribute(KIND)?;
    let mut all = Attribute::ALL.into_iter();
    let attribute = all.find(|attribute| attribute.as_str() == name);
    Ok(attribute.unwrap_or(Attribute::CommonName).oid().to_string())
}
