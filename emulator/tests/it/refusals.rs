//! What Verified Access refuses, and with which status.

use aws_lc_rs::rand;
use tonic::Code;
use vaca_emulator::chromebook::Enrollment;
use vaca_emulator::control::NewDevice;
use vaca_emulator::keys::SigningKey;
use vaca_emulator::protocol::KeyTrustLevel;
use vaca_emulator::{BootMode, KeyAlgorithm, Scope, VirtualChromebook, attestation, forge, spkac};

use crate::support::{ALICE, TestBed};

const ECDSA: Option<KeyAlgorithm> = Some(KeyAlgorithm::Ecdsa);

async fn refused(bed: &TestBed, response: &[u8], identity: &str) -> Code {
    bed.caller
        .verify(response, identity)
        .await
        .unwrap_err()
        .code()
}

#[tokio::test]
async fn an_answer_is_good_for_a_minute_of_the_shared_clock() {
    let bed = TestBed::start().await;
    let mut chromebook = bed.chromebook().await;
    let challenge = bed.caller.generate().await.unwrap();
    let response = chromebook
        .challenge_key(&challenge, Scope::User, ECDSA)
        .await
        .unwrap();
    bed.advance(attestation::CHALLENGE_LIFETIME_MS);
    bed.caller.verify(&response, ALICE).await.unwrap();
    bed.advance(1);
    assert_eq!(refused(&bed, &response, ALICE).await, Code::InvalidArgument);
    bed.advance(-2 * attestation::CHALLENGE_LIFETIME_MS - 2);
    assert_eq!(refused(&bed, &response, ALICE).await, Code::InvalidArgument);
}

