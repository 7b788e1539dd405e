//! `GET /problems/{code}`: the address in a problem's `type` resolves to a page for people.

use crate::http::answer::{Medium, Octets};
use crate::http::problem::Problem;
use crate::http::problem::table::row;
use crate::http::segment::UnverifiedSegment;
use crate::model::problem_code::ProblemCode;

/// A page for people.
#[derive(Debug)]
pub(in crate::http) enum Page {}

impl Medium for Page {
    const TYPE: &'static str = "text/plain; charset=utf-8";
    const KEPT: &'static str = "public, max-age=3600";
    const ABOUT: &'static str = "What happened, and what to do.";
}

/// The page of one code, as plain text; for a word that is no code of ours, a problem itself.
///
/// # Errors
/// [`ProblemCode::NotFound`].
pub(in crate::http) async fn show(
    UnverifiedSegment(unverified_code): UnverifiedSegment,
) -> Result<Octets<Page>, Problem> {
    let code = ProblemCode::parse(&unverified_code).ok_or(ProblemCode::NotFound)?;
    Ok(Octets::new(text(code)))
}

pub(super) fn text(code: ProblemCode) -> String {
    let row = row(code);
    format!(
        "{}\n\ncode:   {}\nstatus: {}\naction: {}\n\nWhat happened\n{}\n\nWhat to do\n{}.\n",
        row.title,
        code.as_str(),
        row.status,
        row.action.as_str(),
        row.meaning,
        row.remedy,
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "a test may fail")]
    use axum::Router;
    use axum::routing::get;
    use http::{Method, StatusCode};

    use super::*;
    use crate::http::tests::{problem, request, send, surrounded};

    #[tokio::test]
    async fn every_type_resolves_and_no_other_word_does() {
        let router = surrounded(Router::new().route("/problems/{code}", get(show)));
        for code in ProblemCode::ALL {
            let path = format!("/problems/{}", code.as_str());
            let (status, _, page) = send(&router, request(Method::GET, &path)).await;
            assert_eq!((status, page), (StatusCode::OK, text(*code).into_bytes()));
        }
        for path in ["/problems/Busy", "/problems/%ff", "/problems/busy%00"] {
            let missing = problem(&router, request(Method::GET, path)).await;
            assert_eq!(missing["code"], "not_found");
        }
    }
}
