//! What must hold of everything that a stranger writes and vaca parses, one check for each fuzz
//! target: a second reader for every format, and the rules said again.
//!
//! The readers here are declared, not written: whatever they share with the service's own is a crate
//! that reads fields, never a decision about them. The checks are apart from the fuzzer so that the
//! tests of every change run them too, with no more than stable Rust.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a check says by a panic that something does not hold"
)]

mod answer;
mod answer_fields;
mod answer_rest;
mod challenge;
mod expected;
mod messages;
mod request_body;
mod spkac;
mod verdict;
mod wrapper;
mod wrapper_fields;

pub use answer::answer;
pub use answer_fields::answer_fields;
pub use answer_rest::answer_rest;
pub use challenge::challenge;
pub use request_body::request_body;
pub use spkac::spkac;
pub use wrapper::wrapper;
pub use wrapper_fields::wrapper_fields;

/// A check: any octets, any number of them. It panics where something does not hold.
pub type Check = fn(&[u8]);

/// Every check, by the name of its fuzz target.
pub const CHECKS: [(&str, Check); 8] = [
    ("answer", answer),
    ("answer_fields", answer_fields),
    ("answer_rest", answer_rest),
    ("challenge", challenge),
    ("request_body", request_body),
    ("spkac", spkac),
    ("wrapper", wrapper),
    ("wrapper_fields", wrapper_fields),
];

/// SHA-256.
fn sha256(message: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, message);
    digest.as_ref().try_into().expect("32 octets")
}
