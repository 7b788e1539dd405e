//! stunnel, in front of anything that speaks TCP.

use crate::relying_party::folder::Folder;
use crate::relying_party::refresh::{Layout, Refresh};
use crate::relying_party::{ConfigurationError, File, Kind, Site, fill};

const KIND: Kind = Kind::Stunnel;
const RELOAD: &str = "systemctl kill --signal=HUP stunnel@vaca";

pub(super) fn files(site: &Site) -> Result<Vec<File>, ConfigurationError> {
    let mut folder = Folder::new(site, KIND, RELOAD);
    let has_email = site.is_user && site.identity.email;
    let text = fill!(
        "relying_party/stunnel/stunnel.conf", site,
        domain: Option<&'a String> = site.domains.first().filter(|_| has_email)
    )?;
    let purpose =
        "Lets in who has a certificate below the root, to an application that knows nothing of it.";
    folder.own("stunnel.conf", purpose, &text);
    folder.certificates();
    folder.refresh(Refresh {
        service: "stunnel",
        layout: Layout::One,
        reload: " systemctl --no-block kill --signal=HUP stunnel@vaca.service",
    })?;
    folder.install(
        "stunnel lets in who has a certificate below the root.",
        &[
            "Give it its key: chown stunnel4: server.key. It gives up root, and reads the key again at each reload.",
            "Link stunnel.conf to /etc/stunnel/vaca.conf; then systemctl enable --now stunnel@vaca.",
            overlooked(has_email),
        ],
    )
}

/// What stunnel cannot be asked for.
fn overlooked(has_email: bool) -> &'static str {
    if has_email {
        "stunnel asks for no policy, domain or unit: the certificates of all users and devices below the root are as good. It can be given the e-mails of those who may come in, one by one: checkEmail in stunnel.conf. Where that does not do, give the application an issuer and a root of its own, or take HAProxy."
    } else {
        "stunnel asks for no policy, domain, unit or name: the certificates of all users and devices below the root are as good. Where that does not do, give the application an issuer and a root of its own, or take HAProxy."
    }
}
