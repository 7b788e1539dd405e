//! The bounds of the edge. Constants, because nobody has a reason to change them.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::http::problem::Problem;
use crate::model::problem_code::ProblemCode;

/// The largest body, in octets: ten times a genuine challenge response.
pub const BODY_BYTES: usize = 64 * 1024;

/// How much of a body that is too large is read before the connection is given up, in octets.
pub const DISCARDED_BYTES: usize = 4 * 1024 * 1024;

/// How long a body may take to arrive.
pub const BODY_TIME: Duration = Duration::from_secs(10);

/// How long a request's header may take to arrive; the listener applies it.
pub const HEADER_TIME: Duration = Duration::from_secs(10);

/// How long a request may take from its header to its answer. The stories have shorter deadlines of
/// their own; this one is for what they overlook.
pub const REQUEST_TIME: Duration = Duration::from_secs(35);

/// How many requests are served at once; with it, the memory that bodies take is bounded to 64 MiB.
pub const CONCURRENT_REQUESTS: usize = 1024;

/// Serves within the bounds: a request that finds no place is turned away at once, because a queue
/// would only answer when the client has gone.
pub(super) async fn bound(
    State(places): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let _place = places.try_acquire().map_err(|_| ProblemCode::Busy)?;
    in_time(REQUEST_TIME, next.run(request)).await
}

async fn in_time(
    time: Duration,
    answer: impl Future<Output = Response>,
) -> Result<Response, Problem> {
    timeout(time, answer).await.map_err(|_| {
        tracing::error!("a request outlived its time");
        ProblemCode::InternalError.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_that_never_comes_is_not_waited_for() {
        let never = std::future::pending();
        let outcome = in_time(Duration::from_millis(20), never).await;
        assert_eq!(outcome.err(), Some(ProblemCode::InternalError.into()));
    }
}
