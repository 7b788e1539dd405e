//! A virtual Chromebook: what `chrome.enterprise.platformKeys.challengeKey` does, with the TPM in memory.

mod draft;
mod error;
mod google;
mod tokens;

use std::collections::HashMap;

use prost::Message as _;
use serde::{Deserialize, Serialize};

use crate::attestation::{CHALLENGE_PREFIX, Challenge, SignedData};
use crate::control::NewDevice;
use crate::directory::{BootMode, Device};
use crate::keys::{KeyAlgorithm, SigningKey, verify_signature};
use crate::server_keys::PublicKeys;

pub use draft::ResponseDraft;
pub use error::ChallengeKeyError;
use google::Google;
use tokens::Imported;
pub use tokens::{ImportError, Token};

/// Who answers a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The signed-in user: the Enterprise User Key.
    User,
    /// The device: the Enterprise Machine Key.
    Machine,
}

/// How a Chromebook is enrolled; [`Default`] is what [`VirtualChromebook::enrolled`] does.
#[derive(Clone, Debug)]
pub struct Enrollment {
    /// Ids, customer, domain and boot mode of the device; what is absent is the emulator's default.
    pub device: NewDevice,
    /// The kind of the stable machine key. ChromeOS makes RSA; ECDSA saves a test the time.
    pub machine_key: KeyAlgorithm,
}

impl Default for Enrollment {
    fn default() -> Self {
        Self {
            device: NewDevice::default(),
            machine_key: KeyAlgorithm::Rsa,
        }
    }
}

/// A key in the TPM with the Privacy CA's certificate for it.
#[derive(Debug)]
struct AttestedKey {
    key: SigningKey,
    /// PEM, the leaf first.
    chain: String,
}

/// A key that has left attestation for a token of the operating system.
#[derive(Debug)]
struct RegisteredKey {
    scope: Scope,
    key: SigningKey,
}

/// An enrolled Chromebook with one signed-in user.
#[derive(Debug)]
pub struct VirtualChromebook {
    google: Google,
    trusted: PublicKeys,
    device: Device,
    user_email: String,
    machine_key: AttestedKey,
    user_keys: HashMap<KeyAlgorithm, AttestedKey>,
    registered: Vec<RegisteredKey>,
    imported: Vec<Imported>,
    extension_allowed: bool,
    registration_works: bool,
}

impl VirtualChromebook {
    /// Registers a new device in the emulator's domain, with a machine key of its own, and signs the
    /// user in. A user whom the directory does not know yet is created, affiliated.
    pub async fn enrolled(control_url: &str, user_email: &str) -> anyhow::Result<Self> {
        Self::enrolled_as(control_url, user_email, Enrollment::default()).await
    }

    /// The same for a device with chosen properties.
    pub async fn enrolled_as(
        control_url: &str,
        user_email: &str,
        enrollment: Enrollment,
    ) -> anyhow::Result<Self> {
        let google = Google::new(control_url)?;
        let trusted = google.keys().await?;
        let device = google.enroll(&enrollment.device).await?;
        // ChromeOS names the account as the directory spells it, not as it was typed.
        let user = match google.user(user_email).await? {
            Some(user) => user,
            None => google.create_user(user_email, &device.customer_id).await?,
        };
        let machine_key = google
            .attested_key(&device.device_id, enrollment.machine_key, Scope::Machine)
            .await?;
        google.upload(&device.device_id, &machine_key.chain).await?;
        Ok(Self {
            google,
            trusted,
            device,
            user_email: user.email,
            machine_key,
            user_keys: HashMap::new(),
            registered: Vec::new(),
            imported: Vec::new(),
            extension_allowed: true,
            registration_works: true,
        })
    }

    /// Answers a challenge, as an extension asks for it. With `register`, the response carries an
    /// SPKAC and the key moves into a token: it can never be attested again.
    ///
    /// Errors are those of ChromeOS, word for word.
    pub async fn challenge_key(
        &mut self,
        challenge: &[u8],
        scope: Scope,
        register: Option<KeyAlgorithm>,
    ) -> Result<Vec<u8>, ChallengeKeyError> {
        self.challenge_key_altered(challenge, scope, register, |_| {})
            .await
    }

