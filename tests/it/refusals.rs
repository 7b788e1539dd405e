//! What Verified Access says decides, and what it should never say is refused all the same.

use vaca_emulator::faults::Field;
use vaca_emulator::{BootMode, Call, Fault, KeyAlgorithm, Scope, forge};

use crate::support::{ALICE, Answer, TestCa};

/// Enrols Alice while Verified Access misbehaves.
async fn user_with(ca: &TestCa, faults: impl Into<Vec<Fault>>) -> Answer {
    person_with(ca, ALICE, faults).await
}

/// The same for somebody else, whom nobody has denied yet.
async fn stranger_with(ca: &TestCa, number: usize, faults: impl Into<Vec<Fault>>) -> Answer {
    person_with(ca, &format!("user{number}@example.com"), faults).await
}

async fn person_with(ca: &TestCa, email: &str, faults: impl Into<Vec<Fault>>) -> Answer {
    let mut chromebook = ca.chromebook(email).await;
    let response = ca
        .response(
            &mut chromebook,
            "wifi-user",
            Scope::User,
            KeyAlgorithm::Ecdsa,
        )
        .await;
    ca.emulator.faults().next(Call::Verify, faults);
    ca.present(&response, "wifi-user", Some(email)).await
}

/// Enrols a device while Verified Access misbehaves.
async fn device_with(ca: &TestCa, faults: impl Into<Vec<Fault>>) -> Answer {
    let mut chromebook = ca.chromebook(ALICE).await;
    let response = ca
        .response(
            &mut chromebook,
            "wifi-device",
            Scope::Machine,
            KeyAlgorithm::Ecdsa,
        )
        .await;
    ca.emulator.faults().next(Call::Verify, faults);
    ca.present(&response, "wifi-device", None).await
}

#[tokio::test]
async fn a_user_answer_that_only_a_device_could_give_is_refused() {
    let ca = TestCa::start().await;
    for (number, (fault, code)) in [
        (Fault::UserWithDeviceId, "wrong_key_scope"),
        (Fault::UserWithEnrollmentId, "wrong_key_scope"),
        (Fault::WithProfile, "not_a_chromeos_device"),
        (Fault::ProfileAnswer, "not_a_chromeos_device"),
        (Fault::OtherCustomer, "wrong_customer"),
        (Fault::DeveloperMode, "developer_mode"),
        (
            Fault::KeyTrustLevel("CHROME_BROWSER_HW_KEY".to_owned()),
            "not_a_chromeos_device",
        ),
        (
            Fault::KeyTrustLevel("CHROME_OS_NO_KEY".to_owned()),
            "key_trust_level_refused",
        ),
        (
            Fault::KeyTrustLevel("KEY_TRUST_LEVEL_UNSPECIFIED".to_owned()),
            "key_trust_level_refused",
        ),
        (
            Fault::KeyTrustLevel("77".to_owned()),
            "key_trust_level_refused",
        ),
        (Fault::LimitedAccess, "certificate_request_missing"),
    ]
    .into_iter()
    .enumerate()
    {
        stranger_with(&ca, number, fault).await.is(code);
    }
    ca.nothing_issued().await;
    ca.check().await;
}

#[tokio::test]
async fn a_machine_answer_without_its_device_or_customer_is_refused() {
    let ca = TestCa::start().await;
    for (fault, code) in [
        (Fault::AbsentDeviceId, "device_id_missing"),
        (Fault::AbsentCustomer, "wrong_customer"),
        (Fault::OtherCustomer, "wrong_customer"),
        (Fault::WithProfile, "not_a_chromeos_device"),
        (Fault::ProfileAnswer, "not_a_chromeos_device"),
        (Fault::DeveloperMode, "developer_mode"),
        (
            Fault::Set {
                field: Field::DevicePermanentId,
                value: "a/../b".to_owned(),
            },
            "identity_not_certifiable",
        ),
    ] {
        device_with(&ca, fault.clone()).await.is(code);
    }
    // Limited access hides the device's id before it hides the request.
    let limited = device_with(&ca, Fault::LimitedAccess).await;
    assert!(
        ["device_id_missing", "wrong_customer"].contains(&limited.problem()),
        "{}",
        limited.text
    );
    ca.nothing_issued().await;
    ca.check().await;
}

#[tokio::test]
async fn an_answer_of_the_other_scope_is_refused() {
    let ca = TestCa::start().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    // A machine's answer in a user profile: with an honest Google, and with one that lies.
    for faults in [vec![], vec![Fault::IdentityUnchecked]] {
        let response = ca
            .response(
                &mut chromebook,
                "wifi-user",
                Scope::Machine,
                KeyAlgorithm::Ecdsa,
            )
            .await;
        let lies = !faults.is_empty();
        ca.emulator.faults().next(Call::Verify, faults);
        let answer = ca.present(&response, "wifi-user", Some(ALICE)).await;
        answer.is(if lies {
            "wrong_key_scope"
        } else {
            "challenge_response_refused"
        });
    }
    // A user's answer in a device profile.
    for faults in [vec![], vec![Fault::IdentityUnchecked]] {
        let response = ca
            .response(
                &mut chromebook,
                "wifi-device",
                Scope::User,
                KeyAlgorithm::Ecdsa,
            )
            .await;
        ca.emulator.faults().next(Call::Verify, faults);
        let answer = ca.present(&response, "wifi-device", None).await;
        assert!(
            [
                "challenge_response_refused",
                "device_id_missing",
                "wrong_customer",
                "wrong_key_scope"
            ]
            .contains(&answer.problem()),
            "{}",
            answer.text
        );
    }
    ca.nothing_issued().await;
    ca.check().await;
}

