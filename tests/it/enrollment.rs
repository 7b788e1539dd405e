//! The main job: a user and a device get their certificates.

use futures_util::future::join_all;
use serde_json::json;
use vaca_emulator::{BootMode, Call, Fault, KeyAlgorithm, Scope};

use crate::support::{ALICE, START, TestCa};

#[tokio::test]
async fn a_user_gets_a_certificate_for_an_ecdsa_key() {
    let ca = TestCa::start().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    let answer = ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa).await;
    answer.issued();
    let mut members: Vec<_> = answer
        .json
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    members.sort_unstable();
    assert_eq!(
        members,
        [
            "attempt",
            "certificate",
            "chain",
            "not_after",
            "not_before",
            "profile",
            "renew_after",
            "serial_number"
        ]
    );
    assert_eq!(answer.serial().len(), 32);
    assert!(answer.serial().starts_with("01"));
    assert_eq!(answer.json["profile"], "wifi-user");
    assert_eq!(answer.json["not_before"], START.minus(300).rfc3339());
    assert_eq!(answer.json["chain"].as_array().unwrap().len(), 1);
    assert_eq!(answer.header("cache-control"), "no-store");
    ca.check().await;
}

#[tokio::test]
async fn a_device_gets_a_certificate_for_an_rsa_key() {
    let ca = TestCa::start().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_device(&mut chromebook, KeyAlgorithm::Rsa)
        .await
        .issued();
    let identities = ca
        .rows("SELECT identity FROM certificates WHERE kind = 'client'")
        .await;
    assert_eq!(
        identities,
        [format!("device:{}", chromebook.device_permanent_id())]
    );
    ca.check().await;
}

#[tokio::test]
async fn both_scopes_take_both_algorithms() {
    let ca = TestCa::start().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_user(&mut chromebook, KeyAlgorithm::Rsa)
        .await
        .issued();
    ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    ca.check().await;
}

#[tokio::test]
async fn an_email_is_lower_cased_before_anybody_compares_it() {
    let ca = TestCa::start().await;
    let (_chromebook, response) = ca.alices_response().await;
    ca.present(&response, "wifi-user", Some("Alice@Example.com"))
        .await
        .issued();
    ca.check().await;
}

#[tokio::test]
async fn a_user_answer_without_a_customer_is_accepted_and_recorded_unless_the_profile_says_otherwise()
 {
    let ca = TestCa::start().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.emulator
        .faults()
        .every(Call::Verify, Fault::AbsentCustomer);
    ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    let response = ca
        .response(
            &mut chromebook,
            "vpn-user",
            Scope::User,
            KeyAlgorithm::Ecdsa,
        )
        .await;
    ca.present(&response, "vpn-user", Some(ALICE))
        .await
        .is("wrong_customer");
    ca.check().await;
}

#[tokio::test]
async fn a_developer_mode_device_enrols_where_its_profile_admits_it_and_nowhere_else() {
    let ca = TestCa::start().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.emulator.directory().require_verified_mode(false);
    assert!(
        ca.emulator
            .directory()
            .set_boot_mode(chromebook.device_id(), BootMode::Developer)
    );
    let response = ca
        .response(
            &mut chromebook,
            "lab-device",
            Scope::Machine,
            KeyAlgorithm::Ecdsa,
        )
        .await;
    ca.present(&response, "lab-device", None).await.issued();
    let answer = ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa).await;
    answer.is("developer_mode");
    ca.check().await;
}

#[tokio::test]
async fn profiles_tell_an_extension_what_it_may_ask_for() {
    let ca = TestCa::start().await;
    let answer = ca.get("/v1/profiles").await;
    assert_eq!(answer.status, 200);
    let profiles = answer.json["profiles"].as_array().unwrap();
    let vpn = profiles
        .iter()
        .find(|profile| profile["name"] == "vpn-user")
        .unwrap();
    assert_eq!(vpn["scope"], "user");
    assert_eq!(vpn["key_algorithms"], json!(["ECDSA"]));
    ca.check().await;
}

#[tokio::test]
async fn many_devices_at_once_share_commits_and_nothing_else() {
    let ca = TestCa::start().await;
    let mut responses = Vec::new();
    for _ in 0..16 {
        let mut chromebook = ca.chromebook(ALICE).await;
        responses.push(
            ca.response(
                &mut chromebook,
                "wifi-device",
                Scope::Machine,
                KeyAlgorithm::Ecdsa,
            )
            .await,
        );
    }
    let answers = responses
        .iter()
        .map(|response| ca.present(response, "wifi-device", None));
    let mut serials = std::collections::HashSet::new();
    for answer in join_all(answers).await {
        assert!(serials.insert(answer.issued().serial().to_owned()));
    }
    ca.check().await;
}
