//! The messages, as prost reads them.
//!
//! Where protobuf takes the last of several fields, these take all: a second field is seen, whoever
//! would have believed which. `encrypted_key_info` is a message to Verified Access; to vaca it is
//! octets, because nothing in it says which challenge is answered.

use prost::Message;

/// `attestation.SignedData`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SignedData {
    /// A message.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(crate) data: Vec<Vec<u8>>,
    /// The signature over it.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(crate) signature: Vec<Vec<u8>>,
}

/// `attestation.ChallengeResponse`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ChallengeResponse {
    /// The challenge, echoed.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(crate) challenge: Vec<Vec<u8>>,
    /// Random.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(crate) nonce: Vec<Vec<u8>>,
    /// For Verified Access alone.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub(crate) encrypted_key_info: Vec<Vec<u8>>,
}

/// `attestation.Challenge`, as far as it is read.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Challenge {
    /// Milliseconds since the Unix epoch.
    #[prost(int64, repeated, packed = "false", tag = "3")]
    pub(crate) timestamp: Vec<i64>,
}

/// `google.chrome.verifiedaccess.v2.VerifyChallengeResponseResult`; numbers as `proto/` assumes them.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct VerifyChallengeResponseResult {
    /// Directory API device id.
    #[prost(string, tag = "1")]
    pub(crate) device_permanent_id: String,
    /// Virtual device id.
    #[prost(string, tag = "2")]
    pub(crate) virtual_device_id: String,
    /// The managing customer.
    #[prost(string, tag = "3")]
    pub(crate) customer_id: String,
    /// Base64 text of an SPKAC.
    #[prost(string, tag = "4")]
    pub(crate) signed_public_key_and_challenge: String,
    /// Number of a key trust level.
    #[prost(int32, tag = "7")]
    pub(crate) key_trust_level: i32,
    /// Customer of a browser profile.
    #[prost(string, tag = "8")]
    pub(crate) profile_customer_id: String,
    /// Virtual id of a browser profile.
    #[prost(string, tag = "9")]
    pub(crate) virtual_profile_id: String,
    /// Number of a key trust level.
    #[prost(int32, tag = "10")]
    pub(crate) profile_key_trust_level: i32,
    /// Attested device id.
    #[prost(string, tag = "11")]
    pub(crate) attested_device_id: String,
    /// ChromeOS enrollment id.
    #[prost(string, tag = "12")]
    pub(crate) device_enrollment_id: String,
    /// Permanent id of a browser profile.
    #[prost(string, tag = "13")]
    pub(crate) profile_permanent_id: String,
}

/// The one element, if there is exactly one and it is not empty.
pub(crate) fn once(values: &[Vec<u8>]) -> Option<&[u8]> {
    match values {
        [value] if !value.is_empty() => Some(value),
        _ => None,
    }
}

/// The `data` of a `SignedData` whose fields both stand once.
pub(crate) fn signed_data(message: &[u8]) -> Option<Vec<u8>> {
    let signed = SignedData::decode(message).ok()?;
    once(&signed.signature)?;
    once(&signed.data).map(<[u8]>::to_vec)
}

/// The signed data of the challenge that a response answers, if every field on the way stands once.
pub(crate) fn answered_challenge(response: &[u8]) -> Option<Vec<u8>> {
    let response = ChallengeResponse::decode(signed_data(response)?.as_slice()).ok()?;
    once(&response.nonce)?;
    once(&response.encrypted_key_info)?;
    signed_data(once(&response.challenge)?)
}

/// `message` in its shortest form, without the fields that `M` does not have.
pub(crate) fn shortest<M: Message + Default>(message: &[u8]) -> Option<Vec<u8>> {
    M::decode(message)
        .ok()
        .map(|message| message.encode_to_vec())
}
