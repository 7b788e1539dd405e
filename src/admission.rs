//! Every door starts here: hand out a challenge, bind the first response to it, verify that
//! response, keep the attempt. Reads from top to bottom; what follows is `enrollment`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::attestation::{Failure, SealedVerdict, VerifiedDevice, Verifier, judge};
use crate::clock::{Clock, Timestamp};
use crate::model::actor::Actor;
use crate::model::attempt::{AttemptId, AttemptState, ENROLLMENT_DEADLINE, OWNERSHIP};
use crate::model::challenge::{CHALLENGE_LIFETIME, Challenge};
use crate::model::event::{AuditEvent, EventKind};
use crate::model::facts::Check;
use crate::model::identity::ExpectedIdentity;
use crate::model::problem_code::ProblemCode;
use crate::model::profile::CertificateProfile;
use crate::model::refusal::Refusal;
use crate::random::Random;
use crate::secrets::DeploymentKey;
use crate::store::attempts::{
    Attempt, Bind, Bound, Deny, KeepVerdict, Ownership, Release, TakeOver,
};
use crate::store::challenges::Remember;
use crate::store::{Store, StoreError};

mod claim;
mod gate;
mod networks;

use claim::Claim;
use gate::Gate;
pub use gate::GateSettings;
use networks::Networks;

/// How long a device waits before it asks again after Verified Access did not permit it, in seconds.
const NOT_PERMITTED_WAIT: i64 = 60 * 60;

/// What a story needs besides its own state; one value, shared.
#[derive(Debug)]
pub struct Resources {
    /// The record.
    pub store: Store,
    /// The way to Verified Access.
    pub verifier: Verifier,
    /// What can be asked for.
    pub profiles: Arc<Vec<CertificateProfile>>,
    /// Tags that the database cannot forge.
    pub deployment_key: DeploymentKey,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
}

/// A challenge on its way to a device.
#[derive(Debug)]
pub struct HandedOut {
    /// The opaque bytes.
    pub challenge: Challenge,
    /// From when on no answer to it is accepted.
    pub expires_at: Timestamp,
}

/// What a requester sent, as it came. None of it is believed.
#[derive(Debug)]
pub struct UnverifiedRequest {
    /// The challenge response, decoded from base64.
    pub response: Vec<u8>,
    /// The profile's name.
    pub profile: String,
    /// The claimed e-mail.
    pub email: Option<String>,
    /// The network address that it came from.
    pub peer: IpAddr,
}

/// Where an admitted request stands.
#[derive(Debug)]
pub enum Admitted {
    /// The attempt is finished: the same bytes get the same answer.
    Finished(Box<Attempt>),
    /// Verified, owned by this worker, without an outcome yet.
    Open(Box<OpenAttempt>),
}

/// An attempt in work: Verified Access vouched for the device.
#[derive(Debug)]
pub struct OpenAttempt {
    /// The row.
    pub attempt: Attempt,
    /// The evidence.
    pub device: VerifiedDevice,
}

/// Hands out challenges and admits their answers.
#[derive(Debug)]
pub struct Admission {
    resources: Arc<Resources>,
    gate: Gate,
    networks: Networks,
}

impl Admission {
    /// Bounds everything by `settings`.
    #[must_use]
    pub fn new(resources: Arc<Resources>, settings: &GateSettings) -> Self {
        Self {
            gate: Gate::new(settings, Arc::clone(&resources.clock)),
            networks: Networks::new(Arc::clone(&resources.clock)),
            resources,
        }
    }

    /// Fetches a challenge for the profile and remembers it before it is handed out.
    ///
    /// # Errors
    /// [`Refusal`]: `unknown_profile`, `busy`, or Verified Access and the record not answering.
    pub async fn challenge(&self, unverified_profile: &str) -> Result<HandedOut, Refusal> {
        let profile = self.profile(unverified_profile)?;
        let place = self.gate.enter()?;
        let (challenge, digest) = self
            .resources
            .verifier
            .generate()
            .await
            .map_err(|failure| outage(&failure))?;
        let at = self.resources.clock.now();
        let remember = Remember {
            digest,
            profile: profile.name.clone(),
            at,
        };
        self.resources
            .store
            .write(remember)
            .await
            .map_err(|error| storage(&error))?;
        let expires_at = at.plus(CHALLENGE_LIFETIME);
        place.occupy(digest);
        Ok(HandedOut {
            challenge,
            expires_at,
        })
    }

