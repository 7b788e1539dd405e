//! Enrols a virtual Chromebook with a certificate authority, as the Chrome extension does.

mod authority;
mod problem;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::{DecodePem as _, Encode as _};
use serde::{Deserialize, Serialize};
use serde_json::json;
use x509_cert::Certificate;

use crate::chromebook::{Scope, VirtualChromebook};
use crate::keys::KeyAlgorithm;
use authority::Authority;

pub use problem::Problem;

/// What to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrollRequest {
    /// The certificate profile.
    pub profile: String,
    /// Whose key answers.
    pub scope: Scope,
    /// The kind of key to register.
    pub key: KeyAlgorithm,
    /// The e-mail to claim, in user profiles only.
    pub email: Option<String>,
}

/// A certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// Lower-case hexadecimal.
    pub serial_number: String,
    /// The profile of the certificate.
    pub profile: String,
    /// The leaf.
    pub certificate_pem: String,
    /// The issuers, nearest first, without the leaf.
    pub chain_pem: Vec<String>,
    /// DER PKCS#8, not encrypted.
    pub private_key_pkcs8: Vec<u8>,
    /// The attempt's id, to be read aloud to an administrator.
    pub attempt: String,
    /// RFC 3339.
    pub not_before: String,
    /// RFC 3339.
    pub not_after: String,
    /// RFC 3339: from then on, enrol again.
    pub renew_after: String,
}

/// Where an enrolment has got to.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// The authority gave a challenge.
    Challenged {
        /// RFC 3339.
        expires_at: &'a str,
    },
    /// The Chromebook answered it and registered a key.
    Answered {
        /// Size of the response in bytes.
        bytes: usize,
    },
    /// The authority asked to come back; the same bytes are sent again.
    Waiting {
        /// Why.
        problem: &'a Problem,
        /// For how long.
        seconds: u64,
    },
    /// A certificate came, and it is for the registered key.
    Issued {
        /// Lower-case hexadecimal.
        serial_number: &'a str,
    },
}

#[derive(Deserialize)]
struct ChallengeAnswer {
    challenge: String,
    expires_at: String,
}

#[derive(Deserialize)]
struct CertificateAnswer {
    serial_number: String,
    profile: String,
    certificate: String,
    chain: Vec<String>,
    not_before: String,
    not_after: String,
    renew_after: String,
    attempt: String,
}

#[derive(Serialize)]
struct CertificateRequest<'a> {
    challenge_response: String,
    profile: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
}

/// Gets a certificate from the authority at `ca_url` (plain HTTP).
///
/// An answer of the authority that is a problem document is a [`Problem`] inside the error.
pub async fn enroll(
    ca_url: &str,
    chromebook: &mut VirtualChromebook,
    request: &EnrollRequest,
) -> anyhow::Result<Enrolled> {
    enroll_with(ca_url, None, chromebook, request, |_| {}).await
}

/// The same, over HTTPS too where the root to trust is given (PEM), and with a report of each step.
pub async fn enroll_with(
    ca_url: &str,
    trusted_roots_pem: Option<&str>,
    chromebook: &mut VirtualChromebook,
    request: &EnrollRequest,
    mut progress: impl FnMut(Progress<'_>),
) -> anyhow::Result<Enrolled> {
    let authority = Authority::new(ca_url, trusted_roots_pem)?;

    let profile = json!({ "profile": request.profile });
    let challenge: ChallengeAnswer = authority
        .post("/v1/challenges", &profile, &mut progress)
        .await?;
    progress(Progress::Challenged {
        expires_at: &challenge.expires_at,
    });
    let challenge = STANDARD
        .decode(&challenge.challenge)
        .context("the challenge is not base64")?;

    let response = chromebook
        .challenge_key(&challenge, request.scope, Some(request.key))
        .await
        .context("the Chromebook did not answer the challenge")?;
    progress(Progress::Answered {
        bytes: response.len(),
    });

    let body = CertificateRequest {
        challenge_response: STANDARD.encode(&response),
        profile: &request.profile,
        email: request.email.as_deref(),
    };
    let answer: CertificateAnswer = authority
        .post("/v1/certificates", &body, &mut progress)
        .await?;
    let enrolled = accept(answer, chromebook)?;
    progress(Progress::Issued {
        serial_number: &enrolled.serial_number,
    });
    Ok(enrolled)
}

/// ChromeOS imports a certificate only into the token that holds its key.
fn accept(answer: CertificateAnswer, chromebook: &VirtualChromebook) -> anyhow::Result<Enrolled> {
    let certificate = Certificate::from_pem(&answer.certificate)
        .context("the authority's answer holds no certificate")?;
    let certified = certificate
        .tbs_certificate()
        .subject_public_key_info()
        .to_der()?;
    ensure!(
        chromebook.registered_key_spki() == Some(certified.as_slice()),
        "the certificate is for another key than the one that the Chromebook registered"
    );
    let private_key = chromebook.registered_key_pkcs8().unwrap_or_default();
    Ok(Enrolled {
        serial_number: answer.serial_number,
        profile: answer.profile,
        certificate_pem: answer.certificate,
        chain_pem: answer.chain,
        private_key_pkcs8: private_key.to_vec(),
        attempt: answer.attempt,
        not_before: answer.not_before,
        not_after: answer.not_after,
        renew_after: answer.renew_after,
    })
}
