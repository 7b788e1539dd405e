//! Why a key is not certified: for the decision record, in our words only.

use crate::model::facts::Check;
use crate::model::problem_code::ProblemCode;

/// This step's small error: the first check that failed. Nothing in it is a stranger's text:
/// algorithms appear by their registered name or number, the rest are sizes and sentences of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", code.as_str(), check.seen)]
pub struct KeyRefusal {
    /// `CertificateRequestMissing`, `CertificateRequestInvalid`, `UnsupportedKey` or `WeakKey`.
    pub code: ProblemCode,
    /// The failed check: expected, seen, remedy.
    pub check: Box<Check>,
}

impl KeyRefusal {
    /// The answer holds no request: the two causes known are of configuration.
    pub(super) fn missing() -> Self {
        Self::new(
            ProblemCode::CertificateRequestMissing,
            "certificate_request",
            "a signed public key and challenge",
            "none",
            "Give the service account full access under Verified mode in the Admin console, \
             and let the extension call challengeKey with registerKey.",
        )
    }

    /// The request is not of the form `expected`.
    pub(super) fn malformed(expected: &str, seen: impl Into<String>) -> Self {
        Self::new(
            ProblemCode::CertificateRequestInvalid,
            "certificate_request",
            expected,
            seen,
            "Enrol again; ChromeOS makes the request itself, so report it if it recurs.",
        )
    }

    /// The request does not show that its maker holds the private key.
    pub(super) fn unproven(expected: &str, seen: impl Into<String>) -> Self {
        Self::new(
            ProblemCode::CertificateRequestInvalid,
            "proof_of_possession",
            expected,
            seen,
            "Enrol again; ChromeOS signs the request itself, so report it if it recurs.",
        )
    }

    /// A kind of key that is not certified.
    pub(super) fn unsupported(seen: impl Into<String>) -> Self {
        Self::new(
            ProblemCode::UnsupportedKey,
            "key_algorithm",
            "RSA, 2048 bits, exponent 65537, or ECDSA on P-256",
            seen,
            "Let the extension ask registerKey for RSA or ECDSA.",
        )
    }

    /// A key of a supported kind that can be broken.
    pub(super) fn weak(seen: impl Into<String>) -> Self {
        Self::new(
            ProblemCode::WeakKey,
            "key_strength",
            "an RSA modulus without a known weakness",
            seen,
            "Let the extension ask registerKey for ECDSA, or update the TPM's firmware and \
             powerwash the device.",
        )
    }

    fn new(
        code: ProblemCode,
        name: &str,
        expected: &str,
        seen: impl Into<String>,
        remedy: &str,
    ) -> Self {
        Self {
            code,
            check: Box::new(Check::new(name, expected, seen, false, remedy)),
        }
    }
}