    /// Binds and verifies a response, or finds what became of it.
    ///
    /// # Errors
    /// [`Refusal`]; a final one is committed with its attempt.
    pub async fn admit(&self, request: UnverifiedRequest) -> Result<Admitted, Refusal> {
        let profile = self.profile(&request.profile)?;
        let claim = Claim::read(request, profile)?;
        let now = self.resources.clock.now();
        let mut attempt = match self.known(&claim, now).await? {
            Some(attempt) => attempt,
            None => self.bind(&claim, now).await?,
        };
        if matches!(attempt.state, AttemptState::Issued | AttemptState::Denied) {
            return Ok(Admitted::Finished(Box::new(attempt)));
        }
        let device = match &attempt.unverified_verdict {
            Some((json, tag)) => self.reopen(&attempt, json, tag).await?,
            None => self.verify(&attempt, &claim, profile).await?,
        };
        // Whatever follows is written behind the verdict's own checks, also on a second run.
        attempt.checks = device.checks().to_vec();
        Ok(Admitted::Open(Box::new(OpenAttempt { attempt, device })))
    }

    /// The profile of this name.
    ///
    /// # Errors
    /// `unknown_profile`.
    pub fn profile(&self, unverified_name: &str) -> Result<&CertificateProfile, Refusal> {
        self.resources
            .profiles
            .iter()
            .find(|profile| profile.name == unverified_name)
            .ok_or_else(|| ProblemCode::UnknownProfile.into())
    }

    /// The attempt that these bytes are bound to: finished, or taken over by this worker.
    async fn known(&self, claim: &Claim, now: Timestamp) -> Result<Option<Attempt>, Refusal> {
        let store = &self.resources.store;
        let found = store.attempt_by_response(claim.response.digest()).await;
        let Some(attempt) = found.map_err(|error| storage(&error))? else {
            return Ok(None);
        };
        if !claim.is_bound_as(&attempt.binding) {
            return Err(Refusal::new(ProblemCode::ResponseAlreadyUsed).of(&attempt.id));
        }
        if matches!(attempt.state, AttemptState::Issued | AttemptState::Denied) {
            return Ok(Some(attempt));
        }
        let take_over = TakeOver {
            response: claim.response.digest(),
            ownership: self.ownership(now)?,
            now,
        };
        match store
            .write(take_over)
            .await
            .map_err(|error| storage(&error))?
        {
            Some(taken) => Ok(Some(*taken)),
            None => Err(Refusal::new(ProblemCode::InProgress)
                .of(&attempt.id)
                .after(1)),
        }
    }

    /// Makes these bytes the one answer to their challenge.
    async fn bind(&self, claim: &Claim, now: Timestamp) -> Result<Attempt, Refusal> {
        self.networks.admit(claim.peer)?;
        // A taken id is one in a trillion; a second draw is plenty.
        for _ in 0..3 {
            match self.try_bind(claim, now).await? {
                Bound::New(attempt) => {
                    self.gate.answered(&claim.response.challenge());
                    return Ok(*attempt);
                }
                Bound::IdTaken => {}
                Bound::Known => {
                    let known = self.known(claim, now).await?;
                    return known.ok_or_else(|| ProblemCode::StorageUnavailable.into());
                }
                Bound::AlreadyAnswered => {
                    return Err(self.unbound(claim, ProblemCode::ChallengeAlreadyAnswered));
                }
                Bound::Unknown => return Err(self.unbound(claim, ProblemCode::UnknownChallenge)),
                Bound::Expired => return Err(self.unbound(claim, ProblemCode::ChallengeExpired)),
                Bound::OtherProfile => {
                    return Err(self.unbound(claim, ProblemCode::ChallengeForOtherProfile));
                }
            }
        }
        Err(ProblemCode::InternalError.into())
    }

    async fn try_bind(&self, claim: &Claim, now: Timestamp) -> Result<Bound, Refusal> {
        let id = AttemptId::random(self.resources.random.as_ref()).map_err(|_| no_random())?;
        let binding = claim.binding(now);
        let event = AuditEvent::new(now, EventKind::AttemptBound, Actor::Requester, id.as_str())
            .with("profile", binding.profile.as_str())
            .with("profile_hash", binding.profile_hash.to_string())
            .with("scope", binding.scope.as_str());
        let bind = Bind {
            id,
            binding,
            peer: claim.peer.to_string(),
            ownership: self.ownership(now)?,
            event,
        };
        self.resources
            .store
            .write(bind)
            .await
            .map_err(|error| storage(&error))
    }