#[tokio::test]
async fn the_expected_identity_must_match_unless_empty() {
    let bed = TestBed::start().await;
    let mut chromebook = bed.chromebook().await;
    let challenge = bed.caller.generate().await.unwrap();
    for (scope, right, wrong) in [
        (Scope::User, "ALICE@example.com", "bob@example.com"),
        (Scope::User, "", "example.com"),
        (Scope::Machine, "Example.COM", ALICE),
        (Scope::Machine, "", "example.org"),
    ] {
        let response = chromebook
            .challenge_key(&challenge, scope, ECDSA)
            .await
            .unwrap();
        bed.caller.verify(&response, right).await.unwrap();
        assert_eq!(
            refused(&bed, &response, wrong).await,
            Code::InvalidArgument,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn forged_responses_are_invalid() {
    let bed = TestBed::start().await;
    let mut chromebook = bed.chromebook().await;
    let challenge = bed.caller.generate().await.unwrap();
    let other = bed.caller.generate().await.unwrap();
    let stranger = forge::challenge_of_a_stranger(1_780_000_000_000).unwrap();
    let response = chromebook
        .challenge_key(&challenge, Scope::User, ECDSA)
        .await
        .unwrap();
    let half = response.len() / 2;
    for (name, forged) in [
        ("empty", Vec::new()),
        ("truncated", forge::truncated(&response, half)),
        (
            "signature",
            forge::with_tampered_signature(&response).unwrap(),
        ),
        ("no signature", forge::without_signature(&response).unwrap()),
        (
            "key info",
            forge::with_tampered_key_info(&response).unwrap(),
        ),
        (
            "other challenge",
            forge::with_foreign_challenge(&response, &other).unwrap(),
        ),
        (
            "stranger's",
            forge::with_foreign_challenge(&response, &stranger).unwrap(),
        ),
        ("no challenge", forge::without_challenge(&response).unwrap()),
        (
            "two challenges",
            forge::with_second_challenge(&response, &other).unwrap(),
        ),
        (
            "data in data",
            forge::with_second_data_in_challenge(&response, b"x").unwrap(),
        ),
        ("second data", forge::with_second_data(&response, b"x")),
        (
            "second signature",
            forge::with_second_signature(&response, b"x"),
        ),
        ("fabricated", forge::fabricated(&challenge).unwrap()),
    ] {
        assert_eq!(
            refused(&bed, &forged, ALICE).await,
            Code::InvalidArgument,
            "{name}"
        );
    }
    // As Google: unknown fields are nothing, and the last of repeated fields wins.
    let unknown = forge::with_unknown_field(&response);
    bed.caller.verify(&unknown, ALICE).await.unwrap();
    let signed = forge::with_second_data(b"", b"decoy");
    let decoy_first = [signed, response].concat();
    bed.caller.verify(&decoy_first, ALICE).await.unwrap();
}

#[tokio::test]
async fn no_single_flipped_bit_is_accepted() {
    let bed = TestBed::start().await;
    let mut chromebook = bed.chromebook().await;
    let challenge = bed.caller.generate().await.unwrap();
    let response = chromebook
        .challenge_key(&challenge, Scope::Machine, ECDSA)
        .await
        .unwrap();
    for _ in 0..200 {
        let mut draw = [0; 4];
        rand::fill(&mut draw).unwrap();
        let bit = u32::from_be_bytes(draw) as usize % (response.len() * 8);
        let mut flipped = response.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let code = refused(&bed, &flipped, "example.com").await;
        assert_eq!(code, Code::InvalidArgument, "bit {bit}");
    }
}

#[tokio::test]
async fn a_dishonest_chromebook_does_not_get_through() {
    let bed = TestBed::start().await;
    let mut chromebook = bed.chromebook().await;
    let challenge = bed.caller.generate().await.unwrap();
    let foreign = SigningKey::generate(KeyAlgorithm::Ecdsa).unwrap();
    let foreign_spkac = spkac::build(&foreign).unwrap();
    let unsigned = spkac::Parts::genuine(&foreign)
        .unwrap()
        .assemble(&[0; 70])
        .unwrap();
    for scope in [Scope::User, Scope::Machine] {
        for spkac in [&foreign_spkac, &unsigned] {
            let response = chromebook
                .challenge_key_altered(&challenge, scope, ECDSA, |draft| {
                    draft.key_info.signed_public_key_and_challenge = Some(spkac.clone());
                })
                .await
                .unwrap();
            assert_eq!(refused(&bed, &response, "").await, Code::InvalidArgument);
        }
        let response = chromebook
            .challenge_key_altered(&challenge, scope, ECDSA, |draft| {
                draft.key_info.device_id = Some(b"stolen".to_vec());
            })
            .await
            .unwrap();
        assert_eq!(refused(&bed, &response, "").await, Code::InvalidArgument);
    }
    // A machine key cannot speak for a user, nor a user key for the machine.
    for (scope, flow) in [(Scope::Machine, 1), (Scope::User, 0)] {
        let response = chromebook
            .challenge_key_altered(&challenge, scope, ECDSA, |draft| {
                draft.key_info.flow_type = Some(flow);
                draft.key_info.domain = Some(ALICE.to_owned());
                draft.key_info.customer_id = Some("C01example".to_owned());
            })
            .await
            .unwrap();
        assert_eq!(refused(&bed, &response, "").await, Code::InvalidArgument);
    }
}

#[tokio::test]
async fn another_customers_device_is_not_ours() {
    let bed = TestBed::start().await;
    let enrollment = Enrollment {
        device: NewDevice {
            customer_id: Some("C02other".to_owned()),
            domain: Some("other.example".to_owned()),
            ..NewDevice::default()
        },
        machine_key: KeyAlgorithm::Ecdsa,
    };
    let url = bed.emulator.control_url();
    let mut chromebook = VirtualChromebook::enrolled_as(&url, "eve@other.example", enrollment)
        .await
        .unwrap();
    let challenge = bed.caller.generate().await.unwrap();
    let response = chromebook
        .challenge_key(&challenge, Scope::Machine, ECDSA)
        .await
        .unwrap();
    assert_eq!(
        refused(&bed, &response, "example.com").await,
        Code::InvalidArgument
    );
    // Genuine all the same: whoever expects nobody in particular is told whose it is.
    let result = bed.caller.verify(&response, "").await.unwrap();
    assert_eq!(result.customer_id, "C02other");

    let response = chromebook
        .challenge_key_altered(&challenge, Scope::Machine, ECDSA, |draft| {
            draft.key_info.customer_id = Some("C01example".to_owned());
        })
        .await
        .unwrap();
    assert_eq!(refused(&bed, &response, "").await, Code::InvalidArgument);
}

#[tokio::test]
async fn developer_mode_shows_and_can_be_forbidden() {
    let bed = TestBed::start().await;
    let mut chromebook = bed.chromebook().await;
    let directory = bed.emulator.directory();
    assert!(directory.set_boot_mode(chromebook.device_id(), BootMode::Developer));
    let challenge = bed.caller.generate().await.unwrap();
    for scope in [Scope::User, Scope::Machine] {
        let response = chromebook
            .challenge_key(&challenge, scope, ECDSA)
            .await
            .unwrap();
        let result = bed.caller.verify(&response, "").await.unwrap();
        assert_eq!(
            result.key_trust_level(),
            KeyTrustLevel::ChromeOsDeveloperMode
        );
        directory.require_verified_mode(true);
        assert_eq!(refused(&bed, &response, "").await, Code::PermissionDenied);
        directory.require_verified_mode(false);
    }
}
