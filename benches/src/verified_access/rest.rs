//! The same over REST: JSON by the reference's names.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Trusting, verdict};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Question {
    challenge_response: String,
    expected_identity: String,
}

pub(super) async fn generate(State(trusting): State<Trusting>) -> Response {
    match trusting.challenge() {
        Ok(challenge) => Json(json!({ "challenge": STANDARD.encode(challenge) })).into_response(),
        Err(error) => refuse(
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL",
            &error.to_string(),
        ),
    }
}

pub(super) async fn verify(Json(question): Json<Question>) -> Response {
    match answer(&question) {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => refuse(
            StatusCode::BAD_REQUEST,
            "INVALID_ARGUMENT",
            &error.to_string(),
        ),
    }
}

fn answer(question: &Question) -> anyhow::Result<Value> {
    let response = STANDARD.decode(&question.challenge_response)?;
    let verdict = verdict(&response, &question.expected_identity)?;
    Ok(json!({
        "virtualDeviceId": verdict.virtual_device_id,
        "customerId": verdict.customer_id,
        "signedPublicKeyAndChallenge": verdict.signed_public_key_and_challenge,
        "keyTrustLevel": verdict.key_trust_level().as_str_name(),
    }))
}

/// The error object of Google's APIs.
fn refuse(status: StatusCode, name: &str, message: &str) -> Response {
    let error = json!({ "code": status.as_u16(), "message": message, "status": name });
    (status, Json(json!({ "error": error }))).into_response()
}
