//! Answers as Google's proto3 mapping writes them: lowerCamelCase names, defaults left out or
//! null, unknown names to be passed over, one of another type not.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::attestation::verdict::UnverifiedAnswer;
use crate::model::challenge::Challenge;
use crate::model::facts::KeyTrustLevel;

#[derive(Deserialize)]
struct WireChallenge {
    challenge: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireResult {
    device_permanent_id: Option<String>,
    virtual_device_id: Option<String>,
    customer_id: Option<String>,
    signed_public_key_and_challenge: Option<String>,
    key_trust_level: Option<WireLevel>,
    profile_customer_id: Option<String>,
    virtual_profile_id: Option<String>,
    profile_key_trust_level: Option<WireLevel>,
    attested_device_id: Option<String>,
    device_enrollment_id: Option<String>,
    profile_permanent_id: Option<String>,
}

/// A name; a number where the value is newer than the server's own names.
#[derive(Deserialize)]
#[serde(untagged)]
enum WireLevel {
    Name(String),
    Number(i32),
}

/// A challenge that is there.
pub(super) fn parse_challenge(unverified: &[u8]) -> Option<Challenge> {
    let message: WireChallenge = object(unverified)?;
    let bytes = BASE64_STANDARD.decode(message.challenge).ok()?;
    Some(Challenge(bytes))
}

impl UnverifiedAnswer {
    /// Reads a VerifyChallengeResponseResult in JSON; `None` where a field that is read has another
    /// type or stands twice, or where this is no JSON object.
    #[must_use]
    pub fn from_rest(unverified: &[u8]) -> Option<Self> {
        let result: WireResult = object(unverified)?;
        Some(Self {
            device_permanent_id: result.device_permanent_id.unwrap_or_default(),
            virtual_device_id: result.virtual_device_id.unwrap_or_default(),
            customer_id: result.customer_id.unwrap_or_default(),
            signed_public_key_and_challenge: result
                .signed_public_key_and_challenge
                .unwrap_or_default(),
            key_trust_level: result.key_trust_level.and_then(level),
            attested_device_id: result.attested_device_id.unwrap_or_default(),
            device_enrollment_id: result.device_enrollment_id.unwrap_or_default(),
            profile_customer_id: result.profile_customer_id.unwrap_or_default(),
            virtual_profile_id: result.virtual_profile_id.unwrap_or_default(),
            profile_permanent_id: result.profile_permanent_id.unwrap_or_default(),
            profile_key_trust_level: result.profile_key_trust_level.and_then(level),
        })
    }
}

/// One JSON object: serde would also take an array, field by field. All of it is UTF-8 (RFC 8259,
/// section 8.1): given octets, serde does not look into the members that it passes over.
fn object<T: DeserializeOwned>(unverified: &[u8]) -> Option<T> {
    let text = std::str::from_utf8(unverified).ok()?;
    let begins = text.trim_ascii_start().starts_with('{');
    begins.then(|| serde_json::from_str(text).ok())?
}

/// `None` for the default, as over gRPC; what has no name that we know is present, and
/// unspecified. A number is never interpreted: which one means what is not published.
fn level(written: WireLevel) -> Option<KeyTrustLevel> {
    match written {
        WireLevel::Number(0) => None,
        WireLevel::Number(_) => Some(KeyTrustLevel::Unspecified),
        WireLevel::Name(name) if name == KeyTrustLevel::Unspecified.as_str() => None,
        WireLevel::Name(name) => Some(named(&name)),
    }
}

fn named(name: &str) -> KeyTrustLevel {
    let known = [
        KeyTrustLevel::ChromeOsVerifiedMode,
        KeyTrustLevel::ChromeOsDeveloperMode,
        KeyTrustLevel::ChromeBrowserHwKey,
        KeyTrustLevel::ChromeBrowserOsKey,
        KeyTrustLevel::ChromeBrowserNoKey,
        KeyTrustLevel::ChromeOsNoKey,
    ];
    let found = known.into_iter().find(|level| level.as_str() == name);
    found.unwrap_or(KeyTrustLevel::Unspecified)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;

    fn parse(text: &str) -> Option<UnverifiedAnswer> {
        UnverifiedAnswer::from_rest(text.as_bytes())
    }

    #[test]
    fn every_kept_field_lands_in_its_place_and_others_are_passed_over() {
        let answer = parse(
            r#"{"devicePermanentId": "a", "virtualDeviceId": "b", "customerId": "c",
                "signedPublicKeyAndChallenge": "d", "deviceSignal": "{}", "newer": [1],
                "deviceSignals": {"serialNumber": "s"}, "keyTrustLevel": "CHROME_OS_NO_KEY",
                "profileCustomerId": "e", "virtualProfileId": "f",
                "profileKeyTrustLevel": "CHROME_BROWSER_HW_KEY", "attestedDeviceId": "g",
                "deviceEnrollmentId": "h", "profilePermanentId": "i"}"#,
        );
        let text = |name: &str| name.to_owned();
        let expected = UnverifiedAnswer {
            device_permanent_id: text("a"),
            virtual_device_id: text("b"),
            customer_id: text("c"),
            signed_public_key_and_challenge: text("d"),
            key_trust_level: Some(KeyTrustLevel::ChromeOsNoKey),
            attested_device_id: text("g"),
            device_enrollment_id: text("h"),
            profile_customer_id: text("e"),
            virtual_profile_id: text("f"),
            profile_permanent_id: text("i"),
            profile_key_trust_level: Some(KeyTrustLevel::ChromeBrowserHwKey),
        };
        assert_eq!(answer, Some(expected));
    }