    /// A failure that leaves no row; it counts against the network that it came from.
    fn unbound(&self, claim: &Claim, code: ProblemCode) -> Refusal {
        self.networks.failed(claim.peer);
        code.into()
    }

    /// Asks Verified Access, and commits what it says before anything is built on it.
    async fn verify(
        &self,
        attempt: &Attempt,
        claim: &Claim,
        profile: &CertificateProfile,
    ) -> Result<VerifiedDevice, Refusal> {
        let clock = &self.resources.clock;
        let left = attempt.challenge_expires_at.since(clock.now());
        if left <= 0 {
            return Err(self
                .deny(attempt, ProblemCode::ChallengeExpired, Denied::default())
                .await);
        }
        let left = Duration::from_secs(u64::try_from(left).unwrap_or(0).min(ENROLLMENT_DEADLINE));
        let expected = claim.expected_identity(profile)?;
        let asked = clock.monotonic();
        let answer = self
            .resources
            .verifier
            .verify(&claim.response, &expected, left)
            .await;
        let took = clock.monotonic().saturating_sub(asked);
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) => return Err(self.failed(attempt, claim, failure, took).await),
        };
        let verified_access = format!("OK in {} ms", took.as_millis());
        match judge(answer, &expected, profile) {
            Ok(device) => {
                self.keep(attempt, &device, &expected, verified_access)
                    .await?;
                Ok(device)
            }
            Err(refusal) => {
                let denied = Denied {
                    checks: refusal.checks,
                    facts: None,
                    verified_access: Some(verified_access),
                };
                Err(self.deny(attempt, refusal.code, denied).await)
            }
        }
    }

    async fn keep(
        &self,
        attempt: &Attempt,
        device: &VerifiedDevice,
        expected: &ExpectedIdentity,
        verified_access: String,
    ) -> Result<(), Refusal> {
        let key = &self.resources.deployment_key;
        let sealed = device.seal(&attempt.binding, key);
        let now = self.resources.clock.now();
        let event = AuditEvent::new(
            now,
            EventKind::AttemptVerified,
            Actor::Requester,
            attempt.id.as_str(),
        )
        .with("identity", key.personal(&device.identity().key()))
        .with("expected_identity", key.personal(expected.as_str()));
        let keep = KeepVerdict {
            row: attempt.row,
            owner: attempt.ownership.owner.clone(),
            verdict: sealed.json,
            tag: sealed.tag,
            checks: device.checks().to_vec(),
            verified_access,
            event,
        };
        match self.resources.store.write(keep).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refusal::new(ProblemCode::InProgress)
                .of(&attempt.id)
                .after(1)),
            Err(error) => {
                self.release(attempt).await;
                Err(storage(&error).of(&attempt.id))
            }
        }
    }

    /// Goes on from the committed verdict; Google is not asked again.
    async fn reopen(
        &self,
        attempt: &Attempt,
        json: &str,
        tag: &[u8],
    ) -> Result<VerifiedDevice, Refusal> {
        match SealedVerdict::reopen(json, tag, &attempt.binding, &self.resources.deployment_key) {
            Ok(device) => Ok(device),
            Err(error) => {
                tracing::error!(attempt = %attempt.id, %error, "a stored verdict is not ours: the database was written to by somebody else, or the deployment key changed");
                Err(self
                    .deny(
                        attempt,
                        ProblemCode::ChallengeResponseRefused,
                        Denied::default(),
                    )
                    .await)
            }
        }
    }

    async fn failed(
        &self,
        attempt: &Attempt,
        claim: &Claim,
        failure: Failure,
        took: Duration,
    ) -> Refusal {
        let code = failure.code();
        match failure {
            Failure::Refused { status } => {
                self.networks.failed(claim.peer);
                let denied = Denied::by_google(
                    &status,
                    took,
                    "a genuine, fresh answer about the expected identity",
                );
                self.deny(attempt, code, denied).await
            }
            Failure::NotPermitted => {
                let denied = Denied::by_google(
                    "PERMISSION_DENIED",
                    took,
                    "permission for this device and caller",
                );
                self.deny(attempt, code, denied).await
            }
            Failure::Unavailable { retry_after, .. } => {
                self.release(attempt).await;
                let wait = retry_after.unwrap_or(2).max(1);
                let until = self
                    .resources
                    .clock
                    .now()
                    .plus(i64::try_from(wait).unwrap_or(i64::MAX));
                // Sending the same bytes after the challenge's minute cannot help.
                if until >= attempt.challenge_expires_at {
                    return Refusal::new(ProblemCode::ChallengeExpired).of(&attempt.id);
                }
                Refusal::new(code).of(&attempt.id).after(wait)
            }
            Failure::Misconfigured { .. } | Failure::ClockUntrusted { .. } => {
                self.release(attempt).await;
                Refusal::new(code).of(&attempt.id)
            }
        }
    }

    /// Commits a final refusal and says it.
    pub async fn deny(&self, attempt: &Attempt, code: ProblemCode, denied: Denied) -> Refusal {
        let now = self.resources.clock.now();
        let mut checks = attempt.checks.clone();
        checks.extend(denied.checks);
        let failed = checks.iter().find(|check| !check.passed);
        let event = AuditEvent::new(
            now,
            EventKind::AttemptDenied,
            Actor::Requester,
            attempt.id.as_str(),
        )
        .with("code", code.as_str())
        .with("check", failed.map_or("", |check| check.name.as_str()));
        let deny = Deny {
            row: attempt.row,
            owner: attempt.ownership.owner.clone(),
            code,
            checks,
            facts: denied.facts,
            verified_access: denied.verified_access,
            event,
        };
        match self.resources.store.write(deny).await {
            Ok(true) => {
                tracing::info!(attempt = %attempt.id, code = code.as_str(), "denied");
                denial(&attempt.id, code, now, now)
            }
            Ok(false) => Refusal::new(ProblemCode::InProgress)
                .of(&attempt.id)
                .after(1),
            Err(error) => {
                self.release(attempt).await;
                storage(&error).of(&attempt.id)
            }
        }
    }

    /// Lets the next retry take over at once. Where even that fails, the owner's deadline does it.
    pub async fn release(&self, attempt: &Attempt) {
        let release = Release {
            row: attempt.row,
            owner: attempt.ownership.owner.clone(),
        };
        if let Err(error) = self.resources.store.write(release).await {
            tracing::warn!(attempt = %attempt.id, %error, "could not release an attempt");
        }
    }

    fn ownership(&self, now: Timestamp) -> Result<Ownership, Refusal> {
        let name: [u8; 8] = self.resources.random.array().map_err(|_| no_random())?;
        Ok(Ownership {
            owner: crate::model::serial::hex(&name),
            until: now.plus(OWNERSHIP),
        })
    }
}

