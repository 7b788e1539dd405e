//! `GET /crl/{issuer}.crl`, and all of them in one file (RFC 5280, section 4.2.1.13; RFC 2585, section 4.2).
//! Served in the clear: a CRL is signed.

use std::convert::Infallible;
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use headers::{
    AcceptRanges, CacheControl, ContentLength, ContentRange, ETag, HeaderMapExt as _,
    IfModifiedSince, IfNoneMatch, IfRange, LastModified, Range,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use prost::bytes::Bytes;

use crate::clock::{Clock, Timestamp};
use crate::http::answer::{Medium, Octets};
use crate::http::openapi::draft::Draft;
use crate::http::openapi::signature::{Argument, Reply};
use crate::http::problem::Problem;
use crate::http::segment::UnverifiedSegment;
use crate::model::certificate::IssuerId;
use crate::model::problem_code::ProblemCode;
use crate::publication::{Publication, PublishedCrl};

/// RFC 2585, section 4.2.
const MEDIA_TYPE: &str = "application/pkix-crl";
/// How long a list may be kept before it is asked for again, in seconds, and never beyond its own end: the
/// next one may be there seconds later, and a cache that has it for a day opens doors for a day.
const KEEP: i64 = 300;

/// What was asked besides the address: a part, or only what is new.
#[derive(Debug)]
pub(super) struct Conditions(HeaderMap);

impl<S: Send + Sync> FromRequestParts<S> for Conditions {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.headers.clone()))
    }
}

impl Argument for Conditions {
    fn describe(_: &mut Draft) {}
}

/// A list, or what of it was asked for.
#[derive(Debug)]
pub(super) struct Served(Response);

impl IntoResponse for Served {
    fn into_response(self) -> Response {
        self.0
    }
}

impl Reply for Served {
    fn describe(draft: &mut Draft) {
        draft.answers_octets(MEDIA_TYPE, "The list, DER.");
        let part = "The part that was asked for.";
        draft.answers_status(StatusCode::PARTIAL_CONTENT, part);
        let same = "It is still the one that was named.";
        draft.answers_status(StatusCode::NOT_MODIFIED, same);
        let beyond = "The list is not as long.";
        draft.answers_status(StatusCode::RANGE_NOT_SATISFIABLE, beyond);
    }
}

/// Every list as a file.
#[derive(Debug)]
pub(super) enum AllLists {}

impl Medium for AllLists {
    const TYPE: &'static str = "application/x-pem-file";
    const KEPT: &'static str = "no-cache";
    const ABOUT: &'static str = "The lists, PEM.";
}

/// One CA's list, DER.
///
/// # Errors
/// [`ProblemCode::NotFound`].
pub(super) async fn one(
    State(publication): State<Arc<Publication>>,
    State(clock): State<Arc<dyn Clock>>,
    UnverifiedSegment(unverified_file): UnverifiedSegment,
    Conditions(headers): Conditions,
) -> Result<Served, Problem> {
    let crl = unverified_file
        .strip_suffix(".crl")
        .and_then(IssuerId::parse)
        .and_then(|issuer| publication.crl(&issuer))
        .ok_or(ProblemCode::NotFound)?;
    Ok(Served(serve(&crl, &headers, clock.now())))
}

/// The lists of all levels, PEM: what servers load that read files. Where one is missing there is none: with
/// less than all of them such a server refuses everybody.
///
/// # Errors
/// [`ProblemCode::NotFound`].
pub(super) async fn all(
    State(publication): State<Arc<Publication>>,
) -> Result<Octets<AllLists>, Problem> {
    let all = publication.all().ok_or(ProblemCode::NotFound)?;
    Ok(Octets::new(all))
}

