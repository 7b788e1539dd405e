//! Asks Verified Access about a bound attempt, and keeps what it says.

use std::time::Duration;

use crate::admission::claim::Claim;
use crate::admission::denial::{Denied, denial};
use crate::admission::{Admission, storage};
use crate::attestation::{Failure, SealedVerdict, VerifiedDevice, judge};
use crate::model::actor::Actor;
use crate::model::attempt::VERIFICATION_TIME;
use crate::model::event::{AuditEvent, EventKind};
use crate::model::identity::ExpectedIdentity;
use crate::model::problem_code::ProblemCode;
use crate::model::profile::CertificateProfile;
use crate::model::refusal::Refusal;
use crate::store::attempts::{Attempt, KeepVerdict, Kept};
use crate::telemetry::Stage;

/// What a requester waits at the least where Google asked for no time, in seconds.
const SHORTEST_WAIT: u64 = 2;

impl Admission {
    /// Asks Verified Access, and commits what it says before anything is built on it.
    pub(super) async fn verify(
        &self,
        attempt: &Attempt,
        claim: &Claim,
        profile: &CertificateProfile,
    ) -> Result<VerifiedDevice, Refusal> {
        let clock = &self.resources.clock;
        let left = attempt.challenge_expires_at.since(clock.now());
        if left <= 0 {
            return Err(self
                .deny(attempt, ProblemCode::ChallengeExpired, Denied::too_late())
                .await);
        }
        let left = Duration::from_secs(u64::try_from(left).unwrap_or(0).min(VERIFICATION_TIME));
        let expected = claim.expected_identity(profile)?;
        let asked = clock.monotonic();
        let answer = self
            .resources
            .verifier
            .verify(&claim.response, &expected, left)
            .await;
        let took = clock.monotonic().saturating_sub(asked);
        self.resources
            .metrics
            .stages
            .took(Stage::VerifiedAccess, took);
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) => return Err(self.failed(attempt, claim, failure, took).await),
        };
        let verified_access = format!("OK in {} ms", took.as_millis());
        match judge(answer, &expected, profile) {
            Ok(device) => {
                let limit = profile.attempts_per_minute;
                self.keep(attempt, &device, &expected, verified_access, limit)
                    .await?;
                Ok(device)
            }
            Err(refusal) => {
                let denied = Denied {
                    checks: refusal.checks,
                    verified_access: Some(verified_access),
                    ..Denied::default()
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
        attempts_per_minute: u32,
    ) -> Result<(), Refusal> {
        let key = &self.resources.deployment_key;
        let sealed = device.seal(&attempt.binding, key);
        let identity = device.identity().key();
        let now = self.resources.clock.now();
        let event = AuditEvent::new(
            now,
            EventKind::AttemptVerified,
            Actor::Requester,
            attempt.id.as_str(),
        )
        .with("identity", key.personal(&identity))
        .with("expected_identity", key.personal(expected.as_str()));
        let keep = KeepVerdict {
            row: attempt.row,
            owner: attempt.ownership.owner.clone(),
            verdict: sealed.json,
            tag: sealed.tag,
            checks: device.checks().to_vec(),
            verified_access,
            identity,
            attempts_per_minute,
            event,
        };
        let write = self.resources.store.write(keep);
        match self.resources.timed(Stage::Verdict, write).await {
            Ok(Kept::Verified) => Ok(()),
            Ok(Kept::Held(hold)) => {
                tracing::info!(attempt = %attempt.id, code = hold.code.as_str(), "denied");
                self.count_denial(attempt, hold.code);
                let (at, until) = (now, Some(hold.until));
                Err(denial(
                    &attempt.id,
                    hold.code,
                    &[hold.check],
                    (at, until),
                    now,
                ))
            }
            Ok(Kept::LostOwnership) => Err(Refusal::new(ProblemCode::InProgress)
                .of(&attempt.id)
                .after(1)),
            Err(error) => {
                self.release(attempt, ProblemCode::StorageUnavailable).await;
                Err(storage(&error).of(&attempt.id))
            }
        }
    }

    /// Goes on from the committed verdict; Google is not asked again.
    pub(super) async fn reopen(
        &self,
        attempt: &Attempt,
        json: &str,
        tag: &[u8],
    ) -> Result<VerifiedDevice, Refusal> {
        match SealedVerdict::reopen(json, tag, &attempt.binding, &self.resources.deployment_key) {
            Ok(device) => Ok(device),
            Err(error) => {
                // Ours to mend (another deployment key, another version), so it is not the device
                // that pays with its key.
                tracing::error!(attempt = %attempt.id, %error, "a stored verdict is not ours: the database was written to by somebody else, or the deployment key changed");
                self.release(attempt, ProblemCode::InternalError).await;
                Err(Refusal::new(ProblemCode::InternalError).of(&attempt.id))
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
                self.gate.failed(claim.peer);
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
                let wait = retry_after.unwrap_or(SHORTEST_WAIT);
                let wait = i64::try_from(wait).unwrap_or(i64::MAX);
                // The same bytes cannot help after the challenge's minute.
                if self.resources.clock.now().plus(wait) >= attempt.challenge_expires_at {
                    let code = ProblemCode::ChallengeExpired;
                    return self.deny(attempt, code, Denied::too_late()).await;
                }
                self.release(attempt, code).await;
                let mut refusal = Refusal::new(code).of(&attempt.id);
                refusal.retry_after = retry_after;
                refusal
            }
            Failure::Misconfigured { .. } | Failure::ClockUntrusted { .. } => {
                self.release(attempt, code).await;
                Refusal::new(code).of(&attempt.id)
            }
        }
    }
}