/// What a denial leaves in the record besides its code.
#[derive(Debug, Default)]
pub struct Denied {
    /// Checks beyond those that the attempt already holds.
    pub checks: Vec<Check>,
    /// Facts that policy decided on.
    pub facts: Option<String>,
    /// What Verified Access answered.
    pub verified_access: Option<String>,
}

impl Denied {
    fn by_google(status: &str, took: Duration, expected: &str) -> Self {
        let remedy = "start again with a fresh challenge; if it repeats, compare the device's enrolment and the service account's access in the Admin console";
        Self {
            checks: vec![Check::new(
                "verified_access",
                expected,
                status,
                false,
                remedy,
            )],
            facts: None,
            verified_access: Some(format!("{status} in {} ms", took.as_millis())),
        }
    }
}

/// The answer of an attempt that was denied at `finished_at`.
#[must_use]
pub fn denial(
    id: &AttemptId,
    code: ProblemCode,
    finished_at: Timestamp,
    now: Timestamp,
) -> Refusal {
    let refusal = Refusal::new(code).of(id);
    if code != ProblemCode::DeviceNotPermitted {
        return refusal;
    }
    let left = finished_at.plus(NOT_PERMITTED_WAIT).since(now).max(1);
    refusal.after(u64::try_from(left).unwrap_or(1))
}

/// The record did not answer: the operator learns why, the requester that waiting helps.
pub(crate) fn storage(error: &StoreError) -> Refusal {
    tracing::error!(%error, "the record cannot be read or written; nothing is signed");
    Refusal::new(ProblemCode::StorageUnavailable).after(5)
}

pub(crate) fn no_random() -> Refusal {
    tracing::error!("the system's random source does not answer");
    ProblemCode::InternalError.into()
}

fn outage(failure: &Failure) -> Refusal {
    let refusal = Refusal::new(failure.code());
    match failure {
        Failure::Unavailable { retry_after, .. } => refusal.after(retry_after.unwrap_or(2).max(1)),
        _ => refusal,
    }
}