#[tokio::test]
async fn nobody_gets_a_certificate_in_another_persons_name() {
    let ca = TestCa::start().await;
    let mut mallory = ca.chromebook("mallory@example.com").await;
    let response = ca
        .response(&mut mallory, "wifi-user", Scope::User, KeyAlgorithm::Ecdsa)
        .await;
    ca.present(&response, "wifi-user", Some(ALICE))
        .await
        .is("challenge_response_refused");
    ca.nothing_issued().await;
    ca.check().await;
}

#[tokio::test]
async fn a_tampered_response_is_refused() {
    let ca = TestCa::start().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    for tamper in [
        forge::with_tampered_signature,
        forge::with_tampered_key_info,
    ] {
        let response = ca
            .response(&mut chromebook, "wifi-user", Scope::User, KeyAlgorithm::Rsa)
            .await;
        let tampered = tamper(&response).unwrap();
        ca.present(&tampered, "wifi-user", Some(ALICE))
            .await
            .is("challenge_response_refused");
    }
    ca.nothing_issued().await;
    ca.check().await;
}

#[tokio::test]
async fn a_developer_mode_chromebook_gets_nothing_of_a_user() {
    let ca = TestCa::start().await;
    ca.emulator.directory().require_verified_mode(false);
    let mut chromebook = ca.chromebook(ALICE).await;
    assert!(
        ca.emulator
            .directory()
            .set_boot_mode(chromebook.device_id(), BootMode::Developer)
    );
    ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .is("developer_mode");
    ca.nothing_issued().await;
    ca.check().await;
}

#[tokio::test]
async fn every_bad_certificate_request_has_its_code() {
    let ca = TestCa::start().await;
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/csr/");
    for (number, (file, code)) in [
        ("rsa-1024.der", "unsupported_key"),
        ("rsa-2048-e3.der", "unsupported_key"),
        ("p384.der", "unsupported_key"),
        ("rsa-2048-roca.der", "weak_key"),
        ("rsa-2048-close-primes.der", "weak_key"),
        ("rsa-2048-small-factor.der", "weak_key"),
        (
            "rsa-2048-failing-signature.der",
            "certificate_request_invalid",
        ),
        ("p256-failing-signature.der", "certificate_request_invalid"),
        ("rsa-2048-trailing-octet.der", "certificate_request_invalid"),
        ("p256-trailing-octet.der", "certificate_request_invalid"),
        ("rsa-2048-md5.der", "certificate_request_invalid"),
        ("rsa-2048-sha1.der", "certificate_request_invalid"),
    ]
    .into_iter()
    .enumerate()
    {
        let spkac = std::fs::read(format!("{fixtures}{file}")).unwrap();
        stranger_with(&ca, number, Fault::Spkac(spkac))
            .await
            .is(code);
    }
    user_with(&ca, Fault::Tampered)
        .await
        .is("certificate_request_invalid");
    let empty = Fault::Set {
        field: Field::SignedPublicKeyAndChallenge,
        value: String::new(),
    };
    user_with(&ca, empty)
        .await
        .is("certificate_request_missing");
    ca.nothing_issued().await;
    ca.check().await;
}

#[tokio::test]
async fn a_profile_certifies_only_its_key_algorithms() {
    let ca = TestCa::start().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    let response = ca
        .response(&mut chromebook, "vpn-user", Scope::User, KeyAlgorithm::Rsa)
        .await;
    ca.present(&response, "vpn-user", Some(ALICE))
        .await
        .is("unsupported_key");
    ca.check().await;
}

#[tokio::test]
async fn a_key_belongs_to_one_identity() {
    let ca = TestCa::start().await;
    let spkac = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/csr/p256.der"
    ))
    .unwrap();
    user_with(&ca, Fault::Spkac(spkac.clone())).await.issued();
    // The same key for somebody else, and for the same user while the first certificate is good.
    device_with(&ca, Fault::Spkac(spkac.clone()))
        .await
        .is("key_already_certified");
    user_with(&ca, Fault::Spkac(spkac.clone()))
        .await
        .is("key_already_certified");
    // Expired, the key is its owner's again, and still nobody else's.
    ca.clock.advance(31 * 24 * 60 * 60);
    device_with(&ca, Fault::Spkac(spkac.clone()))
        .await
        .is("key_already_certified");
    user_with(&ca, Fault::Spkac(spkac)).await.issued();
    ca.check().await;
}

#[tokio::test]
async fn a_denial_tells_what_was_expected_and_seen() {
    let ca = TestCa::start().await;
    let answer = device_with(&ca, Fault::OtherCustomer).await;
    let attempt = answer.is("wrong_customer").attempt().to_owned();
    let id = vaca::model::attempt::AttemptId::parse(&attempt).unwrap();
    let record = ca.store.attempt(&id).await.unwrap().unwrap();
    let failed: Vec<_> = record.checks.iter().filter(|check| !check.passed).collect();
    assert_eq!(failed.len(), 1, "{:?}", record.checks);
    assert!(failed[0].expected.contains("C01example"));
    assert!(!failed[0].remedy.is_empty());
    ca.check().await;
}
