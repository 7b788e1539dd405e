//! `GET /v1/admin/certificates`, and one certificate.

use std::sync::Arc;

use axum::extract::State;

use crate::admission::storage;
use crate::http::admin::cursor::List;
use crate::http::admin::desk::{Desk, absent};
use crate::http::admin::entry::Auditor;
use crate::http::admin::page::Page;
use crate::http::admin::query::{PageQuery, UnverifiedQuery};
use crate::http::admin::views::certificate::{CertificateRecord, CertificateSummary};
use crate::http::answer::Answer;
use crate::http::problem::Problem;
use crate::http::segment::UnverifiedSegments;
use crate::model::certificate::IssuerId;
use crate::model::serial::SerialNumber;

/// All certificates, the CA's own included, newest first.
pub(super) async fn list(
    Auditor(principal): Auditor,
    State(desk): State<Arc<Desk>>,
    UnverifiedQuery(query): UnverifiedQuery<PageQuery>,
) -> Result<Answer<Page<CertificateSummary>>, Problem> {
    let list = List::new(&desk.resources.deployment_key, "certificates", &());
    let part = list.part(query.limit.as_deref(), query.cursor.as_deref())?;
    desk.note(desk.reading(&principal, "certificates")).await?;
    let store = &desk.resources.store;
    let rows = store.certificates(part.before, part.and_one()).await;
    let rows = rows.map_err(|error| storage(&error))?;
    Ok(Answer(list.page(
        part,
        rows,
        |row| row.row,
        CertificateSummary::of,
    )))
}

/// Everything that is known of one.
pub(super) async fn show(
    Auditor(principal): Auditor,
    State(desk): State<Arc<Desk>>,
    UnverifiedSegments(unverified_issuer, unverified_serial): UnverifiedSegments,
) -> Result<Answer<CertificateRecord>, Problem> {
    let serial = SerialNumber::parse(&unverified_serial.to_ascii_lowercase());
    let named = IssuerId::parse(&unverified_issuer).zip(serial);
    let (issuer, serial) = named.ok_or_else(|| absent("certificate"))?;
    let subject = format!("{issuer}/{serial}");
    desk.note(desk.reading(&principal, subject)).await?;
    let rows = desk.resources.store.certificates_by_serial(serial).await;
    let rows = rows.map_err(|error| storage(&error))?;
    let row = rows.iter().find(|row| row.issuer == issuer);
    let row = row.ok_or_else(|| absent("certificate"))?;
    Ok(Answer(CertificateRecord::of(row)))
}
