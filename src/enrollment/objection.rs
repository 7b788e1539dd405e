//! Asks the organisation's own service, where the profile names one, before policy decides.

use crate::attestation::VerifiedDevice;
use crate::csr::ProvenKey;
use crate::enrichment::webhook::{Answer, Subject, Webhook};
use crate::enrichment::{self, Supplied};
use crate::enrollment::Enrollment;
use crate::model::facts::{Check, Facts};
use crate::model::problem_code::ProblemCode;
use crate::model::profile::CertificateProfile;
use crate::model::refusal::Refusal;
use crate::store::attempts::Attempt;
use crate::telemetry::Stage;

/// What a device waits at the least before it sends the same bytes again, in seconds.
const WAIT: u64 = 5;

impl Enrollment {
    /// Puts what the profile's webhook knows into the facts, and what it says of the attempt among the
    /// checks. Without an answer that counts nothing is decided: the attempt stays open, and Verified
    /// Access is not asked again.
    pub(super) async fn consult(
        &self,
        attempt: &Attempt,
        device: &VerifiedDevice,
        key: &ProvenKey,
        profile: &CertificateProfile,
        facts: &mut Facts,
    ) -> Result<Option<Check>, Refusal> {
        let Some(name) = &profile.webhook else {
            return Ok(None);
        };
        let subject = Subject {
            attempt: attempt.id.as_str(),
            device,
            key,
            facts,
        };
        let resources = &self.resources;
        let Some(webhook) = resources.webhooks.iter().find(|one| one.name() == name) else {
            return Err(self.give_up(attempt, ProblemCode::InternalError).await);
        };
        let asked = webhook.ask(
            &subject,
            resources.clock.as_ref(),
            resources.random.as_ref(),
        );
        match resources.timed(Stage::Webhook, asked).await {
            Ok(answer) => Ok(Some(take(answer, webhook, facts))),
            Err(error) => {
                tracing::error!(attempt = %attempt.id, webhook = name, %error, "no answer of a webhook that counts");
                let refusal = self.give_up(attempt, ProblemCode::WebhookUnavailable).await;
                Err(refusal.after(WAIT))
            }
        }
    }
}

fn take(answer: Answer, webhook: &Webhook, facts: &mut Facts) -> Check {
    let known = Supplied::of(facts);
    enrichment::supply(facts, answer.supplied.or(known));
    let mut check = Check::new(
        "webhook",
        format!("no objection of {}", webhook.name()),
        if answer.allow { "none" } else { "an objection" },
        answer.allow,
        "ask those who run the webhook; its own log has the attempt's id",
    );
    if !answer.allow {
        check.message = answer.message.map(String::into_boxed_str);
    }
    check
}
