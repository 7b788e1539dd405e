//! What opens a key file.

use std::fmt;

use zeroize::Zeroizing;

/// There is no passphrase in what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the passphrase is empty")]
pub struct EmptyPassphrase;

/// A passphrase: erased from memory after use, never shown.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes a passphrase as it stands in a file or on a terminal: one line ending behind it is
    /// dropped, as `openssl -passin file:` does; nothing else is changed.
    ///
    /// # Errors
    /// [`EmptyPassphrase`].
    pub fn new(text: String) -> Result<Self, EmptyPassphrase> {
        let mut text = Zeroizing::new(text);
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        if text.is_empty() {
            return Err(EmptyPassphrase);
        }
        Ok(Self(text))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Passphrase(..)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;

    #[test]
    fn one_line_ending_is_dropped_and_nothing_is_shown() {
        for text in ["secret", "secret\n", "secret\r\n"] {
            let passphrase = Passphrase::new(text.to_owned()).unwrap();
            assert_eq!(passphrase.as_bytes(), b"secret");
            assert_eq!(format!("{passphrase:?}"), "Passphrase(..)");
        }
        let two = Passphrase::new(" secret\n\n".to_owned()).unwrap();
        assert_eq!(two.as_bytes(), b" secret\n");
        for text in ["", "\n", "\r\n"] {
            assert_eq!(
                Passphrase::new(text.to_owned()).unwrap_err(),
                EmptyPassphrase
            );
        }
    }
}
