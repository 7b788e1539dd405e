//! `POST /v1/admin/revocations`: a dry run, or the thing itself.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use tracing::Instrument as _;
use utoipa::ToSchema;

use crate::admission::storage;
use crate::clock::Timestamp;
use crate::http::admin::desk::Desk;
use crate::http::admin::entry::Operator;
use crate::http::admin::views::revocation::{DoneView, PlanView};
use crate::http::answer::Answer;
use crate::http::json::{RequestBody, UnverifiedJson};
use crate::http::problem::Problem;
use crate::model::certificate::IssuerId;
use crate::model::identity::{DeviceId, Email};
use crate::model::problem_code::ProblemCode;
use crate::model::refusal::Refusal;
use crate::model::revocation::RevocationReason;
use crate::model::role::Role;
use crate::model::serial::SerialNumber;
use crate::model::span;
use crate::revocation::{Filter, NotRevoked, Order, Selection, plan};

/// Certificates that one request revokes, at the most: what takes longer wants to show its progress.
const MOST: usize = 10_000;

/// Which certificates, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RevocationRequest {
    /// Numbers, `ISSUER/NUMBER` where two issuers could have one.
    #[serde(default)]
    serials: Vec<String>,
    /// A device, by any id that Google gave it.
    device: Option<String>,
    /// A user, on every device.
    email: Option<String>,
    /// Only of this profile.
    profile: Option<String>,
    /// Only of this issuer, by name or id.
    issuer: Option<String>,
    /// Only what was issued then or later: a time, or an age.
    issued_from: Option<String>,
    /// Only what was issued then or earlier.
    issued_until: Option<String>,
    /// Why: RFC 5280's names, or ours.
    reason: String,
    /// Whether the device or user gets no new certificate; as the configuration says where it is left out.
    block: Option<bool>,
    /// Only say what would be hit.
    #[serde(default)]
    dry_run: bool,
    /// The digest of the dry run that was looked at.
    confirm: Option<String>,
}

impl RequestBody for RevocationRequest {
    const SHAPE: &'static str = "{\"device\": \"..\", \"reason\": \"privilege_withdrawn\", \"dry_run\": true}, or serials, email; narrowed by profile, issuer, issued_from, issued_until; with block and confirm";

    fn can_be_refused(code: ProblemCode) -> bool {
        matches!(
            code,
            ProblemCode::ConfirmationRequired
                | ProblemCode::OtherSelection
                | ProblemCode::SelectionTooLarge
        )
    }
}

/// One of the two answers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum RevocationAnswer {
    /// Of a dry run.
    Plan(PlanView),
    /// Of a revocation.
    Done(DoneView),
}

/// Revokes, or says what would be revoked.
pub(super) async fn create(
    Operator(principal): Operator,
    State(desk): State<Arc<Desk>>,
    UnverifiedJson(wanted): UnverifiedJson<RevocationRequest>,
) -> Result<Answer<RevocationAnswer>, Problem> {
    let office = desk.office();
    let reason = RevocationReason::parse(&wanted.reason).map_err(|error| wrong(&error))?;
    if !principal.may(reason.given_by()) {
        return Err(wrong(&format!("{reason} is for a role above yours")).into());
    }
    let order = Order {
        selection: wanted.selection(&desk)?,
        reason,
        actor: principal.actor.clone(),
        block: wanted.block,
        confirmed: wanted.confirm.clone(),
    };
    let planned = plan(&office, &order).await;
    let planned = planned.map_err(|error| storage(&error))?;
    if planned.authorities > 0 && !principal.may(Role::Administrator) {
        return Err(wrong(&"a CA's own certificate is for a role above yours").into());
    }
    if wanted.dry_run {
        // It shows who has certificates.
        desk.note(desk.reading(&principal, "revocations")).await?;
        let share = office.share().await.map_err(|error| storage(&error))?;
        let view = PlanView::of(&planned, share, reason);
        return Ok(Answer(RevocationAnswer::Plan(view)));
    }
    if !planned.missing.is_empty() {
        let missing = planned.missing.join(", ");
        return Err(wrong(&format!("no certificate has the number {missing}")).into());
    }
    if planned.rows.len() > MOST {
        return Err(ProblemCode::SelectionTooLarge.into());
    }
    // Whoever asked may hang up between the block and the revocation: that is finished all the same.
    let desk = Arc::clone(&desk);
    let work = async move { desk.office().revoke(&order, planned, |_, _| ()).await };
    let done = tokio::spawn(work.in_current_span()).await;
    let done = done.map_err(|_| Refusal::from(ProblemCode::InternalError))?;
    let done = done.map_err(refuse)?;
    Ok(Answer(RevocationAnswer::Done(DoneView::of(&done))))
}

impl RevocationRequest {
    fn selection(&self, desk: &Desk) -> Result<Selection, Refusal> {
        let serial = |text: &String| {
            let (issuer, number) = match text.split_once('/') {
                Some((issuer, number)) => (Some(issuer), number),
                None => (None, text.as_str()),
            };
            let issuer = issuer
                .map(|issuer| known_issuer(desk, issuer))
                .transpose()?;
            let number = SerialNumber::parse(number);
            Ok((
                issuer,
                number.ok_or_else(|| wrong(&"serials holds numbers in hexadecimal digits"))?,
            ))
        };
        let serials = self.serials.iter().map(serial);
        let serials = serials.collect::<Result<_, Refusal>>()?;
        let device = self.device.as_deref().map(DeviceId::parse).transpose();
        let email = self.email.as_deref().map(Email::parse).transpose();
        let moment = |text: &Option<String>, name: &str| -> Result<Option<Timestamp>, Refusal> {
            let moment = text.as_deref().map(|text| span::moment(text, desk.now()));
            let moment = moment.transpose();
            moment.map_err(|error| wrong(&format!("{name} {error}")))
        };
        let filter = Filter {
            profile: self.profile.clone(),
            issuer: self
                .issuer
                .as_deref()
                .map(|issuer| known_issuer(desk, issuer))
                .transpose()?,
            issued_from: moment(&self.issued_from, "issued_from")?,
            issued_until: moment(&self.issued_until, "issued_until")?,
        };
        Selection::new(
            serials,
            device.map_err(|_| wrong(&"device is one of the ids that Google gave it"))?,
            email.map_err(|_| wrong(&"email is an address as it stands in certificates"))?,
            filter,
        )
        .map_err(|error| wrong(&error))
    }
}

/// By its configured name, or its id.
fn known_issuer(desk: &Desk, unverified: &str) -> Result<IssuerId, Refusal> {
    let mut configured = desk.issuers.iter();
    let named = configured.find(|issuer| issuer.name == unverified);
    let id = named.map_or(unverified, |issuer| issuer.id.as_str());
    IssuerId::parse(id).ok_or_else(|| wrong(&"issuer is the name of one, or its 16 digits"))
}

fn wrong(what: &dyn std::fmt::Display) -> Refusal {
    Refusal::new(ProblemCode::MalformedRequest).because(format!("What is wrong: {what}."))
}

fn refuse(error: NotRevoked) -> Refusal {
    match error {
        NotRevoked::Store(error) => storage(&error),
        NotRevoked::Unconfirmed { .. } => {
            Refusal::new(ProblemCode::ConfirmationRequired).because(format!("{error}."))
        }
        NotRevoked::OtherSet => ProblemCode::OtherSelection.into(),
    }
}
