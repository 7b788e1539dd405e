//! `GET /v1/admin/deliveries`: what services of the organisation's own were not told yet; and another try,
//! or the end of it.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::admission::storage;
use crate::http::admin::cursor::List;
use crate::http::admin::desk::{Desk, absent};
use crate::http::admin::entry::{Auditor, Operator};
use crate::http::admin::page::Page;
use crate::http::admin::query::{Nothing, PageQuery, UnverifiedQuery};
use crate::http::admin::views::delivery::DeliveryView;
use crate::http::answer::Answer;
use crate::http::json::UnverifiedJson;
use crate::http::problem::Problem;
use crate::http::segment::UnverifiedSegments;
use crate::model::delivery::DeliveryId;
use crate::store::deliveries::{Chosen, DropDeliveries, RetryDeliveries};

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Counted {
    /// How many deliveries: one.
    count: u64,
}

/// What waits and what was given up, newest first.
pub(super) async fn list(
    Auditor(principal): Auditor,
    State(desk): State<Arc<Desk>>,
    UnverifiedQuery(query): UnverifiedQuery<PageQuery>,
) -> Result<Answer<Page<DeliveryView>>, Problem> {
    let list = List::new(&desk.resources.deployment_key, "deliveries", &());
    let part = list.part(query.limit.as_deref(), query.cursor.as_deref())?;
    desk.note(desk.reading(&principal, "deliveries")).await?;
    let store = &desk.resources.store;
    let rows = store.deliveries(part.before, part.and_one()).await;
    let rows = rows.map_err(|error| storage(&error))?;
    Ok(Answer(list.page(
        part,
        rows,
        |row| row.row,
        DeliveryView::of,
    )))
}

/// Tries one again at once, with all patience.
pub(super) async fn retry(
    Operator(principal): Operator,
    State(desk): State<Arc<Desk>>,
    UnverifiedSegments(unverified_sink, unverified_id): UnverifiedSegments,
    UnverifiedJson(Nothing {}): UnverifiedJson<Nothing>,
) -> Result<Answer<Counted>, Problem> {
    let retry = RetryDeliveries {
        chosen: chosen(&unverified_sink, &unverified_id)?,
        actor: principal.actor,
        now: desk.now(),
    };
    let retried = desk.resources.store.write(retry).await;
    counted(retried.map_err(|error| storage(&error))?)
}

/// Drops one undelivered.
pub(super) async fn discard(
    Operator(principal): Operator,
    State(desk): State<Arc<Desk>>,
    UnverifiedSegments(unverified_sink, unverified_id): UnverifiedSegments,
    UnverifiedJson(Nothing {}): UnverifiedJson<Nothing>,
) -> Result<Answer<Counted>, Problem> {
    let discard = DropDeliveries {
        chosen: chosen(&unverified_sink, &unverified_id)?,
        actor: principal.actor,
        now: desk.now(),
    };
    let dropped = desk.resources.store.write(discard).await;
    counted(dropped.map_err(|error| storage(&error))?)
}

fn chosen(unverified_sink: &str, unverified_id: &str) -> Result<Chosen, Problem> {
    let id = DeliveryId::of_parts(unverified_sink, unverified_id);
    id.map(Chosen::One).ok_or_else(|| absent("delivery"))
}

fn counted(count: u64) -> Result<Answer<Counted>, Problem> {
    match count {
        0 => Err(absent("delivery")),
        count => Ok(Answer(Counted { count })),
    }
}
