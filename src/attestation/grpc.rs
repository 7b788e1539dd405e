//! Verified Access v2 over gRPC. Field numbers are assumed; `proto/` says which.

mod codec;

use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderMap, Uri};
use tonic::client::Grpc as Client;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Extensions, Request, Status};

use crate::attestation::failure::{RemoteError, wait};
use crate::attestation::grpc::codec::RawCodec;
use crate::attestation::protocol::verified_access_client::VerifiedAccessClient;
use crate::attestation::protocol::{
    GenerateChallengeRequest, KeyTrustLevel as WireLevel, VerifyChallengeResponseRequest,
    VerifyChallengeResponseResult,
};
use crate::attestation::raw::RawAnswer;
use crate::attestation::response::UnverifiedResponse;
use crate::attestation::trust::Roots;
use crate::attestation::verdict::UnverifiedAnswer;
use crate::model::challenge::Challenge;
use crate::model::facts::KeyTrustLevel;
use crate::model::identity::ExpectedIdentity;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often an idle connection is tried, so that a dead one is found before a Chromebook waits.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is read, in octets; genuine ones have a few thousand.
const ANSWER_MAX: usize = 256 * 1024;
/// The method whose answer is wanted as it came. The package and service are Google's; the shape of
/// the path is gRPC's.
const VERIFY: &str = "/google.chrome.verifiedaccess.v2.VerifiedAccess/VerifyChallengeResponse";

/// One connection, made when it is first needed and made again when it breaks.
#[derive(Clone)]
pub(super) struct Grpc(Channel);

impl Grpc {
    /// Prepares the connection to `origin`; TLS, where its scheme says so, is held to `roots`.
    ///
    /// # Errors
    /// Where `origin` has no host, or the TLS library takes no root.
    pub(super) fn new(origin: &Uri, roots: &Roots) -> Result<Self, tonic::transport::Error> {
        let mut endpoint = Endpoint::from(origin.clone())
            .user_agent(concat!("vaca/", env!("CARGO_PKG_VERSION")))?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(true);
        if origin.scheme_str() == Some("https") {
            let tls = ClientTlsConfig::new().trust_anchors(roots.anchors());
            endpoint = endpoint.tls_config(tls)?;
        }
        Ok(Self(endpoint.connect_lazy()))
    }

    /// GenerateChallenge.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub(super) async fn generate(
        &self,
        authorization: HeaderMap,
        deadline: Duration,
    ) -> Result<Challenge, RemoteError> {
        let request = authorized(GenerateChallengeRequest {}, authorization, deadline);
        let client = VerifiedAccessClient::new(self.0.clone());
        let mut client = client.max_decoding_message_size(ANSWER_MAX);
        let answer = client.generate_challenge(request).await.map_err(remote)?;
        Ok(Challenge(answer.into_inner().challenge))
    }

    /// VerifyChallengeResponse; the answer as it came, so that what its numbers mean can be judged.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub(super) async fn verify(
        &self,
        response: &UnverifiedResponse,
        expected: &ExpectedIdentity,
        authorization: HeaderMap,
        deadline: Duration,
    ) -> Result<RawAnswer, RemoteError> {
        let question = VerifyChallengeResponseRequest {
            challenge_response: response.bytes().to_vec(),
            expected_identity: expected.as_str().to_owned(),
        };
        let request = authorized(question, authorization, deadline);
        let mut client = Client::new(self.0.clone()).max_decoding_message_size(ANSWER_MAX);
        let ready = client.ready().await;
        ready.map_err(|error| remote(Status::unavailable(error.to_string())))?;
        let path = PathAndQuery::from_static(VERIFY);
        let answer = client.unary(request, path, RawCodec).await;
        Ok(RawAnswer::read(answer.map_err(remote)?.into_inner()))
    }
}

fn authorized<T>(message: T, authorization: HeaderMap, deadline: Duration) -> Request<T> {
    let metadata = MetadataMap::from_headers(authorization);
    let mut request = Request::from_parts(metadata, Extensions::new(), message);
    request.set_timeout(deadline);
    request
}

/// Whether it is the client library that gave up, on an answer beyond our limit. It says so by a code
/// with which Google refuses, and the device would be denied for good.
fn is_too_long(status: &Status) -> bool {
    status.code() == Code::OutOfRange && status.message().contains("message length too large")
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err wants"
)]
fn remote(status: Status) -> RemoteError {
    let retry_after = status
        .metadata()
        .get("retry-after")
        .and_then(|value| wait(value.to_str().ok()?));
    RemoteError {
        code: if is_too_long(&status) {
            Code::DataLoss
        } else {
            status.code()
        },
        unverified_message: status.message().to_owned(),
        retry_after,
    }
}