/// The list, the part of it that was asked for, or that it is still the same (RFC 9110, sections 13 and 14).
fn serve(crl: &PublishedCrl, asked: &HeaderMap, now: Timestamp) -> Response {
    let row = crl.row();
    let made = SystemTime::UNIX_EPOCH + row.this_update.since_epoch();
    let left = row.next_update.since(now).clamp(0, KEEP).unsigned_abs();
    let keep = CacheControl::new()
        .with_public()
        .with_max_age(Duration::from_secs(left));
    let mut headers = HeaderMap::new();
    let tag = format!("\"{}\"", crl.tag()).parse::<ETag>().ok();
    if let Some(tag) = tag.clone() {
        headers.typed_insert(tag);
    }
    headers.typed_insert(LastModified::from(made));
    headers.typed_insert(keep);
    headers.typed_insert(AcceptRanges::bytes());
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    if is_known(asked, tag.as_ref(), made) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let der = crl.der();
    let length = u64::try_from(der.len()).unwrap_or(u64::MAX);
    match part(asked, tag.as_ref(), made, length) {
        Part::Whole => (headers, der.clone()).into_response(),
        Part::From(first, last) => {
            let bounds = usize::try_from(first).ok().zip(usize::try_from(last).ok());
            let octets = bounds.map_or_else(Bytes::new, |(first, last)| der.slice(first..=last));
            if let Ok(range) = ContentRange::bytes(first..=last, length) {
                headers.typed_insert(range);
            }
            (StatusCode::PARTIAL_CONTENT, headers, octets).into_response()
        }
        Part::None => {
            headers.typed_insert(ContentRange::unsatisfied_bytes(length));
            headers.typed_insert(ContentLength(0));
            (StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response()
        }
    }
}

/// Whether whoever asks has it already. A tag says it better than a time (RFC 9110, section 13.2.2).
fn is_known(asked: &HeaderMap, tag: Option<&ETag>, made: SystemTime) -> bool {
    if let Some(unless) = asked.typed_get::<IfNoneMatch>() {
        return tag.is_some_and(|tag| !unless.precondition_passes(tag));
    }
    asked
        .typed_get::<IfModifiedSince>()
        // Only this very time: a list that was made after a clock was set back has an earlier one.
        .is_some_and(|since| SystemTime::from(since) == made)
}

/// What is wanted of a list.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// From this octet to that one, both included.
    From(u64, u64),
    /// Nothing that there is.
    None,
}

/// One range; several, or one that cannot be read, are the whole (RFC 9110, section 14.2).
fn part(asked: &HeaderMap, tag: Option<&ETag>, made: SystemTime, length: u64) -> Part {
    let Some(range) = asked.typed_get::<Range>() else {
        return Part::Whole;
    };
    let made = LastModified::from(made);
    let other = asked
        .typed_get::<IfRange>()
        .is_some_and(|range| range.is_modified(tag, Some(&made)));
    if other {
        return Part::Whole;
    }
    let mut ranges = range.satisfiable_ranges(length);
    let (Some(range), None) = (ranges.next(), ranges.next()) else {
        let several = range.satisfiable_ranges(length).count() > 1;
        return if several { Part::Whole } else { Part::None };
    };
    let first = match range.0 {
        Bound::Included(first) => first,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let last = match range.1 {
        Bound::Included(last) => last,
        Bound::Excluded(behind) => behind.saturating_sub(1),
        Bound::Unbounded => u64::MAX,
    };
    let last = last.min(length.saturating_sub(1));
    if first <= last && first < length {
        Part::From(first, last)
    } else {
        Part::None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]

    use super::*;

    fn asked(range: &str) -> Part {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, range.parse().unwrap());
        part(&headers, None, SystemTime::UNIX_EPOCH, 100)
    }

    #[test]
    fn a_range_is_within_the_list() {
        assert_eq!(asked("bytes=0-9"), Part::From(0, 9));
        assert_eq!(asked("bytes=90-"), Part::From(90, 99));
        assert_eq!(asked("bytes=90-500"), Part::From(90, 99));
        assert_eq!(asked("bytes=-10"), Part::From(90, 99));
        assert_eq!(asked("bytes=100-"), Part::None);
        assert_eq!(asked("bytes=9-3"), Part::None);
        assert_eq!(asked("bytes=0-1,3-4"), Part::Whole);
        assert_eq!(asked("lines=0-1"), Part::Whole);
    }
}
