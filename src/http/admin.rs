//! What operators and auditors reach, on a listener of its own.

use axum::Router;
use axum::routing::get;

use crate::http::{Edge, health, metrics, surround};

/// Every route of the admin listener.
pub fn routes(edge: &Edge) -> Router {
    let routes = health().route("/metrics", get(metrics::show));
    surround(routes.with_state(edge.clone()), edge)
}
