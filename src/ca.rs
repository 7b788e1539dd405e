//! What do we sign?
//!
//! Two steps for everything that is signed here: *prepare* makes the exact octets, *sign* takes
//! them from memory. Between the two the caller commits them; this module cannot see the database.
//! All that reaches a private key is inside this folder.

mod alternative;
pub mod authority;
pub mod bundle;
pub mod ceremony;
pub mod certificate;
pub mod claims;
pub mod crl;
mod extension;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod foreign;
pub mod issuer;
pub mod lint;
mod name;
pub mod ocsp;
pub mod reread;
mod signed;
pub mod signer;
mod tbs;
pub mod template;

pub use authority::Authority;
pub use certificate::{IssuedCertificate, PreparedCertificate};
pub use foreign::ForeignCertificate;
pub use issuer::Issuer;
