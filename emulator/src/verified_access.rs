//! Verified Access itself, without transport: makes challenges and judges the answers to them.

mod response;
mod verdict;

use std::fmt;

use prost::Message as _;

use crate::attestation::{CHALLENGE_PREFIX, Challenge, SignedData};
use crate::clock::Clock;
use crate::directory::Directory;
use crate::entropy;
use crate::faults::{Fault, Script};
use crate::keys::CryptoError;
use crate::privacy_ca::PrivacyCa;
use crate::server_keys::{PublicKeys, ServerKeys, WellKnownKeys};

/// Why an answer is not confirmed. Google publishes no list; callers must not rely on the texts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Malformed, stale, not genuine, or about somebody else: INVALID_ARGUMENT.
    #[error("{0}")]
    Invalid(&'static str),
    /// Genuine, but not allowed by the administrator: PERMISSION_DENIED.
    #[error("{0}")]
    Denied(&'static str),
}

/// The server's keys and what it knows of the world.
pub struct LocalVerifiedAccess {
    pub(crate) keys: ServerKeys,
    pub(crate) well_known: Option<WellKnownKeys>,
    pub(crate) privacy_ca: PrivacyCa,
    pub(crate) directory: Directory,
    pub(crate) clock: Clock,
}

impl LocalVerifiedAccess {
    /// A signed challenge, stamped with the time: a serialized `SignedData`. Nothing is kept.
    pub fn generate(&self, script: &Script) -> Result<Vec<u8>, CryptoError> {
        let challenge = Challenge {
            prefix: Some(CHALLENGE_PREFIX.to_owned()),
            nonce: Some(entropy::bytes::<32>()?.to_vec()),
            timestamp: Some((self.clock)().saturating_add(script.skew_ms())),
        };
        let data = challenge.encode_to_vec();
        let mut signature = self.keys.signing.sign(&data)?;
        if script.has(&Fault::Tampered)
            && let Some(last) = signature.last_mut()
        {
            *last ^= 1;
        }
        let signed = SignedData {
            data: Some(data),
            signature: Some(signature),
        };
        Ok(signed.encode_to_vec())
    }

    /// What a virtual Chromebook must trust.
    #[must_use]
    pub fn public_keys(&self) -> PublicKeys {
        self.keys.public()
    }
}

impl fmt::Debug for LocalVerifiedAccess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LocalVerifiedAccess")
    }
}
