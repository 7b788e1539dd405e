//! What the fuzz targets share: a second reader for every format, and the values that are expected.
//!
//! The readers here are declared, not written: whatever they share with the service's own is a crate
//! that reads fields, never a decision about them.

pub mod expected;
pub mod messages;
pub mod verdict;

/// SHA-256.
#[must_use]
pub fn sha256(message: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, message);
    digest.as_ref().try_into().expect("32 octets")
}
