#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod captures;
mod fixtures;
mod made;
mod properties;
mod text;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::csr::{KeyRefusal, ProvenKey, spkac};

/// `tests/fixtures/csr/NAME.der`.
fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/csr");
    std::fs::read(folder.join(name).with_extension("der")).unwrap()
}

/// [`spkac::prove`], on the text that Verified Access would relay.
fn prove_der(der: &[u8]) -> Result<ProvenKey, KeyRefusal> {
    spkac::prove(&STANDARD.encode(der))
}

/// Every variant of `der` with one bit changed, and which bit it is.
fn flipped(der: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..der.len() * 8).map(|bit| {
        let mut flipped = der.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        (bit, flipped)
    })
}
