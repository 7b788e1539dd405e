//! What this service is set up for, and whether it can do it.

use std::sync::Arc;

use axum::extract::State;

use crate::http::admin::desk::Desk;
use crate::http::admin::entry::Auditor;
use crate::http::admin::page::Whole;
use crate::http::admin::views::issuer::IssuerView;
use crate::http::admin::views::profile::ProfileView;
use crate::http::answer::Answer;
use crate::http::health::ReadinessReport;
use crate::http::problem::Problem;

/// `GET /v1/admin/profiles`.
pub(super) async fn profiles(
    Auditor(principal): Auditor,
    State(desk): State<Arc<Desk>>,
) -> Result<Answer<Whole<ProfileView>>, Problem> {
    desk.note(desk.reading(&principal, "profiles")).await?;
    let items = desk.resources.profiles.iter().map(ProfileView::of);
    let items = items.collect();
    Ok(Answer(Whole { items }))
}

/// `GET /v1/admin/issuers`.
pub(super) async fn issuers(
    Auditor(principal): Auditor,
    State(desk): State<Arc<Desk>>,
) -> Result<Answer<Whole<IssuerView>>, Problem> {
    desk.note(desk.reading(&principal, "issuers")).await?;
    let items = desk.issuers.clone();
    Ok(Answer(Whole { items }))
}

/// `GET /v1/admin/doctor`: the checks of `/readyz`. The answer is 200 whatever they say; a load balancer
/// asks `/readyz`.
pub(super) async fn doctor(
    Auditor(principal): Auditor,
    State(desk): State<Arc<Desk>>,
) -> Result<Answer<ReadinessReport>, Problem> {
    desk.note(desk.reading(&principal, "doctor")).await?;
    Ok(Answer(desk.readiness.report().await))
}
