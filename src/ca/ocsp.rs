//! The Online Certificate Status Protocol (RFC 6960): reading requests, and what a delegated signer
//! says. Pure but for the signature; who asks the record stands elsewhere.

pub mod certificate_id;
mod lint;
pub mod request;
pub mod response;
pub mod signer;

pub use certificate_id::{CertificateId, IssuerHashes};
pub use request::{Nonce, Request};
pub use response::{CertificateStatus, Failure, Response};
pub use signer::{PreparedSigner, ResponseSigner};

#[cfg(test)]
mod tests;
