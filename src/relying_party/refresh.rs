//! What keeps a server's revocation lists fresh: a script, the unit that runs it, and the timer of
//! that.

use crate::relying_party::file::About;
use crate::relying_party::folder::Folder;
use crate::relying_party::{ConfigurationError, File, Kind, fill};

/// How a server wants its lists, and how it is told of new ones.
#[derive(Clone, Copy)]
pub(super) struct Refresh<'a> {
    /// The service that is told.
    pub(super) service: &'a str,
    /// How the lists lie in the folder.
    pub(super) layout: Layout,
    /// What the timer's unit runs behind the script; nothing where nobody has to be told.
    pub(super) reload: &'a str,
}

/// How lists lie in the folder.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// All in `crl.pem`.
    One,
    /// All in `trust.pem`, behind the root's certificate.
    Trust,
    /// Each as the next file that OpenSSL looks for in `trust/`, beside the certificates.
    Hashed {
        /// Whether the issuing CA's certificate is among them.
        issuing: bool,
    },
    /// One file each in `x509crl/`.
    Each,
}

impl Layout {
    /// The word that the template compares.
    fn as_str(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Trust => "trust",
            Self::Hashed { .. } => "hashed",
            Self::Each => "each",
        }
    }
}

/// Script, unit and timer.
pub(super) fn add(folder: &mut Folder<'_>, refresh: Refresh<'_>) -> Result<(), ConfigurationError> {
    let (site, kind) = (folder.site, folder.kind);
    let unit = site.unit_name(kind);
    let script = fill!(
        "relying_party/refresh/refresh.sh", site,
        layout: &'a str = refresh.layout.as_str(),
        trusts_issuing: bool = refresh.layout == Layout::Hashed { issuing: true },
        unit: &'a str = &unit
    )?;
    let oneshot = fill!(
        "relying_party/refresh/unit.service", site,
        kind: Kind = kind,
        service: &'a str = refresh.service,
        reload: &'a str = refresh.reload
    )?;
    let timer = fill!("relying_party/refresh/unit.timer", site, kind: Kind = kind)?;
    let file = |name: &str, purpose, reload, text: &str| {
        File::new(name, "#", &About { purpose, reload }, site, text)
    };
    let fetches = "Fetches the revocation lists, and takes them where they are good and new.";
    let run = format!("systemctl start {unit}.service runs it at once.");
    folder.push(file("refresh", fetches, &run, &script).executable());
    let daemon = "systemctl daemon-reload, after it was copied to /etc/systemd/system.";
    let once = "Runs the refresh of revocation lists once.";
    folder.push(file(&format!("{unit}.service"), once, daemon, &oneshot));
    let often = "Runs the refresh of revocation lists every minute.";
    folder.push(file(&format!("{unit}.timer"), often, daemon, &timer));
    Ok(())
}
