//! What the webhook is for: it answers Dialogflow's questions, of CX and ES. Your own service begins here.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest as _, Request};
use axum::response::{IntoResponse as _, Json, Response};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::holder::Holder;
use crate::quote::quoted;
use crate::refusal::Refusal;

/// How long a question may be, in octets; they are of a few thousand.
pub(crate) const LONGEST: usize = 256 * 1024;

/// The part of a `WebhookRequest` that is looked at. Whoever holds certificate and token wrote it; its
/// parameters are what a person said.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UnverifiedQuestion {
    /// CX.
    fulfillment_info: Option<UnverifiedFulfillment>,
    /// ES.
    query_result: Option<UnverifiedResult>,
}

#[derive(Deserialize)]
struct UnverifiedFulfillment {
    tag: String,
}

#[derive(Deserialize)]
struct UnverifiedResult {
    #[serde(default)]
    action: String,
}

/// `POST /webhook`: a question of the agent's.
pub(crate) async fn answer(
    Extension(holder): Extension<Holder>,
    unverified: Request,
) -> Result<Json<Value>, Refusal> {
    let headers = unverified.headers();
    if !is_json(headers) {
        let cause = "the request's Content-Type is not application/json";
        return Err(Refusal::of(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not_json",
            cause,
        ));
    }
    // Before any of it is asked for: a client that waits for that hears the answer.
    if length(headers).is_some_and(|length| length > LONGEST) {
        return Err(too_long());
    }
    let unverified = Bytes::from_request(unverified, &()).await;
    let unverified = unverified.map_err(|rejection| unread(&rejection))?;
    let question: UnverifiedQuestion = serde_json::from_slice(&unverified).map_err(|error| {
        let cause = format!("the request is no WebhookRequest: {error}");
        Refusal::of(StatusCode::BAD_REQUEST, "not_a_question", quoted(&cause))
    })?;
    match (question.fulfillment_info, question.query_result) {
        (Some(fulfillment), None) => Ok(cx(&holder, &fulfillment.tag)),
        (None, Some(result)) => Ok(es(&holder, &result.action)),
        _ => {
            let cause =
                "the request has not exactly one of fulfillmentInfo (CX) and queryResult (ES)";
            Err(Refusal::of(
                StatusCode::BAD_REQUEST,
                "not_a_question",
                cause,
            ))
        }
    }
}

/// What is done for whom. The tag chooses among words of ours, and nothing of the request is said again:
/// what a chat shows or speaks is markup to somebody. The holder's name is of letters, digits and a few
/// signs, none of which opens a tag.
fn words(holder: &Holder, tag: &str) -> String {
    tracing::info!("{} asks for {:?}", holder.name, quoted(tag));
    match tag {
        "confirm" => format!("Confirmed for {}.", holder.name),
        _ => format!("You are {}.", holder.name),
    }
}

fn cx(holder: &Holder, tag: &str) -> Json<Value> {
    let text = words(holder, tag);
    Json(json!({
        "fulfillmentResponse": { "messages": [{ "text": { "text": [text] } }] },
        "sessionInfo": { "parameters": { "certificate_holder": holder.name } },
    }))
}

fn es(holder: &Holder, action: &str) -> Json<Value> {
    Json(json!({ "fulfillmentText": words(holder, action) }))
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE);
    let value = value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}

fn length(headers: &HeaderMap) -> Option<usize> {
    let value = headers.get(header::CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}

fn too_long() -> Refusal {
    let cause = format!("the request is longer than {LONGEST} octets");
    Refusal::of(StatusCode::PAYLOAD_TOO_LARGE, "too_long", cause)
}

fn unread(rejection: &BytesRejection) -> Refusal {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_long(),
        status => Refusal::of(status, "cut_off", "the request ended before its end"),
    }
}

/// Any other path and method.
pub(crate) async fn nothing_here() -> Response {
    let cause = "asked for something else than POST /webhook";
    Refusal::of(StatusCode::NOT_FOUND, "nothing_here", cause).into_response()
}
