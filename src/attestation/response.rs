//! The outer challenge response: which challenge does it answer?
//!
//! ```text
//! SignedData        { data = 1, signature = 2 }                          the device's
//!   ChallengeResponse { challenge = 1, nonce = 2, encrypted_key_info = 3 }
//!     SignedData        { data = 1, signature = 2 }                      Google's, echoed
//! ```
//!
//! Only Verified Access can open the rest; what is read here serves to find the challenge.

use crate::attestation::wire::{Fields, Malformed};
use crate::model::attempt::ResponseDigest;
use crate::model::challenge::ChallengeDigest;
use crate::model::digest::sha256;

/// Longest response that is looked at, in octets; genuine ones have 4.5 KiB.
pub const RESPONSE_MAX: usize = 32 * 1024;

/// Not a challenge response. Says nothing of the bytes, which are a stranger's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedResponse {
    /// More than [`RESPONSE_MAX`] octets.
    #[error("longer than 32 KiB")]
    TooLong,
    /// Not the wrapper that `ChromeOS` makes, or one that two readers could read differently.
    #[error("{part}: {cause}")]
    Shape {
        /// Which of the three nested messages.
        part: &'static str,
        /// What is wrong with it.
        cause: String,
    },
}

/// Bytes that have the outer form of a challenge response. Nothing in them is verified.
#[derive(Clone, PartialEq, Eq)]
pub struct UnverifiedResponse {
    bytes: Vec<u8>,
    digest: ResponseDigest,
    challenge: ChallengeDigest,
}

impl UnverifiedResponse {
    /// Finds the challenge inside `bytes`.
    ///
    /// # Errors
    /// [`MalformedResponse`].
    pub fn parse(bytes: Vec<u8>) -> Result<Self, MalformedResponse> {
        if bytes.len() > RESPONSE_MAX {
            return Err(MalformedResponse::TooLong);
        }
        let data = signed_data(&bytes).map_err(in_part("signed data"))?;
        let challenge = echoed_challenge(data).map_err(in_part("challenge response"))?;
        let challenge = signed_data(challenge).map_err(in_part("challenge"))?;
        Ok(Self {
            challenge: ChallengeDigest(sha256(challenge)),
            digest: ResponseDigest(sha256(&bytes)),
            bytes,
        })
    }

    /// Exactly what was received: what was checked is what goes to Google.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of [`Self::bytes`].
    #[must_use]
    pub fn digest(&self) -> ResponseDigest {
        self.digest
    }

    /// Which challenge these bytes claim to answer.
    #[must_use]
    pub fn challenge(&self) -> ChallengeDigest {
        self.challenge
    }
}

/// A response is a capability: who holds its bytes may fetch the certificate.
impl std::fmt::Debug for UnverifiedResponse {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "UnverifiedResponse({:?})", self.digest)
    }
}

fn in_part(part: &'static str) -> impl FnOnce(Malformed) -> MalformedResponse {
    move |cause| MalformedResponse::Shape {
        part,
        cause: cause.to_string(),
    }
}

/// `data` of a `SignedData` whose two fields both stand once.
pub(super) fn signed_data(message: &[u8]) -> Result<&[u8], Malformed> {
    let fields = Fields::parse(message)?;
    let data = fields.bytes(1)?;
    fields.bytes(2)?;
    Ok(data)
}

fn echoed_challenge(message: &[u8]) -> Result<&[u8], Malformed> {
    let fields = Fields::parse(message)?;
    let challenge = fields.bytes(1)?;
    fields.bytes(2)?;
    fields.bytes(3)?;
    Ok(challenge)
}

#[cfg(test)]
mod tests;
