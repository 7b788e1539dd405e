//! The fake token endpoint: Google's is at `https://oauth2.googleapis.com/token`.

use axum::Json;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;

use super::Control;
use crate::service_accounts::TOKEN_LIFETIME_S;

/// RFC 7523 section 2.1.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

#[derive(Deserialize)]
pub(super) struct Grant {
    grant_type: String,
    #[serde(default)]
    assertion: String,
}

/// Answers as RFC 6749 sections 5.1 and 5.2 say.
pub(super) async fn exchange(State(control): State<Control>, Form(grant): Form<Grant>) -> Response {
    if grant.grant_type != JWT_BEARER {
        return refuse(
            "unsupported_grant_type",
            "only the JWT-bearer grant is emulated",
        );
    }
    let now_ms = (control.token_clock)();
    match control.accounts.exchange(&grant.assertion, now_ms) {
        Ok(token) => Json(json!({
            "access_token": token,
            "expires_in": TOKEN_LIFETIME_S,
            "token_type": "Bearer",
        }))
        .into_response(),
        Err(error) => refuse("invalid_grant", &error.to_string()),
    }
}

fn refuse(error: &str, description: &str) -> Response {
    let body = json!({ "error": error, "error_description": description });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}
