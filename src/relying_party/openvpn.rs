//! OpenVPN's server.

use crate::relying_party::folder::Folder;
use crate::relying_party::refresh::{Layout, Refresh};
use crate::relying_party::{ConfigurationError, File, Kind, Site, fill};

const KIND: Kind = Kind::Openvpn;
const RELOAD: &str = "systemctl restart openvpn-server@vaca";

pub(super) fn files(site: &Site) -> Result<Vec<File>, ConfigurationError> {
    site.check_alternative_name(KIND)?;
    let mut folder = Folder::new(site, KIND, RELOAD);
    let field = if site.is_user {
        "ext:subjectAltName"
    } else {
        site.attribute(KIND)?
    };
    let server = fill!(
        "relying_party/openvpn/server.conf", site,
        field: &'a str = field,
        proto: &'a str = protocol(site, "tcp-server")
    )?;
    let purpose = "A VPN server that lets in who has a certificate of the profile.";
    folder.own("server.conf", purpose, &server);
    let check = fill!(
        "relying_party/openvpn/check-client", site,
        name: &'a str = &name_pattern(site)
    )?;
    let purpose = "Holds each client's certificate against the profile; read for each client.";
    folder.push(folder.file("check-client", purpose, &check).executable());
    folder.certificates();
    // It looks at the list for each client: nobody has to be told.
    folder.refresh(Refresh {
        service: "OpenVPN",
        layout: Layout::One,
        reload: "",
    })?;
    let peers = format!(
        "Make the folder {}/peers, mode 0700: a client's certificate is there while it is looked at.",
        site.place.folder
    );
    folder.install(
        "OpenVPN lets in who has a certificate of the profile.",
        &[
            &peers,
            "Link server.conf to /etc/openvpn/server/vaca.conf; then systemctl enable --now openvpn-server@vaca.",
        ],
    )
}

/// An extended regular expression of POSIX, which knows no `(?:`.
fn name_pattern(site: &Site) -> String {
    let name = site.name_pattern().replace("(?:", "(");
    if site.is_user {
        format!("email:{name}")
    } else {
        format!("URI:{}{name}", site.prefix().replace('.', "\\."))
    }
}

/// UDP, but TCP on the port of HTTPS, where nothing else passes a firewall.
pub(super) fn protocol(site: &Site, tcp: &'static str) -> &'static str {
    if site.place.listen.port() == 443 {
        tcp
    } else {
        "udp"
    }
}
