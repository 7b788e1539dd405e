//! Keeps other pages out: any page in a browser on this machine can send requests to loopback.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Admits one origin, and callers that are no pages and send none.
pub(super) async fn admit(
    State(origin): State<Arc<str>>,
    request: Request,
    next: Next,
) -> Response {
    let asked = request.headers().get(header::ORIGIN);
    if asked.is_some_and(|asked| asked.as_bytes() != origin.as_bytes()) {
        return (StatusCode::FORBIDDEN, "only one extension may use it").into_response();
    }
    next.run(request).await
}
