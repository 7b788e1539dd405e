//! `GET /v1/admin/attempts`, one attempt, and what happened in words.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};

use crate::access::Principal;
use crate::admission::storage;
use crate::clock::Timestamp;
use crate::http::admin::answer::{Answer, Page};
use crate::http::admin::cursor::List;
use crate::http::admin::desk::{Desk, absent};
use crate::http::admin::entry::{Auditor, HelpDesk};
use crate::http::admin::query::{QueryParameters, UnverifiedQuery, malformed};
use crate::http::admin::views::attempt::{AttemptRecord, AttemptSummary, Explanation};
use crate::http::problem::Problem;
use crate::http::segment::UnverifiedSegment;
use crate::model::attempt::AttemptId;
use crate::model::event::AuditEvent;
use crate::model::identity::DeviceId;
use crate::model::problem_code::ProblemCode;
use crate::model::refusal::Refusal;
use crate::model::span;
use crate::secrets::DeploymentKey;
use crate::store::attempts::{Attempt, AttemptSearch, Outcome, Sought};
use crate::store::certificates::CertificateRow;

/// How far back a list goes where nobody says, in seconds: a search in a large record takes time.
const SINCE: i64 = 7 * span::DAY;

/// Which attempts; each part may be left out.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AttemptsQuery {
    /// Bound then or later: RFC 3339, or an age such as `30d`; a week ago where it is left out.
    since: Option<String>,
    /// The e-mail that was claimed.
    email: Option<String>,
    /// A device, by any of the ids that Google gave it.
    device: Option<String>,
    /// The profile's name.
    profile: Option<String>,
    /// How it ended: `issued`, `denied` or `open`.
    outcome: Option<String>,
    /// Why it was denied.
    code: Option<String>,
    #[serde(skip_serializing)]
    limit: Option<String>,
    #[serde(skip_serializing)]
    cursor: Option<String>,
}

impl QueryParameters for AttemptsQuery {
    const NAMES: &'static str = "since, email, device, profile, outcome, code, limit, cursor";
}

impl AttemptsQuery {
    fn search(&self, now: Timestamp, key: &DeploymentKey) -> Result<AttemptSearch, Refusal> {
        let device = self.device.as_deref().map(DeviceId::parse).transpose();
        let device =
            device.map_err(|_| malformed("device is one of the ids that Google gave it."))?;
        let sought = |value: &str| Sought::new(value, Some(key));
        Ok(AttemptSearch {
            since: since(self.since.as_deref(), now)?,
            unverified_email: self.email.as_deref().map(sought),
            device: device.as_ref().map(DeviceId::as_str).map(sought),
            profile: self.profile.clone(),
            code: word(
                self.code.as_deref(),
                ProblemCode::parse,
                "code is one of docs/problems.md.",
            )?,
            outcome: word(
                self.outcome.as_deref(),
                Outcome::parse,
                "outcome is issued, denied or open.",
            )?,
        })
    }

    /// Names and keyed digests, so that the record of who looked holds no personal value.
    fn describe(&self, desk: &Desk, mut event: AuditEvent) -> AuditEvent {
        let key = &desk.resources.deployment_key;
        if let Some(email) = &self.email {
            let identity = format!("user:{}", email.to_ascii_lowercase());
            event = event.with("user", key.personal(&identity));
        }
        if let Some(device) = &self.device {
            event = event.with("device", key.personal(&format!("device:{device}")));
        }
        event
    }
}

fn since(unverified: Option<&str>, now: Timestamp) -> Result<Timestamp, Refusal> {
    let Some(text) = unverified else {
        return Ok(now.minus(SINCE));
    };
    span::moment(text, now).ok_or_else(|| {
        malformed("since is a time such as 2027-01-15T08:00:00Z, or an age such as 7d.")
    })
}

fn word<T>(
    unverified: Option<&str>,
    parse: impl Fn(&str) -> Option<T>,
    wrong: &str,
) -> Result<Option<T>, Refusal> {
    unverified
        .map(|text| parse(text).ok_or_else(|| malformed(wrong)))
        .transpose()
}

/// The attempts that fit, newest first.
pub(super) async fn list(
    Auditor(principal): Auditor,
    State(desk): State<Arc<Desk>>,
    UnverifiedQuery(query): UnverifiedQuery<AttemptsQuery>,
) -> Result<Answer<Page<AttemptSummary>>, Problem> {
    let search = query.search(desk.now(), &desk.resources.deployment_key)?;
    let list = List::new(&desk.resources.deployment_key, "attempts", &query);
    let part = list.part(query.limit.as_deref(), query.cursor.as_deref())?;
    let event = query.describe(&desk, desk.reading(&principal, "attempts"));
    desk.note(event).await?;
    let store = &desk.resources.store;
    let attempts = store.attempts(&search, part.before, part.and_one()).await;
    let attempts = attempts.map_err(|error| storage(&error))?;
    Ok(Answer(list.page(
        part,
        attempts,
        |attempt| attempt.row,
        AttemptSummary::of,
    )))
}

/// One attempt: every check, what was expected, what was seen.
pub(super) async fn show(
    Auditor(principal): Auditor,
    State(desk): State<Arc<Desk>>,
    UnverifiedSegment(unverified_id): UnverifiedSegment,
) -> Result<Answer<AttemptRecord>, Problem> {
    let (attempt, certificate) = find(&desk, &principal, &unverified_id).await?;
    Ok(Answer(AttemptRecord::of(&attempt, certificate.as_ref())))
}

/// The same in words.
pub(super) async fn explain(
    HelpDesk(principal): HelpDesk,
    State(desk): State<Arc<Desk>>,
    UnverifiedSegment(unverified_id): UnverifiedSegment,
) -> Result<Answer<Explanation>, Problem> {
    let (attempt, certificate) = find(&desk, &principal, &unverified_id).await?;
    Ok(Answer(Explanation::of(&attempt, certificate.as_ref())))
}

async fn find(
    desk: &Desk,
    principal: &Principal,
    unverified_id: &str,
) -> Result<(Attempt, Option<CertificateRow>), Problem> {
    let id = AttemptId::parse(unverified_id).ok_or_else(|| absent("attempt"))?;
    desk.note(desk.reading(principal, id.as_str())).await?;
    let store = &desk.resources.store;
    let attempt = store.attempt(&id).await.map_err(|error| storage(&error))?;
    let attempt = attempt.ok_or_else(|| absent("attempt"))?;
    let certificate = store.certificate_of_attempt(attempt.row).await;
    let certificate = certificate.map_err(|error| storage(&error))?;
    Ok((attempt, certificate))
}
