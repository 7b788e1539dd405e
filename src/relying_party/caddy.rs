//! Caddy, in front of an application. It reads no lists, and asks for each request whether the holder may
//! pass a gate.

use crate::relying_party::folder::Folder;
use crate::relying_party::status::Asked;
use crate::relying_party::{ConfigurationError, File, Kind, Site, fill};

const KIND: Kind = Kind::Caddy;
const RELOAD: &str = "systemctl restart caddy";

pub(super) fn files(site: &Site) -> Result<Vec<File>, ConfigurationError> {
    let asked = Asked::by(site).zip(site.place.gate.as_deref());
    let (vaca, gate) = asked.ok_or(ConfigurationError::OnlyGate { kind: KIND })?;
    let mut folder = Folder::new(site, KIND, RELOAD);
    let text = fill!(
        "relying_party/caddy/Caddyfile", site,
        vaca: &'a Asked = &vaca,
        gate: &'a str = gate
    )?;
    folder.own(
        "Caddyfile",
        "Lets in whom vaca lets pass, and tells the application who it is.",
        &text,
    );
    let token = fill!("relying_party/caddy/token.env", site)?;
    let purpose = "The token with which Caddy asks. Not made again.";
    folder.push(folder.file("token.env", purpose, &token).secret());
    folder.certificates();
    folder.install(
        "Caddy lets in whom vaca lets pass, and tells an application who it is.",
        &["Run Caddy by itself: caddy run --envfile token.env --adapter caddyfile --config Caddyfile. Or take the site into the Caddyfile that you have, and the token into the environment of its service: EnvironmentFile= in a file of systemctl edit caddy."],
    )
}
