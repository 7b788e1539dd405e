//! Servers that ask the service itself how a certificate stands, for each authentication: a revocation
//! holds from the next one on. Lists stay in use beside it, and decide while the service is away.

use url::Url;

use crate::relying_party::folder::Folder;
use crate::relying_party::{Revocation, Site};

/// Where the answers come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// `https://host:port`.
    pub(super) url: String,
    /// Its host alone.
    pub(super) host: String,
    /// Host and port, the latter in any case.
    pub(super) authority: String,
}

impl Asked {
    /// Whom servers of this place ask, where they do.
    pub(super) fn by(site: &Site) -> Option<Self> {
        let url = site.place.admin_url.clone();
        let asks = matches!(site.place.revocation, Revocation::Status | Revocation::Gate);
        let url = url.filter(|_| asks)?;
        let parsed = Url::parse(&url).ok()?;
        let host = parsed.domain()?.to_owned();
        let authority = format!("{host}:{}", parsed.port_or_known_default()?);
        Some(Self {
            url,
            host,
            authority,
        })
    }
}

/// The file with the token: the operator puts it there, and it is not made again.
pub(super) fn add_token(folder: &mut Folder<'_>, text: &str) {
    let purpose = "The token with which this server asks how certificates stand. Not made again.";
    folder.push(folder.file("token.conf", purpose, text).secret());
}

/// What INSTALL says of it.
pub(super) fn steps(site: &Site) -> Vec<String> {
    let Some(asked) = Asked::by(site) else {
        return Vec::new();
    };
    let (file, header) = match site.place.revocation {
        Revocation::Gate => ("token.env", " --certificate-header Client-Cert"),
        _ => ("token.conf", ""),
    };
    vec![
        format!(
            "Put the certificate of the CA that vouches for {} there as admin-ca.pem: of the one that signed tls_certificate_file of [admin], never of vaca's own.",
            asked.authority
        ),
        format!(
            "Where vaca runs: vaca tokens create --role relying_party --name {} --expires 400d{header}; put what it prints into {file}, which nobody but the server reads. Make a new one before it ends.",
            site.place.server
        ),
    ]
}
