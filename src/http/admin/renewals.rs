//! `/v1/admin/renewal-orders`: early renewal.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::admission::storage;
use crate::http::admin::cursor::List;
use crate::http::admin::desk::Desk;
use crate::http::admin::entry::{Auditor, Operator};
use crate::http::admin::page::Page;
use crate::http::admin::query::{PageQuery, UnverifiedQuery};
use crate::http::admin::views::renewal::{OrderTerms, OrderView, OrderedView};
use crate::http::answer::Answer;
use crate::http::json::{RequestBody, UnverifiedJson};
use crate::http::problem::Problem;
use crate::model::problem_code::ProblemCode;
use crate::model::refusal::Refusal;
use crate::model::renewal::{RenewalOrder, UnverifiedOrder};
use crate::store::renewals::OrderRenewal;

/// All orders, newest first.
pub(super) async fn list(
    Auditor(principal): Auditor,
    State(desk): State<Arc<Desk>>,
    UnverifiedQuery(query): UnverifiedQuery<PageQuery>,
) -> Result<Answer<Page<OrderView>>, Problem> {
    let list = List::new(&desk.resources.deployment_key, "renewal-orders", &());
    let part = list.part(query.limit.as_deref(), query.cursor.as_deref())?;
    desk.note(desk.reading(&principal, "renewal-orders"))
        .await?;
    let store = &desk.resources.store;
    let rows = store.renewal_orders(part.before, part.and_one()).await;
    let rows = rows.map_err(|error| storage(&error))?;
    Ok(Answer(list.page(part, rows, |row| row.row, OrderView::of)))
}

/// An order that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderRequest {
    profile: Option<String>,
    issuer: Option<String>,
    issued_from: Option<String>,
    issued_until: Option<String>,
    within: String,
    #[serde(default)]
    dry_run: bool,
}

impl RequestBody for OrderRequest {
    const SHAPE: &'static str = "{\"within\": \"6h\"}, and where wanted \"profile\", \"issuer\", \"issued_from\", \"issued_until\", \"dry_run\": true";
}

/// Orders an early renewal, or tells how many certificates one would concern.
pub(super) async fn order(
    Operator(principal): Operator,
    State(desk): State<Arc<Desk>>,
    UnverifiedJson(wanted): UnverifiedJson<OrderRequest>,
) -> Result<Answer<OrderedView>, Problem> {
    let now = desk.now();
    let read = UnverifiedOrder {
        profile: wanted.profile.as_deref(),
        issuer: wanted.issuer.as_deref(),
        issued_from: wanted.issued_from.as_deref(),
        issued_until: wanted.issued_until.as_deref(),
        within: &wanted.within,
    };
    let order = RenewalOrder::new(&read, now).map_err(|error| refused(&error.to_string()))?;
    let mut profiles = desk.resources.profiles.iter();
    if let Some(name) = &order.profile
        && !profiles.any(|profile| profile.name == *name)
    {
        return Err(refused("no profile of the configuration has this name").into());
    }
    let store = &desk.resources.store;
    let certificates = store.concerned(&order, now).await;
    let certificates = certificates.map_err(|error| storage(&error))?;
    let terms = OrderTerms::of(&order);
    let id = if wanted.dry_run {
        desk.note(desk.reading(&principal, "renewal-orders"))
            .await?;
        None
    } else {
        let command = OrderRenewal {
            order,
            actor: principal.actor,
            at: now,
            certificates,
        };
        let id = store
            .write(command)
            .await
            .map_err(|error| storage(&error))?;
        Some(id.ok_or_else(|| {
            refused("there are 100 orders already whose certificates have not all ended")
        })?)
    };
    Ok(Answer(OrderedView {
        id,
        terms,
        certificates,
    }))
}

fn refused(what: &str) -> Refusal {
    Refusal::new(ProblemCode::MalformedRequest).because(format!("What is wrong: {what}."))
}
