//! The keys of Verified Access: one signs challenges, one decrypts key info.

use std::fmt;
use std::path::Path;

use anyhow::Context as _;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{self, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use crate::attestation::EncryptedData;
use crate::encoding::base64_bytes;
use crate::entropy;
use crate::keys::{CryptoError, KeyAlgorithm, SigningKey};
use crate::sealing;

/// What a virtual Chromebook must trust, as genuine ones trust the keys built into ChromeOS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKeys {
    /// `SubjectPublicKeyInfo` DER of the key that signs challenges.
    #[serde(with = "base64_bytes")]
    pub signing_spki: Vec<u8>,
    /// `SubjectPublicKeyInfo` DER of the key to encrypt key info for.
    #[serde(with = "base64_bytes")]
    pub encryption_spki: Vec<u8>,
    /// The id of the encryption key, repeated in each response.
    #[serde(with = "base64_bytes")]
    pub encryption_key_id: Vec<u8>,
}

/// The private halves, made anew by every emulator.
pub(crate) struct ServerKeys {
    pub(crate) signing: SigningKey,
    decryption: OaepPrivateDecryptingKey,
    encryption_spki: Vec<u8>,
    key_id: Vec<u8>,
}

impl ServerKeys {
    /// Two RSA-2048 keys are made before.
    pub(crate) fn new(signing: SigningKey, encryption: &SigningKey) -> Result<Self, CryptoError> {
        Ok(Self {
            signing,
            decryption: decryption_key(encryption.pkcs8())?,
            encryption_spki: encryption.spki().to_vec(),
            key_id: entropy::bytes::<5>()?.to_vec(),
        })
    }

    pub(crate) fn public(&self) -> PublicKeys {
        PublicKeys {
            signing_spki: self.signing.spki().to_vec(),
            encryption_spki: self.encryption_spki.clone(),
            encryption_key_id: self.key_id.clone(),
        }
    }

    /// Whether the response says that it is encrypted for this key.
    pub(crate) fn is_recipient(&self, unverified_sealed: &EncryptedData) -> bool {
        unverified_sealed.wrapping_key_id() == self.key_id
    }

    pub(crate) fn open(&self, unverified_sealed: &EncryptedData) -> Result<Vec<u8>, CryptoError> {
        sealing::open(&self.decryption, unverified_sealed)
    }
}

impl fmt::Debug for ServerKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ServerKeys")
    }
}

/// ChromiumOS's published test keys: with them, genuine captures can be verified.
pub(crate) struct WellKnownKeys {
    pub(crate) signing_spki: Vec<u8>,
    decryption: OaepPrivateDecryptingKey,
}

impl WellKnownKeys {
    /// Reads `chromiumos-test-va-signing-public.der` (SPKI) and `chromiumos-test-va-encryption.der`
    /// (PKCS#1) from a folder.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let encryption = rsa::KeyPair::from_der(&read("chromiumos-test-va-encryption.der")?)
            .map_err(|_| anyhow::anyhow!("the well-known encryption key is not PKCS#1 RSA"))?;
        let pkcs8: Pkcs8V1Der<'_> = encryption.as_der().map_err(CryptoError::from)?;
        Ok(Self {
            signing_spki: read("chromiumos-test-va-signing-public.der")?,
            decryption: decryption_key(pkcs8.as_ref())?,
        })
    }

    pub(crate) fn open(&self, unverified_sealed: &EncryptedData) -> Result<Vec<u8>, CryptoError> {
        sealing::open(&self.decryption, unverified_sealed)
    }
}

fn decryption_key(pkcs8: &[u8]) -> Result<OaepPrivateDecryptingKey, CryptoError> {
    Ok(OaepPrivateDecryptingKey::new(
        PrivateDecryptingKey::from_pkcs8(pkcs8)?,
    )?)
}

/// The RSA keys of an emulator; making them is most of its start.
pub(crate) struct RsaKeys {
    pub(crate) signing: SigningKey,
    pub(crate) encryption: SigningKey,
    pub(crate) full_access: SigningKey,
    pub(crate) limited_access: SigningKey,
}

/// PKCS#8 of the keys that are shared within a process, where a test asks for that.
static SHARED: OnceCell<Vec<Vec<u8>>> = OnceCell::const_new();

impl RsaKeys {
    /// Fresh keys, made on all processors at once.
    pub(crate) async fn fresh() -> anyhow::Result<Self> {
        let keys = fresh_keys().await?;
        Self::from_iterator(keys.into_iter())
    }

    /// The same keys in every emulator of this process.
    pub(crate) async fn shared() -> anyhow::Result<Self> {
        let encoded = SHARED
            .get_or_try_init(|| async {
                let keys = fresh_keys().await?;
                anyhow::Ok(keys.iter().map(|key| key.pkcs8().to_vec()).collect())
            })
            .await?;
        let keys: Result<Vec<_>, _> = encoded
            .iter()
            .map(|pkcs8| SigningKey::from_rsa_pkcs8(pkcs8))
            .collect();
        Self::from_iterator(keys?.into_iter())
    }

    fn from_iterator(mut keys: impl Iterator<Item = SigningKey>) -> anyhow::Result<Self> {
        let mut next = || keys.next().context("as many keys as tasks");
        Ok(Self {
            signing: next()?,
            encryption: next()?,
            full_access: next()?,
            limited_access: next()?,
        })
    }
}

async fn fresh_keys() -> anyhow::Result<Vec<SigningKey>> {
    let tasks: Vec<_> = (0..4)
        .map(|_| tokio::task::spawn_blocking(|| SigningKey::generate(KeyAlgorithm::Rsa)))
        .collect();
    let mut keys = Vec::with_capacity(tasks.len());
    for task in tasks {
        keys.push(task.await??);
    }
    Ok(keys)
}
