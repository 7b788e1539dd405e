//! What Verified Access answers to a response over REST, from octets.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use vaca::attestation::UnverifiedAnswer;
use vaca::model::facts::KeyTrustLevel;

fuzz_target!(|unverified: &[u8]| {
    let Some(answer) = UnverifiedAnswer::from_rest(unverified) else {
        return;
    };
    let value: Value = serde_json::from_slice(unverified).expect("accepted, yet no JSON");
    assert!(value.is_object());
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
        assert!(value[name].is_string() || value[name].is_null(), "{name}");
        assert_eq!(value[name].as_str().unwrap_or_default(), ours, "{name}");
    }
    assert_eq!(answer.key_trust_level, level(&value["keyTrustLevel"]));
    assert_eq!(
        answer.profile_key_trust_level,
        level(&value["profileKeyTrustLevel"])
    );
});

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
