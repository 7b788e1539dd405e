//! strongSwan, IKEv2.

use crate::relying_party::folder::Folder;
use crate::relying_party::refresh::{Layout, Refresh};
use crate::relying_party::{ConfigurationError, File, Kind, Site, fill};

const KIND: Kind = Kind::Strongswan;
const RELOAD: &str = "swanctl --load-all";

/// Whom one connection is for.
struct Connection {
    id: String,
    why: &'static str,
}

pub(super) fn files(site: &Site) -> Result<Vec<File>, ConfigurationError> {
    let mut folder = Folder::new(site, KIND, RELOAD);
    let text = fill!(
        "relying_party/strongswan/swanctl.conf", site,
        connections: &'a [Connection] = &connections(site)?
    )?;
    let purpose = "A VPN gateway that lets in who has a certificate of the profile.";
    folder.own("swanctl.conf", purpose, &text);
    folder.certificates();
    let purpose = "The root: whom this gateway trusts.";
    folder.own("x509ca/root.pem", purpose, &site.root.pem);
    // Lists that it has used before it goes on using, until it is told to forget them.
    let reload = format!(
        " env SWANCTL_DIR={} sh -c 'swanctl --load-creds && swanctl --flush-certs'",
        site.place.folder
    );
    folder.refresh(Refresh {
        service: "strongswan",
        layout: Layout::Each,
        reload: &reload,
    })?;
    let mut steps = vec![
        "Put the gateway's own certificate there as x509/server.crt, the CA above it as x509ca/server-ca.crt, and its key as private/server.key. They come from a CA that the clients trust for the gateway, never from vaca.".to_owned(),
    ];
    steps.extend(folder.refresh_steps());
    steps.push(format!(
        "Load it: SWANCTL_DIR={} swanctl --load-all. Or copy swanctl.conf to /etc/swanctl/conf.d, and what is in x509ca, x509, private and x509crl to the folders of these names in /etc/swanctl.",
        site.place.folder
    ));
    steps.push("strongSwan asks the root, too, for a policy that it is to ask for, and vaca's roots have none: so none is asked for here. Where holders of other profiles must not come in, give the VPN an issuer and a root of its own.".to_owned());
    folder.install_by(
        "strongSwan lets in who has a certificate of the profile. It also asks the responder and fetches the lists that certificates name.",
        &steps,
    )
}

/// One connection for each domain: a wildcard stands for what is before the @ alone.
fn connections(site: &Site) -> Result<Vec<Connection>, ConfigurationError> {
    if site.is_user {
        site.check_alternative_name(KIND)?;
        let domains = site.domains.iter();
        return Ok(domains
            .map(|domain| Connection {
                id: format!("\"*@{domain}\""),
                why: "The client gives its e-mail as its identity; the certificate must have it too.",
            })
            .collect());
    }
    // What a device is called is in its subject, of which each attribute must be matched.
    site.attribute(KIND)?;
    let attributes = site.subject.iter();
    let attributes: Vec<_> = attributes
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Ok(vec![Connection {
        id: format!("\"{}\"", attributes.join(", ")),
        why: "The client gives its subject as its identity; the certificate must have it too.",
    }])
}
