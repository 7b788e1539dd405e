//! `/v1/admin/tokens`: who may come in by a token.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::issue::{
    InvalidOrder, NotIssued, TokenOffice, TokenOrder, revoke as revoke_token,
};
use crate::admission::{no_random, storage};
use crate::http::admin::cursor::List;
use crate::http::admin::desk::{Desk, absent};
use crate::http::admin::entry::{Administrator, TokenMaker};
use crate::http::admin::page::Page;
use crate::http::admin::query::{Nothing, PageQuery, UnverifiedQuery};
use crate::http::admin::views::token::{NewTokenView, TokenView};
use crate::http::answer::{Answer, Created};
use crate::http::json::{RequestBody, UnverifiedJson};
use crate::http::problem::Problem;
use crate::http::segment::UnverifiedSegment;
use crate::model::certificate_header::CertificateHeader;
use crate::model::problem_code::ProblemCode;
use crate::model::refusal::Refusal;
use crate::model::role::Role;
use crate::model::token::TokenId;

/// The tokens, the worthless ones included, newest first. No secret is among what is shown; none is kept.
pub(super) async fn list(
    Administrator(principal): Administrator,
    State(desk): State<Arc<Desk>>,
    UnverifiedQuery(query): UnverifiedQuery<PageQuery>,
) -> Result<Answer<Page<TokenView>>, Problem> {
    let list = List::new(&desk.resources.deployment_key, "tokens", &());
    let part = list.part(query.limit.as_deref(), query.cursor.as_deref())?;
    desk.note(desk.reading(&principal, "tokens")).await?;
    let rows = desk.resources.store.tokens(part.before, part.and_one());
    let rows = rows.await.map_err(|error| storage(&error))?;
    let now = desk.now();
    let page = list.page(part, rows, |row| row.row, |row| TokenView::of(row, now));
    Ok(Answer(page))
}

/// A token that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenRequest {
    /// What people call it: 1 to 64 of `[A-Za-z0-9._-]`.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    name: String,
    /// What it allows.
    role: Role,
    /// How long it is good, such as `30d`, a minute to 400 days; 90 days where it is left out.
    #[schema(
        pattern = "^([6-9][0-9]s|[1-9][0-9]{0,3}m|[1-9][0-9]{0,2}h|([1-9]|[1-9][0-9]|[1-3][0-9]{2}|400)d)$"
    )]
    expires: Option<String>,
    /// Of a proxy, role `relying_party`: in which header field it says what certificate a client showed.
    certificate_header: Option<CertificateHeader>,
}

impl RequestBody for TokenRequest {
    const SHAPE: &'static str = "{\"name\": \"grafana\", \"role\": \"auditor\", \"expires\": \"30d\"}, role one of relying_party, auditor, help_desk, operator, administrator";
}

impl TokenRequest {
    fn order(&self) -> Result<TokenOrder, InvalidOrder> {
        let order = TokenOrder::new(&self.name, self.role, self.expires.as_deref())?;
        match self.certificate_header {
            Some(header) => order.for_proxy(header),
            None => Ok(order),
        }
    }
}

/// Makes a token. Its text is in this answer and nowhere else.
pub(super) async fn create(
    TokenMaker(principal): TokenMaker,
    State(desk): State<Arc<Desk>>,
    UnverifiedJson(wanted): UnverifiedJson<TokenRequest>,
) -> Result<Created<NewTokenView>, Problem> {
    let order = wanted.order().map_err(|error| {
        Refusal::new(ProblemCode::MalformedRequest).because(format!("What is wrong: {error}."))
    })?;
    let office = TokenOffice {
        store: &desk.resources.store,
        key: &desk.resources.deployment_key,
        random: desk.resources.random.as_ref(),
        now: desk.now(),
    };
    let issued = office
        .issue(&order, &principal.actor, principal.single_use.as_ref())
        .await
        .map_err(refuse)?;
    Ok(Created(NewTokenView::of(&issued)))
}

/// Whoever comes second with a token for one use is a stranger.
fn refuse(error: NotIssued) -> Refusal {
    match error {
        NotIssued::NothingToSpend => ProblemCode::NotFound.into(),
        NotIssued::Random(_) => no_random(),
        NotIssued::Store(error) => storage(&error),
    }
}

/// A token that is worthless now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RevokedView {
    /// Its public half.
    id: String,
    /// Whether this request did it.
    revoked_now: bool,
}

/// Makes a token worthless, at once and on every node.
pub(super) async fn revoke(
    Administrator(principal): Administrator,
    State(desk): State<Arc<Desk>>,
    UnverifiedSegment(unverified_id): UnverifiedSegment,
    UnverifiedJson(Nothing {}): UnverifiedJson<Nothing>,
) -> Result<Answer<RevokedView>, Problem> {
    let id = TokenId::parse(&unverified_id).ok_or_else(|| absent("token"))?;
    let name = id.to_string();
    let revoked = revoke_token(&desk.resources.store, id, &principal.actor, desk.now()).await;
    let revoked = revoked.map_err(|error| storage(&error))?;
    Ok(Answer(RevokedView {
        id: name,
        revoked_now: revoked.ok_or_else(|| absent("token"))?,
    }))
}
