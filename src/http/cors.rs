//! Cross-origin reads, for the configured extensions alone.

use std::time::Duration;

use http::{HeaderValue, Method, header};
use tower_http::cors::CorsLayer;

use crate::http::settings::HttpSettings;

/// How long a browser may remember a preflight answer.
const REMEMBER: Duration = Duration::from_secs(3600);

/// `Date` lets an extension compare clocks, `Retry-After` tells it when to come back; a browser
/// hides both unless they are exposed. No credentials are allowed: this API knows no cookies.
pub(super) fn layer(settings: &HttpSettings) -> CorsLayer {
    let origins: Vec<HeaderValue> = settings
        .extension_ids
        .iter()
        .filter_map(|id| id.origin().parse().ok())
        .collect();
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::CONTENT_TYPE])
        .expose_headers([header::DATE, header::RETRY_AFTER])
        .max_age(REMEMBER)
}
