//! What an extension reads in `chrome.runtime.lastError`.

/// Why `challengeKey` failed. The texts are ChromeOS's own: extensions compare them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeKeyError {
    /// `AttestationExtensionAllowlist` does not name the extension.
    #[error("The extension does not have permission to call this function.")]
    ExtensionNotAllowed,
    /// The device is not, or no longer, enrolled.
    #[error("The device is not enterprise enrolled.")]
    NotEnrolled,
    /// The user is not *affiliated*, whatever the text says.
    #[error("The user account is not enterprise managed.")]
    UserNotManaged,
    /// The challenge is not signed by Verified Access, or of another kind.
    #[error("Failed to sign the challenge.")]
    SignChallengeFailed,
    /// The key did not reach a token.
    #[error("Key registration failed.")]
    RegistrationFailed,
    /// The Privacy CA gave no certificate: 1 D-Bus, 2 user rejected, 3 the CA failed, 4 reset
    /// required, 5 attestation unsupported.
    #[error("Failed to get Enterprise certificate. Error code = {0}")]
    CertificateFailed(u8),
    /// The machine certificate was not uploaded.
    #[error("Failed to upload machine certificate.")]
    UploadFailed,
    /// Anything else.
    #[error("OS platform service internal error.")]
    Internal,
}

impl ChallengeKeyError {
    pub(super) const CA_FAILED: Self = Self::CertificateFailed(3);
}
