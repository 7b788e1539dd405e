//! The secret that both sides know, and what it says of a body.

use std::path::Path;

use anyhow::{Context as _, ensure};
use aws_lc_rs::hmac;

/// What stands before the digits in the header.
const SCHEME: &str = "v1=";

pub(crate) struct Secret(hmac::Key);

impl Secret {
    /// From a file of 64 hexadecimal digits.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let place = || path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(place)?;
        let secret = octets(text.trim()).with_context(place)?;
        ensure!(
            secret.len() == 32,
            "{}: not 64 hexadecimal digits",
            path.display()
        );
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &secret)))
    }

    /// The purpose stands in the first line of what is tagged, so that a question never passes as an
    /// event, nor an answer as either.
    fn tagged(purpose: &str, body: &[u8]) -> Vec<u8> {
        [purpose.as_bytes(), b"\n", body].concat()
    }

    /// The header's value for what we send.
    pub(crate) fn sign(&self, purpose: &str, body: &[u8]) -> String {
        let tag = hmac::sign(&self.0, &Self::tagged(purpose, body));
        let digits = tag.as_ref().iter().map(|octet| format!("{octet:02x}"));
        digits.fold(SCHEME.to_owned(), |text, digits| text + &digits)
    }

    /// Whether the header's value is that of this body; takes the same time for every wrong one.
    pub(crate) fn verifies(&self, purpose: &str, body: &[u8], header: &str) -> bool {
        let tag = header.strip_prefix(SCHEME).and_then(octets);
        tag.is_some_and(|tag| hmac::verify(&self.0, &Self::tagged(purpose, body), &tag).is_ok())
    }
}

fn octets(digits: &str) -> Option<Vec<u8>> {
    let pair = |at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    (0..digits.len()).step_by(2).map(pair).collect()
}
