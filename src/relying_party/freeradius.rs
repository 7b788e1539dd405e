//! FreeRADIUS, EAP-TLS.

use crate::model::serial::hex;
use crate::random::Random;
use crate::relying_party::folder::Folder;
use crate::relying_party::refresh::{Layout, Refresh};
use crate::relying_party::status::{self, Asked};
use crate::relying_party::{ConfigurationError, File, Kind, Revocation, Site, Trust, fill};

const KIND: Kind = Kind::Freeradius;
/// A restart takes a moment, and equipment asks again.
const RELOAD: &str = "systemctl restart freeradius";
const CLIENTS: &str =
    "Which equipment may ask, with the secrets that it shares with FreeRADIUS. Not made again.";
const FALLBACK: &str =
    "What becomes of those whom the lists let in, while vaca does not answer. Not made again.";
const STEPS: [&str; 3] = [
    "Let FreeRADIUS read its secrets, and no more, because root runs what is in the folder: chgrp freerad server.key clients.conf, and token.conf where there is one; chmod 640 on them.",
    "In clients.conf, name the access points, each with a secret of its own.",
    "Start it by itself: freeradius -f -d with this folder. Or add it to a FreeRADIUS that you have: eap.conf, and status.conf where there is one, to mods-enabled, site.conf to sites-enabled, the attributes of dictionary to its dictionary.",
];

pub(super) fn files(site: &Site, random: &dyn Random) -> Result<Vec<File>, ConfigurationError> {
    site.check_alternative_name(KIND)?;
    let mut folder = Folder::new(site, KIND, RELOAD);
    let asked = Asked::by(site);
    let radiusd =
        fill!("relying_party/freeradius/radiusd.conf", site, asked: bool = asked.is_some())?;
    let alone = "FreeRADIUS for the profile alone: freeradius -d with this folder.";
    folder.own("radiusd.conf", alone, &radiusd);
    let root_alone = site.place.trust == Trust::Root;
    let eap = fill!(
        "relying_party/freeradius/eap.conf", site,
        ocsp: bool = site.place.revocation == Revocation::Ocsp,
        root_alone: bool = root_alone
    )?;
    folder.own(
        "eap.conf",
        "EAP-TLS: whom to trust, and who was revoked.",
        &eap,
    );
    let servers = fill!(
        "relying_party/freeradius/site.conf", site,
        prefix_pattern: &'a str = &site.prefix_pattern(),
        asked: &'a Option<Asked> = &asked
    )?;
    folder.own(
        "site.conf",
        "Who may come in, and how they are called.",
        &servers,
    );
    if let Some(asked) = &asked {
        ask(&mut folder, site, asked)?;
    }
    let secret: [u8; 16] = random.array()?;
    let clients =
        fill!("relying_party/freeradius/clients.conf", site, secret: &'a str = &hex(&secret))?;
    folder.push(folder.file("clients.conf", CLIENTS, &clients).secret());
    let dictionary =
        fill!("relying_party/freeradius/dictionary", site, asked: bool = asked.is_some())?;
    folder.own(
        "dictionary",
        "The attributes of certificates that are asked for.",
        &dictionary,
    );
    folder.certificates();
    folder.refresh(Refresh {
        service: "freeradius",
        layout: Layout::Hashed {
            issuing: !root_alone,
        },
        reload: " systemctl --no-block try-restart freeradius.service",
    })?;
    folder.install(
        "FreeRADIUS lets in who has a certificate of the profile.",
        &STEPS,
    )
}

/// What it takes to ask how a certificate stands.
fn ask(folder: &mut Folder<'_>, site: &Site, asked: &Asked) -> Result<(), ConfigurationError> {
    let module = fill!("relying_party/freeradius/status.conf", site, asked: &'a Asked = asked)?;
    let purpose = "Asks vaca how a certificate stands.";
    folder.own("status.conf", purpose, &module);
    let token = fill!("relying_party/freeradius/token.conf", site)?;
    status::add_token(folder, &token);
    if site.has_attributes() {
        let fallback = fill!("relying_party/freeradius/fallback.conf", site)?;
        folder.push(folder.file("fallback.conf", FALLBACK, &fallback).once());
    }
    Ok(())
}
