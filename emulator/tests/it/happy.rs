//! Genuine answers of both scopes, with both kinds of key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use vaca_emulator::protocol::{KeyTrustLevel, VerifyChallengeResponseResult};
use vaca_emulator::{Calls, KeyAlgorithm, Options, Scope, VirtualChromebook, spkac};

use crate::support::{ALICE, TestBed};

async fn registered(
    bed: &TestBed,
    chromebook: &mut VirtualChromebook,
    scope: Scope,
    algorithm: KeyAlgorithm,
    identity: &str,
) -> VerifyChallengeResponseResult {
    let challenge = bed.caller.generate().await.unwrap();
    let response = chromebook
        .challenge_key(&challenge, scope, Some(algorithm))
        .await
        .unwrap();
    let result = bed.caller.verify(&response, identity).await.unwrap();
    let spkac = STANDARD
        .decode(&result.signed_public_key_and_challenge)
        .unwrap();
    assert_eq!(
        spkac::verify(&spkac).unwrap(),
        chromebook.registered_key_spki().unwrap()
    );
    assert_eq!(
        result.key_trust_level(),
        KeyTrustLevel::ChromeOsVerifiedMode
    );
    assert_eq!(result.customer_id, "C01example");
    assert_eq!(result.virtual_device_id, chromebook.device_id());
    result
}

#[tokio::test]
async fn a_user_with_ecdsa_and_with_rsa() {
    let bed = TestBed::start().await;
    let mut chromebook = bed.chromebook().await;
    for algorithm in [KeyAlgorithm::Ecdsa, KeyAlgorithm::Rsa] {
        let identity = "Alice@Example.com";
        let result = registered(&bed, &mut chromebook, Scope::User, algorithm, identity).await;
        assert_eq!(result.device_permanent_id, "");
        assert_eq!(result.device_enrollment_id, "");
        assert_eq!(chromebook.registered_key_token(), Some("user"));
    }
    let counted = Calls {
        generate: 2,
        verify: 2,
    };
    assert_eq!(bed.emulator.calls(), counted);
    bed.emulator.shutdown().await;
}

#[tokio::test]
async fn a_machine_with_rsa_and_with_ecdsa() {
    let bed = TestBed::start().await;
    // As genuine ones are: the stable machine key is RSA.
    let mut chromebook = VirtualChromebook::enrolled(&bed.emulator.control_url(), ALICE)
        .await
        .unwrap();
    for algorithm in [KeyAlgorithm::Rsa, KeyAlgorithm::Ecdsa] {
        let identity = "example.com";
        let result = registered(&bed, &mut chromebook, Scope::Machine, algorithm, identity).await;
        assert_eq!(result.device_permanent_id, chromebook.device_permanent_id());
        assert_eq!(
            result.device_enrollment_id,
            chromebook.device_enrollment_id()
        );
        assert_eq!(chromebook.registered_key_token(), Some("system"));
    }
}

#[tokio::test]
async fn over_tls() {
    let options = Options {
        tls: true,
        ..Options::default()
    };
    let bed = TestBed::start_with(options).await;
    let mut chromebook = bed.chromebook().await;
    registered(
        &bed,
        &mut chromebook,
        Scope::User,
        KeyAlgorithm::Ecdsa,
        ALICE,
    )
    .await;
    bed.emulator.shutdown().await;
}
