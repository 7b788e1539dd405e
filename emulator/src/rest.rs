//! The REST twin of the gRPC service: JSON by name, as Google's proto3 mapping writes it.
//!
//! Defaults are left out, bytes are standard base64, an enumeration value is its name (a number
//! where it has none), errors are `google.rpc.Status` inside `error`.

mod json;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::faults::{Script, code_name};
use crate::grpc::PublicApi;
use crate::protocol::{GENERATE_REST_PATH, VERIFY_REST_PATH};

/// Both methods; the door in front of them leaves the script of each call.
pub(crate) fn router(api: PublicApi) -> Router {
    Router::new()
        .route(GENERATE_REST_PATH, post(generate))
        .route(VERIFY_REST_PATH, post(verify))
        .with_state(api)
}

/// A status as Google's front end writes it.
pub(crate) fn error(status: &Status) -> Response {
    let http = http_status(status.code());
    let body = json!({
        "error": {
            "code": http.as_u16(),
            "message": status.message(),
            "status": code_name(status.code()),
        }
    });
    (http, Json(body)).into_response()
}

async fn generate(
    State(api): State<PublicApi>,
    Extension(script): Extension<Script>,
    headers: HeaderMap,
    unverified_body: Bytes,
) -> Response {
    let made = || {
        let access = api.admit(authorization(&headers))?;
        json::empty(&unverified_body).map_err(Status::invalid_argument)?;
        api.generate(access, &script)
    };
    answer(made().map(|challenge| json::challenge(&challenge)))
}

async fn verify(
    State(api): State<PublicApi>,
    Extension(script): Extension<Script>,
    headers: HeaderMap,
    unverified_body: Bytes,
) -> Response {
    let judged = || {
        let access = api.admit(authorization(&headers))?;
        let question = json::question(&unverified_body).map_err(Status::invalid_argument)?;
        api.verify(access, &question, &script)
    };
    answer(judged().map(|result| json::result(&result)))
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()
}

fn answer(outcome: Result<Value, Status>) -> Response {
    match outcome {
        Ok(message) => Json(message).into_response(),
        Err(status) => error(&status),
    }
}

/// The mapping of google.rpc.Code.
fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            StatusCode::BAD_REQUEST
        }
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Aborted | Code::AlreadyExists => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        // 499, which is in no standard.
        Code::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::REQUEST_TIMEOUT),
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
