//! From an admitted request to a certificate. Reads from top to bottom.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

pub use crate::admission::UnverifiedRequest;
use crate::admission::{Admission, Admitted, Denied, OpenAttempt, Resources, denial, storage};
use crate::attestation::VerifiedDevice;
use crate::ca::Issuer;
use crate::csr;
use crate::enrichment::{self, Circumstances};
use crate::model::attempt::{ANSWER_LIFETIME, AttemptId, AttemptState, ENROLLMENT_DEADLINE};
use crate::model::certificate::Validity;
use crate::model::facts::{Check, Facts};
use crate::model::problem_code::ProblemCode;
use crate::model::profile::CertificateProfile;
use crate::model::refusal::Refusal;
use crate::model::rule::Rule;
use crate::model::serial::SerialNumber;
use crate::policy;
use crate::store::attempts::Attempt;
use crate::store::certificates::CertificateRow;
use crate::telemetry::{Ending, Stage};

mod issuance;
mod objection;

/// What a requester gets: a public certificate and how long it is good.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// Whether it was issued just now; otherwise it is the answer that these bytes got before.
    pub fresh: bool,
    /// The attempt.
    pub attempt: AttemptId,
    /// The certificate's number.
    pub serial: SerialNumber,
    /// The profile's name.
    pub profile: String,
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// The issuing CA's certificate, DER; the root is not in it.
    pub chain: Vec<Vec<u8>>,
    /// When it is good.
    pub validity: Validity,
}

/// Issues certificates to admitted requests.
#[derive(Debug)]
pub struct Enrollment {
    admission: Arc<Admission>,
    resources: Arc<Resources>,
    issuers: HashMap<String, Issuer>,
    tasks: TaskTracker,
}

impl Enrollment {
    /// `issuers` by their configured names; every profile's must be there.
    #[must_use]
    pub fn new(
        admission: Arc<Admission>,
        resources: Arc<Resources>,
        issuers: HashMap<String, Issuer>,
    ) -> Self {
        Self {
            admission,
            resources,
            issuers,
            tasks: TaskTracker::new(),
        }
    }

