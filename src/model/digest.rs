//! SHA-256 (FIPS 180-4), as this house names and compares things by it.

use aws_lc_rs::digest::{SHA256, digest};
use serde::Serialize;

/// SHA-256 of these octets.
#[must_use]
pub fn sha256(octets: &[u8]) -> [u8; 32] {
    let mut value = [0; 32];
    value.copy_from_slice(digest(&SHA256, octets).as_ref());
    value
}

/// SHA-256 over `label` and settings as JSON with sorted keys: what a decision was made by.
#[must_use]
pub(crate) fn of_settings(label: &str, settings: &impl Serialize) -> [u8; 32] {
    // `Value` keeps objects sorted by key.
    let json = serde_json::to_value(settings).unwrap_or_default();
    sha256(format!("{label}{json}").as_bytes())
}
