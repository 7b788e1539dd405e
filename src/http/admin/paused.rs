//! `GET /v1/admin/paused`: who waits; and the end of a wait.

use std::sync::Arc;

use axum::extract::State;

use crate::admission::storage;
use crate::http::admin::cursor::List;
use crate::http::admin::desk::{Desk, absent};
use crate::http::admin::entry::{Auditor, Operator};
use crate::http::admin::page::Page;
use crate::http::admin::query::{Nothing, PageQuery, UnverifiedQuery};
use crate::http::admin::views::paused::PausedView;
use crate::http::answer::Answer;
use crate::http::json::UnverifiedJson;
use crate::http::problem::Problem;
use crate::http::segment::UnverifiedSegment;
use crate::model::pause::identity_of;
use crate::store::pauses::ReleasePaused;

/// Users and devices that were told to wait, newest first.
pub(super) async fn list(
    Auditor(principal): Auditor,
    State(desk): State<Arc<Desk>>,
    UnverifiedQuery(query): UnverifiedQuery<PageQuery>,
) -> Result<Answer<Page<PausedView>>, Problem> {
    let list = List::new(&desk.resources.deployment_key, "paused", &());
    let part = list.part(query.limit.as_deref(), query.cursor.as_deref())?;
    desk.note(desk.reading(&principal, "paused")).await?;
    let store = &desk.resources.store;
    let rows = store.paused_identities(part.before, part.and_one()).await;
    let rows = rows.map_err(|error| storage(&error))?;
    Ok(Answer(list.page(part, rows, |row| row.row, PausedView::of)))
}

/// Ends a wait and forgets the denials that led to it. Answers what it was.
pub(super) async fn release(
    Operator(principal): Operator,
    State(desk): State<Arc<Desk>>,
    UnverifiedSegment(unverified_identity): UnverifiedSegment,
    UnverifiedJson(Nothing {}): UnverifiedJson<Nothing>,
) -> Result<Answer<PausedView>, Problem> {
    let identity = identity_of(&unverified_identity).map_err(|_| absent("paused identity"))?;
    let release = ReleasePaused {
        identity,
        actor: principal.actor,
        now: desk.now(),
    };
    let released = desk.resources.store.write(release).await;
    let released = released.map_err(|error| storage(&error))?;
    let released = released.ok_or_else(|| absent("paused identity"))?;
    Ok(Answer(PausedView::of(&released)))
}
