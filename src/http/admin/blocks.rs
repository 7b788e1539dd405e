//! `/v1/admin/blocks`: who gets no certificate.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admission::storage;
use crate::http::admin::cursor::List;
use crate::http::admin::desk::{Desk, absent};
use crate::http::admin::entry::{Auditor, Operator};
use crate::http::admin::page::Page;
use crate::http::admin::query::{Nothing, PageQuery, UnverifiedQuery};
use crate::http::admin::views::block::BlockView;
use crate::http::answer::{Answer, Created};
use crate::http::json::{RequestBody, UnverifiedJson};
use crate::http::problem::Problem;
use crate::http::segment::UnverifiedSegment;
use crate::model::problem_code::ProblemCode;
use crate::model::refusal::Refusal;
use crate::store::blocks::Blocked;

/// Longest reason, in characters.
const REASON_MAX: usize = 200;

/// Users and devices that get no certificate, newest first.
pub(super) async fn list(
    Auditor(principal): Auditor,
    State(desk): State<Arc<Desk>>,
    UnverifiedQuery(query): UnverifiedQuery<PageQuery>,
) -> Result<Answer<Page<BlockView>>, Problem> {
    let list = List::new(&desk.resources.deployment_key, "blocks", &());
    let part = list.part(query.limit.as_deref(), query.cursor.as_deref())?;
    desk.note(desk.reading(&principal, "blocks")).await?;
    let rows = desk.resources.store.blocks(part.before, part.and_one());
    let rows = rows.await.map_err(|error| storage(&error))?;
    Ok(Answer(list.page(part, rows, |row| row.row, BlockView::of)))
}

/// A block that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BlockRequest {
    /// `user:EMAIL` or `device:ID`, any id that Google gave.
    identity: String,
    /// Why: 1 to 200 characters.
    reason: String,
}

impl RequestBody for BlockRequest {
    const SHAPE: &'static str =
        "{\"identity\": \"device:..\", \"reason\": \"lost on a school trip\"}";
}

/// What became of a block.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Changed {
    /// `email` or `device`.
    kind: &'static str,
    /// Whose.
    value: String,
    /// Whether this request changed anything.
    changed: bool,
}

/// Blocks a user or device. Certificates that are there stay good: revoke them.
pub(super) async fn create(
    Operator(principal): Operator,
    State(desk): State<Arc<Desk>>,
    UnverifiedJson(wanted): UnverifiedJson<BlockRequest>,
) -> Result<Created<Changed>, Problem> {
    let wrong = |what: &str| Refusal::new(ProblemCode::MalformedRequest).because(what.to_owned());
    let blocked = Blocked::parse(&wanted.identity)
        .map_err(|_| wrong("identity is user: with an e-mail, or device: with an id."))?;
    let length = wanted.reason.chars().count();
    if !(1..=REASON_MAX).contains(&length) || wanted.reason.chars().any(char::is_control) {
        return Err(wrong("reason is 1 to 200 characters without control characters.").into());
    }
    let (kind, value) = blocked.stored();
    let value = value.to_owned();
    let office = desk.office();
    let added = office.block(blocked, wanted.reason, &principal.actor).await;
    let changed = added.map_err(|error| storage(&error))?;
    Ok(Created(Changed {
        kind,
        value,
        changed,
    }))
}

/// Lifts a block.
pub(super) async fn lift(
    Operator(principal): Operator,
    State(desk): State<Arc<Desk>>,
    UnverifiedSegment(unverified_identity): UnverifiedSegment,
    UnverifiedJson(Nothing {}): UnverifiedJson<Nothing>,
) -> Result<Answer<Changed>, Problem> {
    let blocked = Blocked::parse(&unverified_identity).map_err(|_| absent("block"))?;
    let (kind, value) = blocked.stored();
    let value = value.to_owned();
    let lifted = desk.office().lift(blocked, &principal.actor).await;
    if !lifted.map_err(|error| storage(&error))? {
        return Err(absent("block"));
    }
    Ok(Answer(Changed {
        kind,
        value,
        changed: true,
    }))
}
