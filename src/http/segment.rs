//! The variable segments of an address.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use crate::http::openapi::draft::Draft;
use crate::http::openapi::signature::Argument;
use crate::http::problem::Problem;
use crate::model::problem_code::ProblemCode;

/// The one segment that a route leaves open, decoded. What cannot be decoded is an address at which
/// there is nothing.
#[derive(Debug)]
pub(super) struct UnverifiedSegment(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for UnverifiedSegment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(unverified_segment)) => Ok(Self(unverified_segment)),
            Err(_) => Err(ProblemCode::NotFound.into()),
        }
    }
}

/// The two segments that a route leaves open, decoded, in their order.
#[derive(Debug)]
pub(super) struct UnverifiedSegments(pub(super) String, pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for UnverifiedSegments {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path((first, second))) => Ok(Self(first, second)),
            Err(_) => Err(ProblemCode::NotFound.into()),
        }
    }
}

impl Argument for UnverifiedSegment {
    fn describe(draft: &mut Draft) {
        draft.takes_segments();
        draft.refuses(&[ProblemCode::NotFound]);
    }
}

impl Argument for UnverifiedSegments {
    fn describe(draft: &mut Draft) {
        UnverifiedSegment::describe(draft);
    }
}
