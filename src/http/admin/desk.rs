//! What the admin API reaches.

use std::sync::Arc;

use crate::access::{Access, Principal};
use crate::admission::{Resources, storage};
use crate::authorization::Gatekeeper;
use crate::clock::Timestamp;
use crate::http::admin::views::issuer::IssuerView;
use crate::http::health::Readiness;
use crate::http::problem::Problem;
use crate::model::event::{AuditEvent, EventKind};
use crate::model::problem_code::ProblemCode;
use crate::model::refusal::Refusal;
use crate::revocation::{Office, RevocationPolicy};
use crate::store::audit::Note;

/// What handlers of the admin API ask for.
#[derive(Debug)]
pub struct Desk {
    /// The ways in.
    pub access: Access,
    /// The record and what it is read with.
    pub resources: Arc<Resources>,
    /// The issuers, in the order of the configuration.
    pub issuers: Vec<IssuerView>,
    /// Who passes which gate.
    pub gatekeeper: Gatekeeper,
    /// How much may be revoked without a second look, and who gets nothing afterwards.
    pub revocation: RevocationPolicy,
    /// Who knows whether all is well.
    pub readiness: Arc<dyn Readiness>,
}

impl Desk {
    /// Wall time.
    pub(super) fn now(&self) -> Timestamp {
        self.resources.clock.now()
    }

    /// What revocations are done with.
    pub(super) fn office(&self) -> Office<'_> {
        Office {
            store: &self.resources.store,
            key: &self.resources.deployment_key,
            policy: &self.revocation,
            now: self.now(),
        }
    }

    /// An event that tells what `principal` is shown; `subject` holds no personal value.
    pub(super) fn reading(&self, principal: &Principal, subject: impl Into<String>) -> AuditEvent {
        let actor = principal.actor.clone();
        AuditEvent::new(self.now(), EventKind::RecordRead, actor, subject)
    }

    /// Commits the event. What is shown is shown after that: nobody reads unseen.
    pub(super) async fn note(&self, event: AuditEvent) -> Result<(), Problem> {
        let noted = self.resources.store.write(Note(event)).await;
        noted.map_err(|error| storage(&error).into())
    }
}

/// For those who may know what there is.
pub(super) fn absent(what: &str) -> Problem {
    let refusal = Refusal::new(ProblemCode::NotFound);
    refusal.because(format!("There is no such {what}.")).into()
}
