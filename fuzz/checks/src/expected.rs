//! What the targets expect an answer to be about.

use vaca::model::identity::{Domain, Email, ExpectedIdentity};
use vaca::model::profile::{CertificateProfile, ProfileSettings};

/// The managing customer of every profile here.
pub(crate) const CUSTOMER: &str = "C01example";
/// The domain of every profile here.
pub(crate) const DOMAIN: &str = "example.com";
/// The user who is asked about.
pub(crate) const EMAIL: &str = "alice@example.com";

/// A profile of `scope` (`user` or `machine`).
pub(crate) fn profile(scope: &str, require_customer_id: bool) -> CertificateProfile {
    let settings: ProfileSettings = toml::from_str(&format!(
        "name = 'wifi'\nscope = '{scope}'\ndomains = ['{DOMAIN}']\ncustomer_id = '{CUSTOMER}'\n\
         require_customer_id = {require_customer_id}\nissuer = 'issuing'\n\
         allow = 'all_verified'"
    ))
    .expect("settings");
    settings.try_into().expect("a profile")
}

/// The device's domain.
pub(crate) fn domain() -> ExpectedIdentity {
    ExpectedIdentity::Domain(Domain::parse(DOMAIN).expect("a domain"))
}

/// The user's e-mail.
pub(crate) fn email() -> ExpectedIdentity {
    ExpectedIdentity::Email(Email::parse(EMAIL).expect("an e-mail"))
}
