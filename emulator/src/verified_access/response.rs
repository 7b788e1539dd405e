//! From the bytes that a browser returned to key info: which challenge, how old, for our key?

use prost::Message as _;

use super::{LocalVerifiedAccess, Refusal};
use crate::attestation::{
    CHALLENGE_LIFETIME_MS, CHALLENGE_PREFIX, Challenge, ChallengeResponse, EncryptedData, KeyInfo,
    SignedData,
};
use crate::keys::verify_signature;

/// A response to a challenge of ours, decrypted; who signed it is not yet known.
pub(super) struct OpenedResponse {
    pub(super) key_info: KeyInfo,
    /// The bytes that the device signed, and its signature.
    pub(super) signed: SignedData,
    /// Answers a challenge of ChromiumOS's published test key: a capture, old, and certified by
    /// another Privacy CA. Only with [`crate::Options::well_known_keys`].
    pub(super) captured: bool,
}

impl OpenedResponse {
    /// Checks the device's signature over the whole response.
    pub(super) fn check_signed_by(&self, spki: &[u8]) -> Result<(), Refusal> {
        verify_signature(spki, self.signed.data(), self.signed.signature())
            .map_err(|_| Refusal::Invalid("the signature of the response does not verify"))
    }
}

impl LocalVerifiedAccess {
    /// Decodes as protobuf does, a repeated field's last value winning: so does Google, and callers
    /// must not be able to lean on a stricter emulator.
    pub(super) fn open(
        &self,
        unverified_response: &[u8],
        now_ms: i64,
    ) -> Result<OpenedResponse, Refusal> {
        const MALFORMED: Refusal = Refusal::Invalid("the response cannot be read");
        let signed = SignedData::decode(unverified_response).map_err(|_| MALFORMED)?;
        let response = ChallengeResponse::decode(signed.data()).map_err(|_| MALFORMED)?;
        let (Some(challenge), Some(sealed)) = (response.challenge, response.encrypted_key_info)
        else {
            return Err(MALFORMED);
        };
        if response.nonce.is_none_or(|nonce| nonce.is_empty()) {
            return Err(Refusal::Invalid("the response has no nonce"));
        }
        let captured = self.check_challenge(&challenge, now_ms)?;
        let key_info = self.decrypt(&sealed, captured)?;
        let key_info = KeyInfo::decode(key_info.as_slice()).map_err(|_| MALFORMED)?;
        Ok(OpenedResponse {
            key_info,
            signed,
            captured,
        })
    }

    /// Whether the challenge is a captured one; an error where it is neither ours nor that.
    fn check_challenge(&self, unverified: &SignedData, now_ms: i64) -> Result<bool, Refusal> {
        let signed_by =
            |spki: &[u8]| verify_signature(spki, unverified.data(), unverified.signature()).is_ok();
        let captured = !signed_by(self.keys.signing.spki());
        let well_known = self.well_known.as_ref();
        if captured && !well_known.is_some_and(|keys| signed_by(&keys.signing_spki)) {
            return Err(Refusal::Invalid("the challenge is not ours"));
        }
        let challenge = Challenge::decode(unverified.data())
            .map_err(|_| Refusal::Invalid("the challenge cannot be read"))?;
        if challenge.prefix() != CHALLENGE_PREFIX {
            return Err(Refusal::Invalid("the challenge is of another kind"));
        }
        let age = now_ms.saturating_sub(challenge.timestamp());
        if !captured && age.saturating_abs() > CHALLENGE_LIFETIME_MS {
            return Err(Refusal::Invalid("the challenge has expired"));
        }
        Ok(captured)
    }

    fn decrypt(&self, sealed: &EncryptedData, captured: bool) -> Result<Vec<u8>, Refusal> {
        let opened = match &self.well_known {
            Some(well_known) if captured => well_known.open(sealed),
            _ if self.keys.is_recipient(sealed) => self.keys.open(sealed),
            _ => {
                return Err(Refusal::Invalid(
                    "the key info is encrypted for another key",
                ));
            }
        };
        opened.map_err(|_| Refusal::Invalid("the key info cannot be decrypted"))
    }
}