impl From<VerifyChallengeResponseResult> for UnverifiedAnswer {
    fn from(result: VerifyChallengeResponseResult) -> Self {
        Self {
            key_trust_level: level(result.key_trust_level),
            profile_key_trust_level: level(result.profile_key_trust_level),
            device_permanent_id: result.device_permanent_id,
            virtual_device_id: result.virtual_device_id,
            customer_id: result.customer_id,
            signed_public_key_and_challenge: result.signed_public_key_and_challenge,
            attested_device_id: result.attested_device_id,
            device_enrollment_id: result.device_enrollment_id,
            profile_customer_id: result.profile_customer_id,
            virtual_profile_id: result.virtual_profile_id,
            profile_permanent_id: result.profile_permanent_id,
        }
    }
}

/// `None` for the default, which proto3 does not tell from an absent field; a value that this
/// program does not know is present, and unspecified.
fn level(number: i32) -> Option<KeyTrustLevel> {
    match WireLevel::try_from(number) {
        Ok(WireLevel::Unspecified) => None,
        Ok(WireLevel::ChromeOsVerifiedMode) => Some(KeyTrustLevel::ChromeOsVerifiedMode),
        Ok(WireLevel::ChromeOsDeveloperMode) => Some(KeyTrustLevel::ChromeOsDeveloperMode),
        Ok(WireLevel::ChromeBrowserHwKey) => Some(KeyTrustLevel::ChromeBrowserHwKey),
        Ok(WireLevel::ChromeBrowserOsKey) => Some(KeyTrustLevel::ChromeBrowserOsKey),
        Ok(WireLevel::ChromeBrowserNoKey) => Some(KeyTrustLevel::ChromeBrowserNoKey),
        Ok(WireLevel::ChromeOsNoKey) => Some(KeyTrustLevel::ChromeOsNoKey),
        Err(_) => Some(KeyTrustLevel::Unspecified),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_keeps_its_name() {
        for number in 1..=6 {
            let name = WireLevel::try_from(number).map(|level| level.as_str_name());
            assert_eq!(level(number).map(KeyTrustLevel::as_str), name.ok());
        }
        assert_eq!(level(0), None);
        assert_eq!(level(7), Some(KeyTrustLevel::Unspecified));
        assert_eq!(level(-1), Some(KeyTrustLevel::Unspecified));
    }

    #[test]
    fn every_kept_field_lands_in_its_place_and_signals_do_not() {
        let text = |name: &str| name.to_owned();
        let answer = UnverifiedAnswer::from(VerifyChallengeResponseResult {
            device_permanent_id: text("a"),
            virtual_device_id: text("b"),
            customer_id: text("c"),
            signed_public_key_and_challenge: text("d"),
            device_signal: text("signal"),
            device_signals: b"signals".to_vec(),
            key_trust_level: 1,
            profile_customer_id: text("e"),
            virtual_profile_id: text("f"),
            profile_key_trust_level: 99,
            attested_device_id: text("g"),
            device_enrollment_id: text("h"),
            profile_permanent_id: text("i"),
        });
        let expected = UnverifiedAnswer {
            device_permanent_id: text("a"),
            virtual_device_id: text("b"),
            customer_id: text("c"),
            signed_public_key_and_challenge: text("d"),
            key_trust_level: Some(KeyTrustLevel::ChromeOsVerifiedMode),
            attested_device_id: text("g"),
            device_enrollment_id: text("h"),
            profile_customer_id: text("e"),
            virtual_profile_id: text("f"),
            profile_permanent_id: text("i"),
            profile_key_trust_level: Some(KeyTrustLevel::Unspecified),
        };
        assert_eq!(answer, expected);
    }

    #[test]
    fn a_wait_is_read() {
        let mut status = Status::resource_exhausted("later");
        if let Ok(value) = "7".parse() {
            status.metadata_mut().insert("retry-after", value);
        }
        assert_eq!(remote(status).retry_after, Some(7));
    }

    #[test]
    fn the_path_is_that_of_the_description() {
        let description =
            include_str!("../../proto/google/chrome/verifiedaccess/v2/verifiedaccess.proto");
        let after = |word: &str| {
            let rest = description.split(&format!("\n{word} ")).nth(1)?;
            rest.split([';', ' ']).next()
        };
        let (package, service) = (after("package"), after("service"));
        let path = format!(
            "/{}.{}/VerifyChallengeResponse",
            package.unwrap_or_default(),
            service.unwrap_or_default()
        );
        assert_eq!(path, VERIFY);
    }
}
