//! Prepare, commit, sign, record: from an approval to a certificate that may be handed out.

use crate::admission::{no_random, storage};
use crate::ca::{IssuedCertificate, PreparedCertificate};
use crate::clock::Timestamp;
use crate::enrichment::HolderNames;
use crate::enrollment::{Enrolled, Enrollment, chain};
use crate::model::actor::Actor;
use crate::model::certificate::CertificateKind;
use crate::model::event::{AuditEvent, EventKind};
use crate::model::facts::Check;
use crate::model::problem_code::ProblemCode;
use crate::model::refusal::Refusal;
use crate::model::serial::SerialNumber;
use crate::policy::{self, Approval};
use crate::store::attempts::Attempt;
use crate::store::certificates::{Holder, Intend, Intended, Intent, Record};
use crate::telemetry::Stage;

impl Enrollment {
    pub(super) async fn issue(
        &self,
        attempt: &Attempt,
        approval: &Approval,
    ) -> Result<Enrolled, Refusal> {
        let issuer = match self.issuers.get(&approval.profile().issuer) {
            Some(issuer) if self.resources.verifier.clock_trusted() => issuer,
            Some(_) => return Err(self.give_up(attempt, ProblemCode::ClockUntrusted).await),
            None => return Err(self.give_up(attempt, ProblemCode::InternalError).await),
        };
        let now = self.resources.clock.now();
        let random = self.resources.random.as_ref();
        let Ok(serial) = SerialNumber::draw(now, random) else {
            no_random();
            return Err(self.give_up(attempt, ProblemCode::InternalError).await);
        };
        let begun = self.resources.clock.monotonic();
        let prepared = issuer.prepare(approval, serial, now, random);
        self.resources.took_since(Stage::Prepare, begun);
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                tracing::warn!(attempt = %attempt.id, %error, "not prepared");
                return Err(self.give_up(attempt, error.code()).await);
            }
        };
        let row = self.intend(attempt, approval, &prepared, now).await?;
        self.look_again(attempt, approval).await?;
        // The list is the same as long as the process runs; whoever makes it change finds this in place.
        let profile = match self.admission.profile(prepared.profile()) {
            Ok(profile) => profile.hash,
            Err(refusal) => return Err(self.give_up(attempt, refusal.code).await),
        };
        let signing = issuer.sign(prepared, profile);
        let issued = match self.resources.timed(Stage::Sign, signing).await {
            Ok(issued) => issued,
            Err(error) => {
                tracing::error!(attempt = %attempt.id, %error, "not signed");
                return Err(self.give_up(attempt, error.code()).await);
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
        now: Timestamp,
    ) -> Result<i64, Refusal> {
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
            limit: approval.profile().live_certificates,
            checks: attempt.checks.clone(),
            facts: serde_json::to_string(approval.facts()).unwrap_or_default(),
            event,
        };
        let write = self.resources.store.write(intend);
        let refused = match self.resources.timed(Stage::Intend, write).await {
            Ok(Intended::Committed(row)) => return Ok(row),
            Ok(Intended::LostOwnership) => {
                return Err(Refusal::new(ProblemCode::InProgress)
                    .of(&attempt.id)
                    .after(1));
            }
            Ok(Intended::Blocked) => blocked(),
            Ok(Intended::LimitReached) => limit_reached(approval),
            Ok(Intended::KeyTaken) => key_taken(),
            Err(error) => {
                let code = ProblemCode::StorageUnavailable;
                self.admission.release(attempt, code).await;
                return Err(storage(&error).of(&attempt.id));
            }
        };
        let (code, check) = refused;
        Err(self.deny_approved(attempt, approval, code, check).await)
    }

    /// The lists of blocked ones may have changed since policy saw them. Nothing stands between this look
    /// and the signature; the denial closes the intent.
    async fn look_again(&self, attempt: &Attempt, approval: &Approval) -> Result<(), Refusal> {
        let lists = self.resources.lists.current();
        let listing = lists.blocking(HolderNames::of_device(approval.device()));
        let check = listing
            .map(|listing| policy::check_block_listing("blocked_before_signature", &listing));
        match check.filter(|check| !check.passed) {
            None => Ok(()),
            Some(check) => Err(self
                .deny_approved(attempt, approval, ProblemCode::Blocked, check)
                .await),
        }
    }

    /// Policy approved, and something else stands against it.
    async fn deny_approved(
        &self,
        attempt: &Attempt,
        approval: &Approval,
        code: ProblemCode,
        check: Check,
    ) -> Refusal {
        let (identity, facts) = (approval.device().identity().key(), approval.facts());
        self.deny(attempt, identity, code, vec![check], Some(facts))
            .await
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
            event,
        };
        let write = self.resources.store.write(record);
        match self.resources.timed(Stage::Record, write).await {
            Ok(true) => {
                let attempts = &self.resources.metrics.attempts;
                attempts.issued(&attempt.binding.profile);
                tracing::info!(attempt = %attempt.id, serial = %issued.serial(), "issued");
                Ok(())
            }
            Ok(false) => Err(Refusal::new(ProblemCode::InProgress)
                .of(&attempt.id)
                .after(1)),
            Err(error) => {
                let code = ProblemCode::StorageUnavailable;
                self.admission.release(attempt, code).await;
                Err(storage(&error).of(&attempt.id))
            }
        }
    }
}

fn blocked() -> (ProblemCode, Check) {
    let remedy = "ask an operator to lift the block";
    let check = Check::new("blocked", "not blocked", "blocked", false, remedy);
    (ProblemCode::Blocked, check)
}

fn limit_reached(approval: &Approval) -> (ProblemCode, Check) {
    let check = Check::new(
        "live_certificates",
        format!("fewer than {}", approval.profile().live_certificates),
        "as many as the profile allows",
        false,
        "wait until one ends, find out why there are so many, or raise the profile's live_certificates",
    );
    (ProblemCode::TooManyCertificates, check)
}

fn key_taken() -> (ProblemCode, Check) {
    let check = Check::new(
        "key_is_new",
        "a key without a certificate",
        "a certified key",
        false,
        "enrol again with a fresh key",
    );
    (ProblemCode::KeyAlreadyCertified, check)
}

fn intent(approval: &Approval, prepared: &PreparedCertificate) -> Intent {
    let facts = approval.facts().clone();
    Intent {
        kind: CertificateKind::Client,
        issuer: prepared.issuer_id().clone(),
        serial: prepared.serial(),
        profile: approval.profile().name.clone(),
        profile_hash: approval.profile().hash,
        identity: approval.device().identity().key(),
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
