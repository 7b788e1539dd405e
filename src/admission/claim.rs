//! What a request claims, read without a look at the record: until Verified Access has said
//! "genuine", an answer depends on the request alone.

use std::net::IpAddr;

use crate::admission::UnverifiedRequest;
use crate::attestation::UnverifiedResponse;
use crate::clock::Timestamp;
use crate::model::attempt::{Binding, Presented};
use crate::model::identity::{Email, ExpectedIdentity, KeyScope};
use crate::model::problem_code::ProblemCode;
use crate::model::profile::{CertificateProfile, ProfileHash};
use crate::model::refusal::Refusal;
use crate::secrets::DeploymentKey;
use crate::store::attempts::Attempt;

/// A request in its normal form; still a claim.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) response: UnverifiedResponse,
    pub(super) peer: IpAddr,
    profile: String,
    profile_hash: ProfileHash,
    scope: KeyScope,
    unverified_email: Option<Email>,
}

impl Claim {
    pub(super) fn read(
        request: UnverifiedRequest,
        profile: &CertificateProfile,
    ) -> Result<Self, Refusal> {
        let unverified_email = read_email(request.email.as_deref(), profile)?;
        let response = UnverifiedResponse::parse(request.response).map_err(|error| {
            Refusal::new(ProblemCode::MalformedChallengeResponse).because(format!("{error}."))
        })?;
        Ok(Self {
            response,
            peer: request.peer,
            profile: profile.name.clone(),
            profile_hash: profile.hash,
            scope: profile.scope,
            unverified_email,
        })
    }

    pub(super) fn presented(&self) -> Presented {
        Presented {
            challenge: self.response.challenge(),
            response: self.response.digest(),
        }
    }

    pub(super) fn binding(&self, at: Timestamp) -> Binding {
        Binding {
            presented: self.presented(),
            scope: self.scope,
            profile: self.profile.clone(),
            profile_hash: self.profile_hash,
            unverified_email: self.unverified_email.clone(),
            at,
        }
    }

    /// Whether the same bytes came with the same purpose before. The profile's hash is left out:
    /// a changed configuration does not turn a retry into theft. Of an old attempt's e-mail a digest
    /// is left.
    pub(super) fn is_bound_as(&self, attempt: &Attempt, key: &DeploymentKey) -> bool {
        let binding = &attempt.binding;
        let email = self.unverified_email.as_ref();
        let same_email = match &attempt.shortened {
            Some(shortened) => {
                email.map(|email| key.personal(email.as_str())) == shortened.unverified_email
            }
            None => email == binding.unverified_email.as_ref(),
        };
        self.scope == binding.scope && self.profile == binding.profile && same_email
    }

    /// What Verified Access is told; there is no claim without one.
    pub(super) fn expected_identity(
        &self,
        profile: &CertificateProfile,
    ) -> Result<ExpectedIdentity, Refusal> {
        match (&self.unverified_email, profile.scope) {
            (Some(email), KeyScope::User) => Ok(ExpectedIdentity::Email(email.clone())),
            (None, KeyScope::Machine) => profile
                .first_domain()
                .cloned()
                .map(ExpectedIdentity::Domain)
                .ok_or_else(|| ProblemCode::InternalError.into()),
            _ => Err(ProblemCode::InternalError.into()),
        }
    }
}

fn read_email(
    unverified: Option<&str>,
    profile: &CertificateProfile,
) -> Result<Option<Email>, Refusal> {
    let unverified = match (profile.scope, unverified) {
        (KeyScope::Machine, None) => return Ok(None),
        (KeyScope::Machine, Some(_)) => return Err(ProblemCode::EmailNotExpected.into()),
        (KeyScope::User, None) => return Err(ProblemCode::EmailRequired.into()),
        (KeyScope::User, Some(unverified)) => unverified,
    };
    let email = Email::parse(unverified).map_err(|_| ProblemCode::InvalidEmail)?;
    if profile
        .domains
        .iter()
        .any(|domain| domain.as_str() == email.domain())
    {
        Ok(Some(email))
    } else {
        Err(ProblemCode::EmailDomainNotAllowed.into())
    }
}