    /// Answers within [`ENROLLMENT_DEADLINE`]. The work itself goes on where the requester hangs
    /// up or the deadline passes: its outcome is kept for the next time the same bytes arrive.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn enroll(self: &Arc<Self>, request: UnverifiedRequest) -> Result<Enrolled, Refusal> {
        let this = Arc::clone(self);
        let work = async move { this.measured(request).await };
        let work = self.tasks.spawn(work.in_current_span());
        match tokio::time::timeout(Duration::from_secs(ENROLLMENT_DEADLINE), work).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(ProblemCode::InternalError.into()),
            Err(_) => Err(Refusal::new(ProblemCode::InProgress).after(1)),
        }
    }

    /// From the request to its outcome, of which the requester may not wait for the end.
    async fn measured(&self, request: UnverifiedRequest) -> Result<Enrolled, Refusal> {
        let clock = &self.resources.clock;
        let begun = clock.monotonic();
        let outcome = self.admit_and_complete(request).await;
        let ending = match &outcome {
            Ok(enrolled) if enrolled.fresh => Ending::Issued,
            Ok(_) => Ending::Repeated,
            Err(_) => Ending::Refused,
        };
        let took = clock.monotonic().saturating_sub(begun);
        self.resources.metrics.stages.ended(ending, took);
        outcome
    }

    async fn admit_and_complete(&self, request: UnverifiedRequest) -> Result<Enrolled, Refusal> {
        match self.admission.admit(request).await? {
            Admitted::Finished(attempt) => self.again(&attempt).await,
            Admitted::Open(open) => self.complete(*open).await,
        }
    }

    /// Waits for what was bound before the service stops.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The same bytes, the same answer.
    async fn again(&self, attempt: &Attempt) -> Result<Enrolled, Refusal> {
        let now = self.resources.clock.now();
        let finished_at = attempt.finished_at.unwrap_or(attempt.binding.at);
        if attempt.state == AttemptState::Denied {
            let code = attempt.code.unwrap_or(ProblemCode::InternalError);
            let times = (finished_at, attempt.retry_at);
            return Err(denial(&attempt.id, code, &attempt.checks, times, now));
        }
        let found = self
            .resources
            .store
            .certificate_of_attempt(attempt.row)
            .await;
        let row = found
            .map_err(|error| storage(&error).of(&attempt.id))?
            .ok_or_else(|| Refusal::new(ProblemCode::InternalError).of(&attempt.id))?;
        let good = now.since(finished_at) < ANSWER_LIFETIME
            && now <= row.validity.not_after
            && row.revocation.is_none();
        let issuer = self
            .issuers
            .values()
            .find(|issuer| *issuer.id() == row.issuer);
        let serial = row.serial;
        match (good, issuer) {
            (true, Some(issuer)) => enrolled(row, attempt, issuer),
            _ => {
                let mut refusal = Refusal::new(ProblemCode::OutcomeExpired).of(&attempt.id);
                refusal.serial_number = Some(serial);
                Err(refusal)
            }
        }
    }

    /// Which key, what else is known, may they have it; then prepare, commit, sign, record.
    async fn complete(&self, open: OpenAttempt) -> Result<Enrolled, Refusal> {
        let OpenAttempt {
            mut attempt,
            device,
        } = open;
        let profile = self.admission.profile(&attempt.binding.profile)?;
        let begun = self.resources.clock.monotonic();
        let identity = device.identity().key();
        let key = match csr::prove(&device) {
            Ok(key) => key,
            Err(refusal) => {
                let checks = vec![*refusal.check];
                return Err(self
                    .deny(&attempt, identity, refusal.code, checks, None)
                    .await);
            }
        };
        let circumstances = self.circumstances(&attempt, &device, profile).await?;
        let mut facts = enrichment::gather(&device, &key, profile, circumstances);
        let so_far = self.resources.clock.monotonic().saturating_sub(begun);
        let asked = self.consult(&attempt, &device, &key, profile, &mut facts);
        if let Some(check) = asked.await? {
            if !check.passed {
                let code = ProblemCode::RefusedByWebhook;
                return Err(self
                    .deny(&attempt, identity, code, vec![check], Some(&facts))
                    .await);
            }
            attempt.checks.push(check);
        }
        // The wait for the webhook has a stage of its own.
        let begun = self.resources.clock.monotonic().saturating_sub(so_far);
        let decision = policy::evaluate(&facts, profile);
        let approved = policy::approve(device, key, decision);
        self.resources.took_since(Stage::Policy, begun);
        match approved {
            Ok(approval) => {
                attempt.checks.extend(approval.checks().iter().cloned());
                self.issue(&attempt, &approval).await
            }
            Err(denial) => Err(self
                .deny(&attempt, identity, denial.code, denial.checks, Some(&facts))
                .await),
        }
    }

    /// What is known besides the answer of Verified Access.
    async fn circumstances(
        &self,
        attempt: &Attempt,
        device: &VerifiedDevice,
        profile: &CertificateProfile,
    ) -> Result<Circumstances, Refusal> {
        let lists = self.resources.lists.current();
        let mut circumstances = Circumstances::listed(&lists, attempt.binding.at, device, profile);
        if profile.rules.iter().any(Rule::counts_certificates) {
            let (store, now) = (&self.resources.store, self.resources.clock.now());
            let counted = store
                .live_certificates(&device.identity().key(), &profile.name, attempt.row, now)
                .await;
            match counted {
                Ok(count) => circumstances.live_certificates = Some(count),
                Err(error) => {
                    let code = ProblemCode::StorageUnavailable;
                    self.admission.release(attempt, code).await;
                    return Err(storage(&error).of(&attempt.id));
                }
            }
        }
        Ok(circumstances)
    }

    /// Commits a denial, which counts against the verified identity unless the fault is ours.
    async fn deny(
        &self,
        attempt: &Attempt,
        identity: String,
        code: ProblemCode,
        checks: Vec<Check>,
        facts: Option<&Facts>,
    ) -> Refusal {
        let denied = Denied {
            checks,
            facts: facts.map(|facts| serde_json::to_string(facts).unwrap_or_default()),
            verified_access: None,
            counts_against: (code != ProblemCode::InternalError).then_some(identity),
        };
        self.admission.deny(attempt, code, denied).await
    }

    /// Not this device's fault: the attempt stays open for a retry with the same bytes.
    async fn give_up(&self, attempt: &Attempt, code: ProblemCode) -> Refusal {
        self.admission.release(attempt, code).await;
        Refusal::new(code).of(&attempt.id)
    }
}

/// What a client sends behind its certificate; the root is not in it.
fn chain(issuer: &Issuer) -> Vec<Vec<u8>> {
    vec![issuer.certificate_der().to_vec()]
}

fn enrolled(row: CertificateRow, attempt: &Attempt, issuer: &Issuer) -> Result<Enrolled, Refusal> {
    Ok(Enrolled {
        fresh: false,
        attempt: attempt.id.clone(),
        serial: row.serial,
        profile: row.profile,
        certificate: row
            .der
            .ok_or_else(|| Refusal::new(ProblemCode::InternalError).of(&attempt.id))?,
        chain: chain(issuer),
        validity: row.validity,
    })
}
