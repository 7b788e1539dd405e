//! Every door starts here: hand out a challenge, bind the first response to it, verify that
//! response, keep the attempt. Reads from top to bottom; what follows is `enrollment`.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::attestation::{Failure, VerifiedDevice, Verifier};
use crate::clock::{Clock, Timestamp};
use crate::enrichment::LiveLists;
use crate::enrichment::webhook::Webhook;
use crate::model::actor::Actor;
use crate::model::attempt::{ANSWER_LIFETIME, AttemptId, OWNERSHIP};
use crate::model::challenge::{CHALLENGE_LIFETIME, Challenge};
use crate::model::event::{AuditEvent, EventKind};
use crate::model::problem_code::ProblemCode;
use crate::model::profile::CertificateProfile;
use crate::model::refusal::Refusal;
use crate::random::Random;
use crate::secrets::DeploymentKey;
use crate::store::attempts::{Attempt, Bind, Bound, Ownership, TakeOver};
use crate::store::challenges::Remember;
use crate::store::{Store, StoreError};
use crate::telemetry::{Metrics, Stage};

mod claim;
mod denial;
mod gate;
mod networks;
mod verification;

use claim::Claim;
pub use denial::{Denied, denial};
use gate::Gate;
pub use gate::GateSettings;

/// What a story needs besides its own state; one value, shared.
#[derive(Debug)]
pub struct Resources {
    /// The record.
    pub store: Store,
    /// The way to Verified Access.
    pub verifier: Verifier,
    /// What can be asked for.
    pub profiles: Arc<Vec<CertificateProfile>>,
    /// What the organisation says of its devices and users.
    pub lists: LiveLists,
    /// Services of the organisation's that profiles name.
    pub webhooks: Vec<Webhook>,
    /// Tags that the database cannot forge.
    pub deployment_key: DeploymentKey,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// What is measured.
    pub metrics: Arc<Metrics>,
}

impl Resources {
    /// Does a step and measures it.
    pub(crate) async fn timed<T>(&self, stage: Stage, step: impl Future<Output = T>) -> T {
        let stages = &self.metrics.stages;
        stages.timed(stage, self.clock.as_ref(), step).await
    }

    /// A step that began at this monotonic time has ended.
    pub(crate) fn took_since(&self, stage: Stage, begun: Duration) {
        let took = self.clock.monotonic().saturating_sub(begun);
        self.metrics.stages.took(stage, took);
    }
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

/// Without what was sent: it holds an e-mail, and the bytes that fetch a certificate.
impl fmt::Debug for UnverifiedRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("UnverifiedRequest(..)")
    }
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
}

impl Admission {
    /// Bounds everything by `settings`.
    #[must_use]
    pub fn new(resources: Arc<Resources>, settings: &GateSettings) -> Self {
        Self {
            gate: Gate::new(settings, Arc::clone(&resources.clock)),
            resources,
        }
    }

    /// Fetches a challenge for the profile and remembers it before it is handed out. `peer` is the
    /// network address that it goes to.
    ///
    /// # Errors
    /// [`Refusal`]: `unknown_profile`, `busy`, or Verified Access and the record not answering.
    pub async fn challenge(
        &self,
        unverified_profile: &str,
        peer: IpAddr,
    ) -> Result<HandedOut, Refusal> {
        let profile = self.profile(unverified_profile)?;
        let place = self.gate.enter(peer)?;
        let generated = self.resources.verifier.generate();
        let (challenge, digest) = self
            .resources
            .timed(Stage::Challenge, generated)
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
        self.resources.metrics.attempts.challenged(&profile.name);
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
        let mut attempt = self.bound(&claim, now).await?;
        if attempt.is_finished() {
            return Ok(Admitted::Finished(Box::new(attempt)));
        }
        self.still_good(&attempt, profile, now).await?;
        let device = match &attempt.unverified_verdict {
            Some((json, tag)) => self.reopen(&attempt, json, tag).await?,
            None => self.verify(&attempt, &claim, profile).await?,
        };
        // Whatever follows is written behind the verdict's own checks, also on a second run.
        attempt.checks = device.checks().to_vec();
        Ok(Admitted::Open(Box::new(OpenAttempt { attempt, device })))
    }

    /// How many challenges are out: neither answered nor expired.
    #[must_use]
    pub fn outstanding_challenges(&self) -> usize {
        self.gate.outstanding()
    }

    /// The attempt of these bytes, old or new. An answer to a challenge that is still out is new, but for
    /// what another node bound meanwhile, which the binding itself finds: no look at the record first.
    async fn bound(&self, claim: &Claim, now: Timestamp) -> Result<Attempt, Refusal> {
        if !self.gate.is_outstanding(&claim.response.challenge())
            && let Some(known) = self.known(claim, now).await?
        {
            return Ok(known);
        }
        self.bind(claim, now).await
    }

