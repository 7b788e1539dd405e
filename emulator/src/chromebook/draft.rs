//! The response before it is sealed: which keys answer, what key info says.

use prost::Message as _;

use super::{AttestedKey, ChallengeKeyError, Scope, VirtualChromebook};
use crate::attestation::{ChallengeResponse, KeyInfo, SignedData, VerifiedAccessFlow};
use crate::entropy;
use crate::keys::{CryptoError, KeyAlgorithm, SigningKey};
use crate::sealing;
use crate::server_keys::PublicKeys;
use crate::spkac;

/// A challenge response that is not yet encrypted and signed; everything in it can be altered.
#[derive(Clone, Debug)]
pub struct ResponseDraft {
    /// The challenge, echoed.
    pub challenge: SignedData,
    /// 20 random bytes on ChromeOS.
    pub nonce: Vec<u8>,
    /// What is encrypted.
    pub key_info: KeyInfo,
}

impl From<CryptoError> for ChallengeKeyError {
    fn from(_: CryptoError) -> Self {
        Self::SignChallengeFailed
    }
}

impl ResponseDraft {
    pub(super) fn seal_and_sign(
        self,
        trusted: &PublicKeys,
        signer: &SigningKey,
    ) -> Result<Vec<u8>, ChallengeKeyError> {
        let sealed = sealing::seal(
            &trusted.encryption_spki,
            &trusted.encryption_key_id,
            &self.key_info.encode_to_vec(),
        )?;
        let response = ChallengeResponse {
            challenge: Some(self.challenge),
            nonce: Some(self.nonce),
            encrypted_key_info: Some(sealed),
        };
        let data = response.encode_to_vec();
        let signature = signer.sign(&data)?;
        let signed = SignedData {
            data: Some(data),
            signature: Some(signature),
        };
        Ok(signed.encode_to_vec())
    }
}

/// The keys that answer one challenge.
pub(super) enum AnsweringKeys {
    /// The user key both signs and is certified. Empty once it has been registered.
    User(KeyAlgorithm, Option<AttestedKey>),
    /// The stable machine key signs; the second key, if any, is certified.
    Machine(Option<AttestedKey>),
}

impl AnsweringKeys {
    /// The certified key that key info describes.
    fn described(&self) -> Option<&AttestedKey> {
        match self {
            Self::User(_, key) | Self::Machine(key) => key.as_ref(),
        }
    }

    pub(super) fn signer<'a>(&'a self, machine_key: &'a AttestedKey) -> &'a SigningKey {
        match self {
            Self::User(_, Some(user_key)) => &user_key.key,
            Self::User(_, None) | Self::Machine(_) => &machine_key.key,
        }
    }

    pub(super) fn take_for_registration(&mut self) -> Option<AttestedKey> {
        match self {
            Self::User(_, key) | Self::Machine(key) => key.take(),
        }
    }

    /// A user key that was not registered stays for the next challenge.
    pub(super) fn give_back(self) -> Option<(KeyAlgorithm, AttestedKey)> {
        match self {
            Self::User(algorithm, Some(key)) => Some((algorithm, key)),
            _ => None,
        }
    }
}

impl VirtualChromebook {
    /// Makes the keys that are missing; ChromeOS challenges RSA keys where nothing is registered.
    pub(super) async fn take_keys(
        &mut self,
        scope: Scope,
        register: Option<KeyAlgorithm>,
    ) -> Result<AnsweringKeys, ChallengeKeyError> {
        let algorithm = register.unwrap_or(KeyAlgorithm::Rsa);
        match scope {
            Scope::User => {
                let key = match self.user_keys.remove(&algorithm) {
                    Some(key) => key,
                    None => self.new_key(algorithm, scope).await?,
                };
                Ok(AnsweringKeys::User(algorithm, Some(key)))
            }
            Scope::Machine => {
                self.upload_if_missing().await?;
                let second = match register {
                    Some(algorithm) => Some(self.new_key(algorithm, scope).await?),
                    None => None,
                };
                Ok(AnsweringKeys::Machine(second))
            }
        }
    }

    /// Google must know the machine key before it answers; ChromeOS waits for the upload.
    async fn upload_if_missing(&self) -> Result<(), ChallengeKeyError> {
        if self.device.machine_certificate.is_some() {
            return Ok(());
        }
        let uploaded = self
            .google
            .upload(&self.device.device_id, &self.machine_key.chain);
        uploaded.await.map_err(|_| ChallengeKeyError::UploadFailed)
    }

    async fn new_key(
        &self,
        algorithm: KeyAlgorithm,
        scope: Scope,
    ) -> Result<AttestedKey, ChallengeKeyError> {
        let key = self
            .google
            .attested_key(&self.device.device_id, algorithm, scope);
        key.await.map_err(|_| ChallengeKeyError::CA_FAILED)
    }

    /// Key info as each flow fills it.
    pub(super) fn draft(
        &self,
        challenge: SignedData,
        scope: Scope,
        keys: &AnsweringKeys,
        register: bool,
    ) -> Result<ResponseDraft, ChallengeKeyError> {
        let described = keys.described();
        let spkac = described
            .filter(|_| register)
            .map(|key| spkac::build(&key.key));
        let mut key_info = KeyInfo {
            device_id: Some(self.device.device_id.clone().into_bytes()),
            certificate: described.map(|key| key.chain.clone().into_bytes()),
            signed_public_key_and_challenge: spkac.transpose()?,
            ..KeyInfo::default()
        };
        match scope {
            Scope::User => {
                key_info.set_flow_type(VerifiedAccessFlow::EnterpriseUser);
                key_info.domain = Some(self.user_email.clone());
            }
            Scope::Machine => {
                key_info.set_flow_type(VerifiedAccessFlow::EnterpriseMachine);
                // Present and empty: Google finds the domain from device and customer.
                key_info.domain = Some(String::new());
                key_info.customer_id = Some(self.device.customer_id.clone());
            }
        }
        Ok(ResponseDraft {
            challenge,
            nonce: entropy::bytes::<20>()?.to_vec(),
            key_info,
        })
    }
}
