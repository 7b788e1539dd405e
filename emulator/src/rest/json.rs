//! Messages as JSON (the proto3 mapping).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::protocol::{
    Challenge, KeyTrustLevel, VerifyChallengeResponseRequest, VerifyChallengeResponseResult,
};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Question {
    #[serde(alias = "challenge_response")]
    challenge_response: String,
    #[serde(alias = "expected_identity")]
    expected_identity: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

/// `google.protobuf.Empty`: nothing at all, or an object without members.
pub(super) fn empty(unverified: &[u8]) -> Result<(), String> {
    if unverified.is_empty() {
        return Ok(());
    }
    serde_json::from_slice::<Empty>(unverified)
        .map(|Empty {}| ())
        .map_err(|error| format!("invalid JSON payload: {error}"))
}

/// A question, its names in either case; unknown names are refused, as Google does.
pub(super) fn question(unverified: &[u8]) -> Result<VerifyChallengeResponseRequest, String> {
    let question: Question = serde_json::from_slice(unverified)
        .map_err(|error| format!("invalid JSON payload: {error}"))?;
    let challenge_response = STANDARD
        .decode(question.challenge_response)
        .map_err(|_| "challengeResponse is not base64".to_owned())?;
    Ok(VerifyChallengeResponseRequest {
        challenge_response,
        expected_identity: question.expected_identity,
    })
}

/// A challenge.
pub(super) fn challenge(challenge: &Challenge) -> Value {
    json!({ "challenge": STANDARD.encode(&challenge.challenge) })
}

/// A result without its empty fields.
pub(super) fn result(result: &VerifyChallengeResponseResult) -> Value {
    let texts = [
        ("devicePermanentId", &result.device_permanent_id),
        ("virtualDeviceId", &result.virtual_device_id),
        ("customerId", &result.customer_id),
        (
            "signedPublicKeyAndChallenge",
            &result.signed_public_key_and_challenge,
        ),
        ("deviceSignal", &result.device_signal),
        ("profileCustomerId", &result.profile_customer_id),
        ("virtualProfileId", &result.virtual_profile_id),
        ("attestedDeviceId", &result.attested_device_id),
        ("deviceEnrollmentId", &result.device_enrollment_id),
        ("profilePermanentId", &result.profile_permanent_id),
    ];
    let levels = [
        ("keyTrustLevel", result.key_trust_level),
        ("profileKeyTrustLevel", result.profile_key_trust_level),
    ];
    let texts = texts
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| (name.to_owned(), json!(text)));
    let levels = levels
        .into_iter()
        .filter(|(_, number)| *number != 0)
        .map(|(name, number)| (name.to_owned(), level(number)));
    Value::Object(texts.chain(levels).collect::<Map<_, _>>())
}

fn level(number: i32) -> Value {
    KeyTrustLevel::try_from(number).map_or(json!(number), |level| json!(level.as_str_name()))
}
