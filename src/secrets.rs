//! The deployment key: what the database must not be able to forge.

use std::fmt;

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

/// What a tag is for. Each purpose has a key of its own, so that no tag can serve as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A verdict of Verified Access, kept in the database.
    Verdict,
    /// A personal value in the audit record, which can stay when the value must go.
    PersonalValue,
    /// An operator's token, with what it may do.
    Token,
    /// The place in a list up to which an operator has read.
    Cursor,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Verdict => b"vaca-verdict-v1",
            Self::PersonalValue => b"vaca-personal-value-v1",
            Self::Token => b"vaca-token-v1",
            Self::Cursor => b"vaca-cursor-v1",
        }
    }
}

/// 32 random octets in a file beside the configuration, never in the database: whoever can write
/// rows still cannot make a verdict that is believed.
pub struct DeploymentKey(Zeroizing<[u8; 32]>);

impl DeploymentKey {
    /// Takes the key as read from its file.
    #[must_use]
    pub fn new(octets: [u8; 32]) -> Self {
        Self(Zeroizing::new(octets))
    }

    fn subkey(&self, purpose: Purpose) -> hmac::Key {
        let main = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_slice());
        hmac::Key::new(
            hmac::HMAC_SHA256,
            hmac::sign(&main, purpose.label()).as_ref(),
        )
    }

    /// HMAC-SHA-256 of `message` under the purpose's own key.
    #[must_use]
    pub fn tag(&self, purpose: Purpose, message: &[u8]) -> [u8; 32] {
        let mut tag = [0; 32];
        tag.copy_from_slice(hmac::sign(&self.subkey(purpose), message).as_ref());
        tag
    }

    /// Whether `unverified_tag` is the tag of `message`, in constant time.
    #[must_use]
    pub fn verify(&self, purpose: Purpose, message: &[u8], unverified_tag: &[u8]) -> bool {
        hmac::verify(&self.subkey(purpose), message, unverified_tag).is_ok()
    }

    /// What stands in the record for a personal value: 32 hexadecimal digits.
    #[must_use]
    pub fn personal(&self, value: &str) -> String {
        let mut digits =
            crate::model::serial::hex(&self.tag(Purpose::PersonalValue, value.as_bytes()));
        digits.truncate(32);
        digits
    }
}

impl fmt::Debug for DeploymentKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DeploymentKey(..)")
    }
}
