//! What operators and auditors reach, on a listener of its own.

use axum::Router;

use crate::http::{Edge, health, surround};

/// Every route of the admin listener.
pub fn routes(edge: &Edge) -> Router {
    surround(health().with_state(edge.clone()), edge)
}
