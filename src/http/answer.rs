//! Answers that are no problems: what a handler returns says what its route answers.

use std::marker::PhantomData;

use axum::Json;
use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::openapi::draft::Draft;
use crate::http::openapi::signature::Reply;

/// 200 with this as JSON, kept by nobody.
#[derive(Debug)]
pub(super) struct Answer<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        ([(header::CACHE_CONTROL, "no-store")], Json(self.0)).into_response()
    }
}

impl<T: ToSchema> Reply for Answer<T> {
    fn describe(draft: &mut Draft) {
        draft.answers::<T>(StatusCode::OK, "What was asked for.");
    }
}

/// 201 with this as JSON, kept by nobody.
#[derive(Debug)]
pub(super) struct Created<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Answer(self.0)).into_response()
    }
}

impl<T: ToSchema> Reply for Created<T> {
    fn describe(draft: &mut Draft) {
        draft.answers::<T>(StatusCode::CREATED, "It was made.");
    }
}

/// A kind of answer that is not JSON of ours.
pub(super) trait Medium {
    /// The field `Content-Type`.
    const TYPE: &'static str;
    /// The field `Cache-Control`.
    const KEPT: &'static str;
    /// What it is, in a sentence.
    const ABOUT: &'static str;
}

/// 200 with these octets.
#[derive(Debug)]
pub(super) struct Octets<M> {
    octets: Bytes,
    medium: PhantomData<M>,
}

impl<M> Octets<M> {
    pub(super) fn new(octets: impl Into<Bytes>) -> Self {
        Self {
            octets: octets.into(),
            medium: PhantomData,
        }
    }
}

impl<M: Medium> IntoResponse for Octets<M> {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, M::TYPE),
            (header::CACHE_CONTROL, M::KEPT),
        ];
        (headers, self.octets).into_response()
    }
}

impl<M: Medium> Reply for Octets<M> {
    fn describe(draft: &mut Draft) {
        draft.answers_octets(M::TYPE, M::ABOUT);
    }
}
