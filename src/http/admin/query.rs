//! What comes with a request for an admin route, beside its credentials.

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::form_urlencoded;
use utoipa::{IntoParams, ToSchema};

use crate::http::json::RequestBody;
use crate::http::openapi::draft::Draft;
use crate::http::openapi::signature::Argument;
use crate::http::problem::Problem;
use crate::model::problem_code::ProblemCode;
use crate::model::refusal::Refusal;

/// How many parts of a list an answer has, where nobody says otherwise, and at the most.
const LIMITS: (u32, u32) = (50, 1000);

/// What a route takes behind `?`: texts, each at most once. Types that implement it refuse unknown names.
pub(super) trait QueryParameters: DeserializeOwned + IntoParams {
    /// What there is, for whoever got it wrong.
    const NAMES: &'static str;
}

/// The parameters, as they came.
#[derive(Debug)]
pub(super) struct UnverifiedQuery<T>(pub(super) T);

impl<T: QueryParameters, S: Send + Sync> FromRequestParts<S> for UnverifiedQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(parse(parts.uri.query().unwrap_or_default())?))
    }
}

impl<T: QueryParameters> Argument for UnverifiedQuery<T> {
    fn describe(draft: &mut Draft) {
        draft.takes_query::<T>();
        draft.refuses(&[ProblemCode::MalformedQuery]);
    }
}

fn parse<T: QueryParameters>(query: &str) -> Result<T, Refusal> {
    let mut parameters = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let earlier = parameters.insert(name.into_owned(), Value::String(value.into_owned()));
        if earlier.is_some() {
            return Err(malformed("A parameter stands twice."));
        }
    }
    // The parser's own message quotes the address.
    serde_json::from_value(Value::Object(parameters))
        .map_err(|_| malformed(&format!("There are: {}.", T::NAMES)))
}

/// A parameter that does not fit; `what` is a sentence that quotes nothing of it.
pub(super) fn malformed(what: &str) -> Refusal {
    Refusal::new(ProblemCode::MalformedQuery).because(what)
}

/// What lists have in common.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct PageQuery {
    /// How many at the most, 1 to 1000; 50 where it is left out.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, nullable = false)]
    pub(super) limit: Option<String>,
    /// `next` of the part before.
    #[param(pattern = "^[A-Za-z0-9_-]{32}$", nullable = false)]
    pub(super) cursor: Option<String>,
}

impl QueryParameters for PageQuery {
    const NAMES: &'static str = "limit, cursor";
}

/// How many the caller wants.
pub(super) fn limit(unverified: Option<&str>) -> Result<u32, Refusal> {
    let (usual, most) = LIMITS;
    let Some(text) = unverified else {
        return Ok(usual);
    };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text
        .parse()
        .ok()
        .filter(|number| (1..=most).contains(number));
    number
        .filter(|_| digits)
        .ok_or_else(|| malformed("limit is a number from 1 to 1000."))
}

/// The body of a `POST` that needs none. It is asked for all the same: what declares JSON is no form
/// of a web site.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

impl RequestBody for Nothing {
    const SHAPE: &'static str = "{}";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_known_and_stand_once() {
        let read = |query| parse::<PageQuery>(query).map_err(|refusal| refusal.code);
        assert!(read("").is_ok_and(|query| query.limit.is_none()));
        assert!(read("limit=3&cursor=a%2Fb").is_ok_and(|query| {
            query.limit.as_deref() == Some("3") && query.cursor.as_deref() == Some("a/b")
        }));
        for wrong in ["limit=1&limit=1", "Limit=1", "x", "limit=1&%00=1"] {
            assert_eq!(
                read(wrong).err(),
                Some(ProblemCode::MalformedQuery),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_limit_is_bounded() {
        assert_eq!(limit(None), Ok(50));
        assert_eq!(limit(Some("1000")), Ok(1000));
        for wrong in ["0", "1001", "-1", "+5", "", "all", "99999999999999"] {
            assert!(limit(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
