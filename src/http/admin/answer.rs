//! Answers of the admin API: JSON, kept by nobody.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Serialize;

/// 200 with this.
#[derive(Debug)]
pub(super) struct Answer<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        ([(header::CACHE_CONTROL, "no-store")], Json(self.0)).into_response()
    }
}

/// 201 with this.
#[derive(Debug)]
pub(super) struct Created<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Answer(self.0)).into_response()
    }
}

/// A part of a list, newest first.
#[derive(Debug, Serialize)]
pub(super) struct Page<T> {
    /// What fits, at most as many as `limit`.
    pub(super) items: Vec<T>,
    /// The `cursor` of the next part; `null` at the end.
    pub(super) next: Option<String>,
}
