//! From an admitted request to a certificate. Reads from top to bottom.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

pub use crate::admission::UnverifiedRequest;
use crate::admission::{
    Admission, Admitted, Denied, OpenAttempt, Resources, denial, no_random, storage,
};
use crate::ca::{IssuedCertificate, Issuer, PreparedCertificate};
use crate::clock::Timestamp;
use crate::csr;
use crate::enrichment;
use crate::model::actor::Actor;
use crate::model::attempt::{ANSWER_LIFETIME, AttemptId, AttemptState, ENROLLMENT_DEADLINE};
use crate::model::certificate::{CertificateKind, Validity};
use crate::model::event::{AuditEvent, EventKind};
use crate::model::facts::{Check, Facts};
use crate::model::problem_code::ProblemCode;
use crate::model::refusal::Refusal;
use crate::model::serial::SerialNumber;
use crate::policy::{self, Approval};
use crate::store::attempts::Attempt;
use crate::store::certificates::{CertificateRow, Holder, Intend, Intended, Intent, Record};

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
        let work = async move {
            match this.admission.admit(request).await? {
                Admitted::Finished(attempt) => this.again(&attempt).await,
                Admitted::Open(open) => this.complete(*open).await,
            }
        };
        let work = self.tasks.spawn(work.in_current_span());
        match tokio::time::timeout(Duration::from_secs(ENROLLMENT_DEADLINE), work).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(ProblemCode::InternalError.into()),
            Err(_) => Err(Refusal::new(ProblemCode::InProgress).after(1)),
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
            return Err(denial(&attempt.id, code, finished_at, now));
        }
        let found = self
            .resources
            .store
            .certificate_of_attempt(attempt.row)
            .await;
        let row = found
            .map_err(|error| storage(&error).of(&attempt.id))?
            .ok_or_else(|| Refusal::new(ProblemCode::InternalError).of(&attempt.id))?;
        let good = now.since(finished_at) < ANSWER_LIFETIME && now <= row.validity.not_after;
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
        let OpenAttempt { attempt, device } = open;
        let profile = self.admission.profile(&attempt.binding.profile)?;
        if profile.hash != attempt.binding.profile_hash {
            // Verified under one recipe, never issued under another.
            let code = ProblemCode::ChallengeForOtherProfile;
            return Err(self.admission.deny(&attempt, code, Denied::default()).await);
        }
        let key = match csr::prove(&device) {
            Ok(key) => key,
            Err(refusal) => {
                return Err(self
                    .deny(&attempt, refusal.code, vec![refusal.check], None)
                    .await);
            }
        };
        let facts = enrichment::gather(&device, &key, profile);
        let decision = policy::evaluate(&facts, profile);
        let checks = decision.checks().to_vec();
        match policy::approve(device, key, decision) {
            Ok(approval) => self.issue(&attempt, &approval, &facts, checks).await,
            Err(denial) => Err(self
                .deny(&attempt, denial.code, denial.checks, Some(&facts))
                .await),
        }
    }

    async fn issue(
        &self,
        attempt: &Attempt,
        approval: &Approval,
        facts: &Facts,
        checks: Vec<Check>,
    ) -> Result<Enrolled, Refusal> {
        let issuer = match self.issuers.get(&approval.profile().issuer) {
            Some(issuer) if self.resources.verifier.clock_trusted() => issuer,
            Some(_) => return Err(self.give_up(attempt, ProblemCode::ClockUntrusted).await),
            None => return Err(self.give_up(attempt, ProblemCode::InternalError).await),
        };
        let now = self.resources.clock.now();
        let random = self.resources.random.as_ref();
        let serial = SerialNumber::random(random).map_err(|_| no_random())?;
        let prepared = match issuer.prepare(approval, serial, now, random) {
            Ok(prepared) => prepared,
            Err(error) => {
                tracing::warn!(attempt = %attempt.id, %error, "not prepared");
                return Err(match error.code() {
                    ProblemCode::IdentityNotCertifiable => {
                        let check = Check::new(
                            "identity",
                            "a name that fits a certificate",
                            error.to_string(),
                            false,
                            "shorten or rename the account",
                        );
                        self.deny(attempt, error.code(), vec![check], Some(facts))
                            .await
                    }
                    code => self.give_up(attempt, code).await,
                });
            }
        };
        let row = self
            .intend(attempt, approval, &prepared, facts, checks, now)
            .await?;
        let issued = match issuer.sign(prepared).await {
            Ok(issued) => issued,
            Err(error) => {
                tracing::error!(attempt = %attempt.id, %error, "not signed");
                return Err(self.give_up(attempt, ProblemCode::InternalError).await);
            }
        };
        self.record(attempt, row, &issued).await?;
        Ok(Enrolled {
            fresh: true,
            attempt: attempt.id.clone(),
            serial: issued.serial(),
            profile: approval.profile().name.clone(),
            certificate: issued.der().to_vec(),
            chain: chain(issuer),
            validity: issued.validity(),
        })
    }

    /// Commits serial and to-be-signed bytes. Only after this may the key be used.
    async fn intend(
        &self,
        attempt: &Attempt,
        approval: &Approval,
        prepared: &PreparedCertificate,
        facts: &Facts,
        checks: Vec<Check>,
        now: Timestamp,
    ) -> Result<i64, Refusal> {
        let mut all_checks = attempt.checks.clone();
        all_checks.extend(checks);
        let subject = format!("{}/{}", prepared.issuer_id(), prepared.serial());
        let event = AuditEvent::new(
            now,
            EventKind::CertificateIntended,
            Actor::Requester,
            subject,
        )
        .with("attempt", attempt.id.as_str())
        .with("profile_hash", approval.profile().hash.to_string());
        let intend = Intend {
            attempt: attempt.row,
            owner: attempt.ownership.owner.clone(),
            intent: intent(approval, prepared),
            checks: all_checks,
            facts: serde_json::to_string(facts).unwrap_or_default(),
            event,
        };
        match self.resources.store.write(intend).await {
            Ok(Intended::Committed(row)) => Ok(row),
            Ok(Intended::LostOwnership) => Err(Refusal::new(ProblemCode::InProgress)
                .of(&attempt.id)
                .after(1)),
            Ok(Intended::Blocked) => {
                let check = Check::new(
                    "blocked",
                    "not blocked",
                    "blocked",
                    false,
                    "ask an operator to lift the block",
                );
                Err(self
                    .deny(attempt, ProblemCode::Blocked, vec![check], Some(facts))
                    .await)
            }
            Ok(Intended::KeyTaken) => {
                let check = Check::new(
                    "key_is_new",
                    "a key without a certificate",
                    "a certified key",
                    false,
                    "enrol again with a fresh key",
                );
                Err(self
                    .deny(
                        attempt,
                        ProblemCode::KeyAlreadyCertified,
                        vec![check],
                        Some(facts),
                    )
                    .await)
            }
            Err(error) => {
                self.admission.release(attempt).await;
                Err(storage(&error).of(&attempt.id))
            }
        }
    }

    async fn record(
        &self,
        attempt: &Attempt,
        row: i64,
        issued: &IssuedCertificate,
    ) -> Result<(), Refusal> {
        let now = self.resources.clock.now();
        let subject = format!("{}/{}", issued.issuer_id(), issued.serial());
        let event = AuditEvent::new(now, EventKind::CertificateIssued, Actor::Requester, subject)
            .with("attempt", attempt.id.as_str())
            .with("sha256", crate::model::serial::hex(issued.sha256()));
        let record = Record {
            row,
            attempt: Some(attempt.row),
            der: issued.der().to_vec(),
            der_sha256: *issued.sha256(),
            event,
        };
        match self.resources.store.write(record).await {
            Ok(true) => {
                tracing::info!(attempt = %attempt.id, serial = %issued.serial(), "issued");
                Ok(())
            }
            Ok(false) => Err(Refusal::new(ProblemCode::InProgress)
                .of(&attempt.id)
                .after(1)),
            Err(error) => {
                self.admission.release(attempt).await;
                Err(storage(&error).of(&attempt.id))
            }
        }
    }

    async fn deny(
        &self,
        attempt: &Attempt,
        code: ProblemCode,
        checks: Vec<Check>,
        facts: Option<&Facts>,
    ) -> Refusal {
        let denied = Denied {
            checks,
            facts: facts.map(|facts| serde_json::to_string(facts).unwrap_or_default()),
            verified_access: None,
        };
        self.admission.deny(attempt, code, denied).await
    }

    /// Not this device's fault: the attempt stays open for a retry with the same bytes.
    async fn give_up(&self, attempt: &Attempt, code: ProblemCode) -> Refusal {
        self.admission.release(attempt).await;
        Refusal::new(code).of(&attempt.id)
    }
}

fn intent(approval: &Approval, prepared: &PreparedCertificate) -> Intent {
    let device = approval.device();
    let facts = enrichment::gather(device, approval.key(), approval.profile());
    Intent {
        kind: CertificateKind::Client,
        issuer: prepared.issuer_id().clone(),
        serial: prepared.serial(),
        profile: approval.profile().name.clone(),
        profile_hash: approval.profile().hash,
        identity: device.identity().key(),
        holder: Holder {
            email: facts.email,
            device_permanent_id: facts.device_permanent_id,
            virtual_device_id: facts.virtual_device_id,
            device_enrollment_id: facts.device_enrollment_id,
            attested_device_id: facts.attested_device_id,
            customer_id: facts.customer_id,
        },
        spki_sha256: *approval.key().spki_sha256(),
        tbs: prepared.tbs().to_vec(),
        validity: prepared.validity(),
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
