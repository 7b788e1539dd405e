//! What Verified Access answers to a response, field by field: octets seldom give an answer that is
//! right but for one thing. Both transports say the same.

use arbitrary::{Arbitrary, Unstructured};
use prost::Message as _;
use serde_json::{Value, json};
use vaca::attestation::UnverifiedAnswer;

use crate::expected::CUSTOMER;
use crate::messages::VerifyChallengeResponseResult;
use crate::verdict;

#[derive(Arbitrary, Debug)]
enum Text {
    Absent,
    Good,
    Customer,
    /// The customer, with something behind it.
    NearCustomer(String),
    Other(String),
}

impl Text {
    fn write(self) -> String {
        match self {
            Self::Absent => String::new(),
            Self::Good => "1a2b-3c4d_5e.6f".to_owned(),
            Self::Customer => CUSTOMER.to_owned(),
            Self::NearCustomer(more) => format!("{CUSTOMER}{more}"),
            Self::Other(text) => text,
        }
    }
}

#[derive(Arbitrary, Debug)]
enum Level {
    Absent,
    Known(u8),
    Other(i32),
}

impl Level {
    fn write(&self) -> i32 {
        match self {
            Self::Absent => 0,
            Self::Known(level) => i32::from(level % 7),
            Self::Other(number) => *number,
        }
    }
}

#[derive(Arbitrary, Debug)]
struct Answer {
    customer: Text,
    device: [Text; 4],
    level: Level,
    profile_level: Level,
    profile: [Text; 3],
    request: String,
}

/// Checks the answer that `arbitrary` finds in these octets, over both transports.
///
/// # Panics
/// Where something does not hold.
pub fn answer_fields(unverified: &[u8]) {
    let Ok(answer) = Answer::arbitrary_take_rest(Unstructured::new(unverified)) else {
        return;
    };
    let [permanent, r#virtual, enrollment, attested] = answer.device.map(Text::write);
    let [
        customer_of_profile,
        virtual_of_profile,
        permanent_of_profile,
    ] = answer.profile.map(Text::write);
    let result = VerifyChallengeResponseResult {
        device_permanent_id: permanent,
        virtual_device_id: r#virtual,
        customer_id: answer.customer.write(),
        signed_public_key_and_challenge: answer.request,
        key_trust_level: answer.level.write(),
        profile_customer_id: customer_of_profile,
        virtual_profile_id: virtual_of_profile,
        profile_key_trust_level: answer.profile_level.write(),
        attested_device_id: attested,
        device_enrollment_id: enrollment,
        profile_permanent_id: permanent_of_profile,
    };
    let expected = Some(verdict::answer(&result));
    assert_eq!(
        UnverifiedAnswer::from_grpc(&result.encode_to_vec()),
        expected
    );
    let json = in_json(&result).to_string();
    assert_eq!(UnverifiedAnswer::from_rest(json.as_bytes()), expected);
    verdict::check(&result);
}

fn in_json(result: &VerifyChallengeResponseResult) -> Value {
    json!({
        "devicePermanentId": result.device_permanent_id,
        "virtualDeviceId": result.virtual_device_id,
        "customerId": result.customer_id,
        "signedPublicKeyAndChallenge": result.signed_public_key_and_challenge,
        "keyTrustLevel": level(result.key_trust_level),
        "profileCustomerId": result.profile_customer_id,
        "virtualProfileId": result.virtual_profile_id,
        "profileKeyTrustLevel": level(result.profile_key_trust_level),
        "attestedDeviceId": result.attested_device_id,
        "deviceEnrollmentId": result.device_enrollment_id,
        "profilePermanentId": result.profile_permanent_id,
    })
}

/// The names of the reference, in the order of their numbers; a number where there is no name.
fn level(number: i32) -> Value {
    let names = [
        "KEY_TRUST_LEVEL_UNSPECIFIED",
        "CHROME_OS_VERIFIED_MODE",
        "CHROME_OS_DEVELOPER_MODE",
        "CHROME_BROWSER_HW_KEY",
        "CHROME_BROWSER_OS_KEY",
        "CHROME_BROWSER_NO_KEY",
        "CHROME_OS_NO_KEY",
    ];
    let name = usize::try_from(number)
        .ok()
        .and_then(|place| names.get(place));
    name.map_or(json!(number), |name| json!(name))
}
