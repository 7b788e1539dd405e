//! hostapd as a RADIUS server, EAP-TLS.

use crate::model::serial::hex;
use crate::random::Random;
use crate::relying_party::folder::Folder;
use crate::relying_party::refresh::{Layout, Refresh};
use crate::relying_party::{ConfigurationError, File, Kind, Site, fill};

const KIND: Kind = Kind::Hostapd;
/// A restart takes a moment, and equipment asks again.
const RELOAD: &str = "systemctl restart hostapd";
const CLIENTS: &str =
    "Which equipment may ask, with the secrets that it shares with hostapd. Not made again.";

pub(super) fn files(site: &Site, random: &dyn Random) -> Result<Vec<File>, ConfigurationError> {
    let mut folder = Folder::new(site, KIND, RELOAD);
    let server = fill!("relying_party/hostapd/hostapd.conf", site)?;
    let purpose =
        "A RADIUS server that lets in who has a certificate of the profile's issuer and scope.";
    folder.own("hostapd.conf", purpose, &server);
    let methods = fill!("relying_party/hostapd/methods", site)?;
    folder.own("methods", "Which EAP method whom is asked for.", &methods);
    let secret: [u8; 16] = random.array()?;
    let clients = fill!("relying_party/hostapd/clients", site, secret: &'a str = &hex(&secret))?;
    folder.push(folder.file("clients", CLIENTS, &clients).secret());
    folder.certificates();
    // It reads the file again by itself.
    folder.refresh(Refresh {
        service: "hostapd",
        layout: Layout::Trust,
        reload: "",
    })?;
    let overlooked = format!(
        "hostapd asks for no policy, domain or name: every {0}'s certificate below the root is as good as one of the profile. Where holders of other profiles must not come in, give the Wi-Fi an issuer and a root of its own, or take FreeRADIUS.",
        site.holder()
    );
    folder.install(
        "hostapd, as a RADIUS server beside access points, lets in who has a certificate.",
        &[
            "In the file clients, name the access points, each with a secret of its own.",
            "Start it by itself: hostapd with hostapd.conf. Or link that to /etc/hostapd/hostapd.conf on a machine where hostapd does nothing else; then systemctl unmask hostapd and systemctl enable --now hostapd.",
            &overlooked,
            "The name of which equipment and accounting are told is the one that the client gave itself; hostapd does not hold it against the certificate. Decide nothing by it, VLANs neither.",
        ],
    )
}
