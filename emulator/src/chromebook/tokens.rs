//! The tokens of ChromeOS: keys that left attestation, and the certificates imported beside them.

use der::{Decode as _, Encode as _};
use serde::{Deserialize, Serialize};
use x509_cert::Certificate;

use super::{Scope, VirtualChromebook};

/// Where ChromeOS keeps keys and certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Token {
    /// The signed-in user's.
    User,
    /// The device's; its name in the API is `system`.
    System,
}

impl From<Scope> for Token {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::User => Self::User,
            Scope::Machine => Self::System,
        }
    }
}

/// Why `importCertificate` failed. The texts are ChromeOS's own: extensions compare them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Not DER of one certificate.
    #[error("Certificate is not a valid X.509 certificate.")]
    Malformed,
    /// The certificate has ended by the clock of the device.
    #[error("net::ERR_CERT_DATE_INVALID")]
    Expired,
    /// The token does not hold the key.
    #[error("Key not found.")]
    KeyNotFound,
}

/// A certificate in a token.
#[derive(Debug)]
pub(super) struct Imported {
    token: Token,
    der: Vec<u8>,
}

impl VirtualChromebook {
    /// Stores a certificate beside its key, as `importCertificate` does; one that is there already is
    /// not stored twice. Like ChromeOS it asks whether the certificate has ended, and not whether it
    /// has begun, nor who signed it.
    ///
    /// # Errors
    /// Those of ChromeOS, word for word.
    pub fn import_certificate(
        &mut self,
        token: Token,
        unverified_der: &[u8],
        now_ms: i64,
    ) -> Result<(), ImportError> {
        let malformed = |_| ImportError::Malformed;
        let certificate = Certificate::from_der(unverified_der).map_err(malformed)?;
        let contents = certificate.tbs_certificate();
        let end = contents.validity().not_after.to_unix_duration().as_millis();
        if u128::try_from(now_ms).is_ok_and(|now| now > end) {
            return Err(ImportError::Expired);
        }
        let spki = contents.subject_public_key_info().to_der();
        let spki = spki.map_err(malformed)?;
        let mut keys = self.registered.iter();
        if !keys.any(|held| Token::from(held.scope) == token && held.key.spki() == spki) {
            return Err(ImportError::KeyNotFound);
        }
        if !self.certificates(token).any(|held| held == unverified_der) {
            self.imported.push(Imported {
                token,
                der: unverified_der.to_vec(),
            });
        }
        Ok(())
    }

    /// The certificates of a token (DER), in the order of their import.
    pub fn certificates(&self, token: Token) -> impl Iterator<Item = &[u8]> {
        let of_token = self.imported.iter().filter(move |held| held.token == token);
        of_token.map(|held| held.der.as_slice())
    }

    /// Removes a certificate; its key stays. `false` where the token does not hold it.
    pub fn remove_certificate(&mut self, token: Token, der: &[u8]) -> bool {
        let before = self.imported.len();
        self.imported
            .retain(|held| held.token != token || held.der != der);
        self.imported.len() < before
    }

    /// How many keys a token holds, with or without a certificate.
    #[must_use]
    pub fn registered_keys(&self, token: Token) -> usize {
        let keys = self.registered.iter();
        keys.filter(|held| Token::from(held.scope) == token).count()
    }
}