    /// An attempt that was left open is finished under the recipe and within the time that it was
    /// bound with, or not at all.
    async fn still_good(
        &self,
        attempt: &Attempt,
        profile: &CertificateProfile,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if profile.hash != attempt.binding.profile_hash {
            let denied = Denied::because(
                "profile",
                "the recipe that the attempt was bound with",
                "a changed recipe",
                "start again: the profile was changed meanwhile",
            );
            return Err(self
                .deny(attempt, ProblemCode::ProfileChanged, denied)
                .await);
        }
        if now.since(attempt.binding.at) >= ANSWER_LIFETIME {
            let denied = Denied::because(
                "age",
                "an attempt of the last 24 hours",
                format!("bound {}", attempt.binding.at),
                "start again with a new challenge",
            );
            return Err(self
                .deny(attempt, ProblemCode::OutcomeExpired, denied)
                .await);
        }
        Ok(())
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
        let found = store.attempt_of(claim.presented()).await;
        let Some(attempt) = found.map_err(|error| storage(&error))? else {
            return Ok(None);
        };
        if !claim.is_bound_as(&attempt, &self.resources.deployment_key) {
            return Err(Refusal::new(ProblemCode::ResponseAlreadyUsed).of(&attempt.id));
        }
        if attempt.is_finished() {
            return Ok(Some(attempt));
        }
        let ownership = self.ownership(now)?;
        let owner = ownership.owner.clone();
        let take_over = TakeOver {
            presented: claim.presented(),
            ownership,
            now,
        };
        let taken = match store.write(take_over).await {
            Ok(taken) => taken,
            Err(error) => return Err(self.unconfirmed(claim, owner, &error).await),
        };
        match taken {
            Some(taken) => Ok(Some(*taken)),
            None => self
                .finished_meanwhile(claim)
                .await?
                .map(Some)
                .ok_or_else(|| {
                    Refusal::new(ProblemCode::InProgress)
                        .of(&attempt.id)
                        .after(1)
                }),
        }
    }

    /// The attempt, where somebody finished it between a look at it and the attempt to take it over.
    async fn finished_meanwhile(&self, claim: &Claim) -> Result<Option<Attempt>, Refusal> {
        let store = &self.resources.store;
        let found = store.attempt_of(claim.presented()).await;
        let found = found.map_err(|error| storage(&error))?;
        Ok(found.filter(Attempt::is_finished))
    }

    /// Makes these bytes the one answer to their challenge.
    async fn bind(&self, claim: &Claim, now: Timestamp) -> Result<Attempt, Refusal> {
        // Of the ids of a minute one in 33 million is taken by each attempt; three draws are plenty.
        for _ in 0..3 {
            let bound = self.try_bind(claim, now).await?;
            if matches!(bound, Bound::New(_) | Bound::Known | Bound::AlreadyAnswered) {
                self.gate.answered(&claim.response.challenge());
            }
            match bound {
                Bound::New(attempt) => return Ok(*attempt),
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
        let id = AttemptId::draw(now, self.resources.random.as_ref()).map_err(|_| no_random())?;
        let binding = claim.binding(now);
        let event = AuditEvent::new(now, EventKind::AttemptBound, Actor::Requester, id.as_str())
            .with("profile", binding.profile.as_str())
            .with("profile_hash", binding.profile_hash.to_string())
            .with("scope", binding.scope.as_str());
        let ownership = self.ownership(now)?;
        let owner = ownership.owner.clone();
        let bind = Bind {
            id,
            binding,
            peer: claim.peer.to_string(),
            ownership,
            event,
        };
        let write = self.resources.store.write(bind);
        match self.resources.timed(Stage::Bind, write).await {
            Ok(bound) => Ok(bound),
            Err(error) => Err(self.unconfirmed(claim, owner, &error).await),
        }
    }

    /// The record did not confirm that these bytes are ours: should they be, the retry, which has what
    /// is left of the challenge's minute, need not wait for our time to pass.
    async fn unconfirmed(&self, claim: &Claim, owner: String, error: &StoreError) -> Refusal {
        self.give_up(claim.presented(), owner).await;
        storage(error)
    }

    /// A failure that leaves no row; it counts against the network that it came from.
    fn unbound(&self, claim: &Claim, code: ProblemCode) -> Refusal {
        self.gate.failed(claim.peer);
        code.into()
    }

    fn ownership(&self, now: Timestamp) -> Result<Ownership, Refusal> {
        let name: [u8; 8] = self.resources.random.array().map_err(|_| no_random())?;
        Ok(Ownership {
            owner: crate::model::serial::hex(&name),
            until: now.plus(OWNERSHIP),
        })
    }
}

/// The record did not answer: the operator learns why, the requester that waiting helps.
pub(crate) fn storage(error: &StoreError) -> Refusal {
    tracing::error!(%error, "the record cannot be read or written; nothing is signed");
    ProblemCode::StorageUnavailable.into()
}

pub(crate) fn no_random() -> Refusal {
    tracing::error!("the system's random source does not answer");
    ProblemCode::InternalError.into()
}

/// A wait that Google asked for is passed on; otherwise the problem table draws one, so that a fleet
/// does not come back in the same second.
fn outage(failure: &Failure) -> Refusal {
    let mut refusal = Refusal::new(failure.code());
    if let Failure::Unavailable { retry_after, .. } = failure {
        refusal.retry_after = *retry_after;
    }
    refusal
}