    /// A Chromebook whose owner is root: the same, with key info and the rest altered before they are
    /// encrypted and signed.
    pub async fn challenge_key_altered(
        &mut self,
        challenge: &[u8],
        scope: Scope,
        register: Option<KeyAlgorithm>,
        alter: impl FnOnce(&mut ResponseDraft),
    ) -> Result<Vec<u8>, ChallengeKeyError> {
        self.check_permitted().await?;
        let challenge = self.check_challenge(challenge)?;
        let mut answering = self.take_keys(scope, register).await?;
        let mut draft = self.draft(challenge, scope, &answering, register.is_some())?;
        alter(&mut draft);
        let response = draft.seal_and_sign(&self.trusted, answering.signer(&self.machine_key));
        if response.is_ok() && register.is_some() && self.registration_works {
            let taken = answering.take_for_registration();
            self.registered.extend(taken.map(|attested| RegisteredKey {
                scope,
                key: attested.key,
            }));
        }
        if let Some((algorithm, key)) = answering.give_back() {
            self.user_keys.insert(algorithm, key);
        }
        if register.is_some() && !self.registration_works {
            return Err(ChallengeKeyError::RegistrationFailed);
        }
        response
    }

    /// ChromeOS asks these questions before it looks at the challenge.
    async fn check_permitted(&mut self) -> Result<(), ChallengeKeyError> {
        if !self.extension_allowed {
            return Err(ChallengeKeyError::ExtensionNotAllowed);
        }
        let device = self.google.device(&self.device.device_id).await;
        let device = device.map_err(|_| ChallengeKeyError::Internal)?;
        self.device = device.ok_or(ChallengeKeyError::NotEnrolled)?;
        let user = self.google.user(&self.user_email).await;
        let user = user.map_err(|_| ChallengeKeyError::Internal)?;
        let affiliated =
            user.is_some_and(|user| user.affiliated && user.customer_id == self.device.customer_id);
        if affiliated {
            Ok(())
        } else {
            Err(ChallengeKeyError::UserNotManaged)
        }
    }

    /// Signature and prefix; the time is not the device's to judge.
    fn check_challenge(&self, unverified: &[u8]) -> Result<SignedData, ChallengeKeyError> {
        let refused = ChallengeKeyError::SignChallengeFailed;
        let signed = SignedData::decode(unverified).map_err(|_| refused)?;
        verify_signature(
            &self.trusted.signing_spki,
            signed.data(),
            signed.signature(),
        )
        .map_err(|_| refused)?;
        let challenge = Challenge::decode(signed.data()).map_err(|_| refused)?;
        if challenge.prefix() == CHALLENGE_PREFIX {
            Ok(signed)
        } else {
            Err(refused)
        }
    }

    /// DER PKCS#8 of the key registered last. A genuine Chromebook never lets it out; here it proves
    /// certificates in TLS.
    #[must_use]
    pub fn registered_key_pkcs8(&self) -> Option<&[u8]> {
        self.registered
            .last()
            .map(|registered| registered.key.pkcs8())
    }

    /// `SubjectPublicKeyInfo` DER of the key registered last.
    #[must_use]
    pub fn registered_key_spki(&self) -> Option<&[u8]> {
        self.registered
            .last()
            .map(|registered| registered.key.spki())
    }

    /// The token that holds the key registered last: `user` or `system`.
    #[must_use]
    pub fn registered_key_token(&self) -> Option<&'static str> {
        self.registered
            .last()
            .map(|registered| match registered.scope {
                Scope::User => "user",
                Scope::Machine => "system",
            })
    }

    /// The id of the Directory API.
    #[must_use]
    pub fn device_permanent_id(&self) -> &str {
        &self.device.device_permanent_id
    }

    /// The virtual id.
    #[must_use]
    pub fn device_id(&self) -> &str {
        &self.device.device_id
    }

    /// The ChromeOS enrollment id.
    #[must_use]
    pub fn device_enrollment_id(&self) -> &str {
        &self.device.device_enrollment_id
    }

    /// The managing organisation.
    #[must_use]
    pub fn customer_id(&self) -> &str {
        &self.device.customer_id
    }

    /// The signed-in user.
    #[must_use]
    pub fn user_email(&self) -> &str {
        &self.user_email
    }

    /// In which state the device booted, as of the last challenge.
    #[must_use]
    pub fn boot_mode(&self) -> BootMode {
        self.device.boot_mode
    }

    /// Whether `AttestationExtensionAllowlist` names the extension; it does at first.
    pub fn set_extension_allowed(&mut self, allowed: bool) {
        self.extension_allowed = allowed;
    }

    /// Whether keys can be registered with a token; they can at first. Where they cannot, the whole
    /// call fails, and the response is lost.
    pub fn set_registration_works(&mut self, works: bool) {
        self.registration_works = works;
    }
}
