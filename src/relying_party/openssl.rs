//! OpenSSL's own server, to try things out.

use crate::relying_party::folder::Folder;
use crate::relying_party::refresh::{Layout, Refresh};
use crate::relying_party::{ConfigurationError, File, Kind, Site, fill};

pub(super) fn files(site: &Site) -> Result<Vec<File>, ConfigurationError> {
    let mut folder = Folder::new(site, Kind::Openssl, "stop it and start it again.");
    let text = fill!("relying_party/openssl/serve", site)?;
    let purpose =
        "OpenSSL's own server; lets in who has a certificate of the profile's issuer and policy.";
    folder.push(folder.file("serve", purpose, &text).executable());
    folder.certificates();
    folder.refresh(Refresh {
        service: "the server",
        layout: Layout::One,
        reload: "",
    })?;
    folder.install(
        "OpenSSL's own server, to see whether a certificate is taken. It looks at no name.",
        &["Run serve."],
    )
}
