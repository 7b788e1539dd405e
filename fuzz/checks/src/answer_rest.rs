//! What Verified Access answers to a response over REST, from octets: the second reader keeps each
//! member as text, and looks into those that are read.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;
use vaca::attestation::UnverifiedAnswer;
use vaca::model::facts::KeyTrustLevel;

/// Checks an answer to a response, JSON.
///
/// # Panics
/// Where something does not hold.
pub fn answer_rest(unverified: &[u8]) {
    let Some(answer) = UnverifiedAnswer::from_rest(unverified) else {
        return;
    };
    let text = str::from_utf8(unverified).expect("accepted, yet not UTF-8");
    let members: BTreeMap<String, &RawValue> =
        serde_json::from_str(text).expect("accepted, yet no JSON object");
    let value = |name| {
        let member = members.get(name).map_or("null", |raw| raw.get());
        serde_json::from_str::<Value>(member).expect("accepted, yet no JSON")
    };
    for (name, ours) in [
        ("devicePermanentId", &answer.device_permanent_id),
        ("virtualDeviceId", &answer.virtual_device_id),
        ("customerId", &answer.customer_id),
        (
            "signedPublicKeyAndChallenge",
            &answer.signed_public_key_and_challenge,
        ),
        ("attestedDeviceId", &answer.attested_device_id),
        ("deviceEnrollmentId", &answer.device_enrollment_id),
        ("profileCustomerId", &answer.profile_customer_id),
        ("virtualProfileId", &answer.virtual_profile_id),
        ("profilePermanentId", &answer.profile_permanent_id),
    ] {
        let theirs = value(name);
        assert!(theirs.is_string() || theirs.is_null(), "{name}");
        assert_eq!(theirs.as_str().unwrap_or_default(), ours, "{name}");
    }
    assert_eq!(answer.key_trust_level, level(&value("keyTrustLevel")));
    assert_eq!(
        answer.profile_key_trust_level,
        level(&value("profileKeyTrustLevel"))
    );
}

/// By the name that the reference gives; a number means nothing but "there".
fn level(written: &Value) -> Option<KeyTrustLevel> {
    match written {
        Value::Null => None,
        Value::Number(number) if number.as_i64() == Some(0) => None,
        Value::String(name) if name == "KEY_TRUST_LEVEL_UNSPECIFIED" => None,
        Value::String(_) => {
            let known = serde_json::from_value(written.clone());
            Some(known.unwrap_or(KeyTrustLevel::Unspecified))
        }
        _ => Some(KeyTrustLevel::Unspecified),
    }
}
