//! Taking in a request's body, within bounds of size and time.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use http::{HeaderMap, header};
use tokio::time::timeout;

use crate::http::limits::{BODY_BYTES, BODY_TIME, DISCARDED_BYTES};
use crate::model::problem_code::ProblemCode;

/// The whole body.
///
/// # Errors
/// [`ProblemCode::BodyTooLarge`], whether its length was declared or not;
/// [`ProblemCode::RequestTimeout`]; [`ProblemCode::MalformedRequest`] where it breaks off.
pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, ProblemCode> {
    if waits_for_permission(headers) && declared_length(headers) > Some(BODY_BYTES) {
        return Err(ProblemCode::BodyTooLarge);
    }
    within(BODY_TIME, body).await
}

/// The whole body, if it arrives in `time`.
pub(super) async fn within(time: Duration, body: Body) -> Result<Vec<u8>, ProblemCode> {
    timeout(time, collect(body))
        .await
        .unwrap_or(Err(ProblemCode::RequestTimeout))
}

/// A body that is too large is read on for a while and thrown away: a connection that is closed
/// while its client still writes loses the answer, too.
async fn collect(mut body: Body) -> Result<Vec<u8>, ProblemCode> {
    let mut bytes = Vec::new();
    let mut received = 0;
    while let Some(data) = next(&mut body).await? {
        received += data.len();
        if received <= BODY_BYTES {
            bytes.extend_from_slice(&data);
        } else if received > DISCARDED_BYTES {
            break;
        }
    }
    if received > BODY_BYTES {
        return Err(ProblemCode::BodyTooLarge);
    }
    Ok(bytes)
}

async fn next(body: &mut Body) -> Result<Option<Bytes>, ProblemCode> {
    let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await;
    match frame {
        None => Ok(None),
        Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
        Some(Err(_)) => Err(ProblemCode::MalformedRequest),
    }
}

/// A client that waits to be asked (RFC 9110, section 10.1.1) has not begun to write.
fn waits_for_permission(headers: &HeaderMap) -> bool {
    headers.contains_key(header::EXPECT)
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}