    #[test]
    fn levels_have_names_and_defaults_are_absent() {
        for (json, level) in [
            (
                r#""CHROME_OS_VERIFIED_MODE""#,
                Some(KeyTrustLevel::ChromeOsVerifiedMode),
            ),
            (
                r#""CHROME_OS_DEVELOPER_MODE""#,
                Some(KeyTrustLevel::ChromeOsDeveloperMode),
            ),
            (
                r#""chrome_os_verified_mode""#,
                Some(KeyTrustLevel::Unspecified),
            ),
            (r#""NEWER_MODE""#, Some(KeyTrustLevel::Unspecified)),
            ("1", Some(KeyTrustLevel::Unspecified)),
            (r#""KEY_TRUST_LEVEL_UNSPECIFIED""#, None),
            ("0", None),
            ("null", None),
        ] {
            let answer = parse(&format!("{{\"keyTrustLevel\": {json}}}")).unwrap();
            assert_eq!(answer.key_trust_level, level, "{json}");
        }
        let empty = UnverifiedAnswer::default();
        assert_eq!(parse("{}"), Some(empty.clone()));
        assert_eq!(parse(r#"{"customerId": null}"#), Some(empty));
    }

    #[test]
    fn another_type_is_not_read() {
        for text in [
            "",
            "null",
            "[]",
            r#"["a"]"#,
            "\"x\"",
            r#"{"customerId": 5}"#,
            r#"{"customerId": ["C1"]}"#,
            r#"{"keyTrustLevel": true}"#,
            r#"{"keyTrustLevel": {}}"#,
            r#"{"customerId": "a", "customerId": "b"}"#,
            r#"{"customerId": "a"} {}"#,
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_passed_over_is_utf_8_too() {
        let newer = |octet: u8| [&b"{\"newer\": \""[..], &[octet], b"\"}"].concat();
        assert!(UnverifiedAnswer::from_rest(&newer(b'x')).is_some());
        assert!(UnverifiedAnswer::from_rest(&newer(0xdb)).is_none());
    }

    #[test]
    fn a_challenge_is_standard_base64() {
        let parse = |text: &str| parse_challenge(text.as_bytes()).map(|challenge| challenge.0);
        assert_eq!(parse(r#"{"challenge": "+/8="}"#), Some(vec![0xfb, 0xff]));
        for text in [
            "{}",
            r#"{"challenge": 5}"#,
            r#"{"challenge": "-_8="}"#,
            r#"{"challenge": {"data": "", "signature": ""}}"#,
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
