//! Which transport is believed: REST until gRPC has proven to mean the same, field by field.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use vaca_emulator::faults::Field;
use vaca_emulator::{Call, Fault, KeyAlgorithm, Scope, Transport, VirtualChromebook};

use crate::support::{ALICE, Answer, TestCa};

const ECDSA: KeyAlgorithm = KeyAlgorithm::Ecdsa;
const DAY: i64 = 24 * 60 * 60;

async fn start(transport: &str) -> TestCa {
    let setting = format!("transport = \"{transport}\"");
    TestCa::start_with(
        |configuration| configuration.replace("transport = \"rest\"", &setting),
        |options| options,
    )
    .await
}

/// How often verify was asked over gRPC and over REST.
fn asked(ca: &TestCa) -> (u64, u64) {
    let over = |transport| ca.emulator.calls_over(transport).verify;
    (over(Transport::Grpc), over(Transport::Rest))
}

/// What readiness says of Verified Access: whether it is ready, and why.
async fn readiness(ca: &TestCa) -> (bool, String) {
    let report = ca.get("/readyz").await;
    let checks = report.json["checks"].as_array().unwrap();
    let check = checks
        .iter()
        .find(|check| check["name"] == "verified_access")
        .unwrap();
    let passed = check["passed"].as_bool().unwrap();
    (passed, check["detail"].as_str().unwrap().to_owned())
}

/// Waits until readiness says `text`: comparisons end after the answer that they stand beside.
async fn settled(ca: &TestCa, text: &str) {
    let mut seen = String::new();
    for _ in 0..500 {
        seen = readiness(ca).await.1;
        if seen.contains(text) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no \"{text}\" in \"{seen}\"");
}

async fn user(ca: &TestCa) -> Answer {
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_user(&mut chromebook, ECDSA).await
}

async fn device(ca: &TestCa) -> Answer {
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_device(&mut chromebook, ECDSA).await
}

/// Somebody else presents a response of their own in Alice's name.
async fn mallory(ca: &TestCa) -> Answer {
    let mut chromebook = ca.chromebook("mallory@example.com").await;
    let response = ca
        .response(&mut chromebook, "wifi-user", Scope::User, ECDSA)
        .await;
    ca.present(&response, "wifi-user", Some(ALICE)).await
}

async fn names(ca: &TestCa) -> Vec<String> {
    ca.rows("SELECT identity FROM certificates WHERE kind = 'client' ORDER BY identity")
        .await
}

/// The certificate is about this device, whatever the numbers were.
async fn is_about(ca: &TestCa, answer: &Answer, chromebook: &VirtualChromebook) {
    answer.issued();
    let expected = format!("device:{}", chromebook.device_permanent_id());
    assert!(names(ca).await.contains(&expected));
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_no_refusal() {
    for transport in ["grpc", "rest"] {
        let ca = start(transport).await;
        let mut chromebook = ca.chromebook(ALICE).await;
        let response = ca
            .response(&mut chromebook, "wifi-user", Scope::User, ECDSA)
            .await;
        let bulky = Fault::Spkac(vec![0; 300 * 1024]);
        ca.emulator.faults().every(Call::Verify, bulky);
        let answer = ca.present(&response, "wifi-user", Some(ALICE)).await;
        answer.is("verified_access_unavailable");
        ca.emulator.faults().clear();
        let again = ca.present(&response, "wifi-user", Some(ALICE)).await;
        assert_eq!(again.issued().attempt(), answer.attempt(), "{transport}");
        ca.check().await;
    }
}

#[tokio::test]
async fn rest_decides_until_grpc_has_proven_to_agree_and_grpc_alone_for_a_day() {
    let ca = start("auto").await;
    user(&ca).await.issued();
    settled(&ca, "user over grpc;").await;
    // The comparison, the wrong identity, and the right one again after it.
    assert_eq!(asked(&ca), (3, 1));
    user(&ca).await.issued();
    assert_eq!(asked(&ca), (4, 1), "gRPC alone");

    // A machine's answers have a proof of their own.
    let (ready, detail) = readiness(&ca).await;
    assert!(
        ready && detail.contains("machine over rest (not proven over grpc"),
        "{detail}"
    );
    device(&ca).await.issued();
    settled(&ca, "machine over grpc;").await;
    assert_eq!(asked(&ca), (7, 2));
    device(&ca).await.issued();
    user(&ca).await.issued();
    assert_eq!(asked(&ca), (9, 2));
    settled(&ca, "challenges over grpc").await;

    ca.clock.advance(DAY);
    settled(&ca, "user over rest (not proven over grpc").await;
    user(&ca).await.issued();
    settled(&ca, "user over grpc;").await;
    assert_eq!(asked(&ca), (12, 3));
    ca.check().await;
}

#[tokio::test]
async fn refusals_are_refusals_over_either_transport() {
    let ca = start("auto").await;
    mallory(&ca).await.is("challenge_response_refused");
    user(&ca).await.issued();
    settled(&ca, "user over grpc;").await;
    let before = asked(&ca);
    mallory(&ca).await.is("challenge_response_refused");
    assert_eq!(asked(&ca), (before.0 + 1, before.1), "gRPC alone");
    assert_eq!(names(&ca).await, [format!("user:{ALICE}")]);
    ca.check().await;
}

#[tokio::test]
async fn other_result_numbers_switch_to_rest_and_certificates_stay_right() {
    // Google's numbers are not ours: three identifiers go round, or the key level stands elsewhere.
    for numbers in [
        BTreeMap::from([(1, 2), (2, 12), (12, 1)]),
        BTreeMap::from([(7, 10), (10, 7)]),
        BTreeMap::from([(4, 14), (3, 15)]),
        BTreeMap::from([(3, 7), (7, 3)]),
    ] {
        let ca = start("auto").await;
        ca.emulator
            .faults()
            .every(Call::Verify, Fault::ResultNumbers(numbers));
        let mut chromebook = ca.chromebook(ALICE).await;
        let answer = ca.enroll_device(&mut chromebook, ECDSA).await;
        is_about(&ca, &answer, &chromebook).await;
        settled(&ca, "machine over rest (gRPC").await;
        let (ready, detail) = readiness(&ca).await;
        assert!(ready, "{detail}");
        assert!(
            !detail.contains(chromebook.device_permanent_id()),
            "{detail}"
        );
        assert_eq!(asked(&ca), (1, 1));

        // For a day gRPC is not asked about devices; about users it finds out for itself.
        let mut chromebook = ca.chromebook(ALICE).await;
        let answer = ca.enroll_device(&mut chromebook, ECDSA).await;
        is_about(&ca, &answer, &chromebook).await;
        assert_eq!(asked(&ca), (1, 2));
        user(&ca).await.issued();
        ca.check().await;
    }
}

#[tokio::test]
async fn numbers_that_change_while_grpc_answers_alone_are_found_by_what_is_not_proven() {
    let ca = start("auto").await;
    device(&ca).await.issued();
    settled(&ca, "machine over grpc;").await;
    // The enrollment id now stands where nothing of it was proven.
    let moved = Fault::ResultNumbers(BTreeMap::from([(12, 11)]));
    ca.emulator.faults().every(Call::Verify, moved);
    let before = asked(&ca);
    let mut chromebook = ca.chromebook(ALICE).await;
    let answer = ca.enroll_device(&mut chromebook, ECDSA).await;
    is_about(&ca, &answer, &chromebook).await;
    assert_eq!(
        asked(&ca),
        (before.0 + 1, before.1 + 1),
        "both, one after the other"
    );
    let (_, detail) = readiness(&ca).await;
    assert!(
        detail.contains("gRPC and REST differ in attested_device_id, device_enrollment_id"),
        "{detail}"
    );
    ca.check().await;
}

#[tokio::test]
async fn an_identity_that_grpc_passes_over_gives_nobody_anothers_name() {
    let ignored = Fault::RequestNumbers(BTreeMap::from([(2, 12)]));
    // The thief comes first, or second, or twice.
    for honest_first in [true, false] {
        let ca = start("auto").await;
        ca.emulator.faults().every(Call::Verify, ignored.clone());
        if honest_first {
            user(&ca).await.issued();
            settled(&ca, "gRPC accepts a wrong expected_identity").await;
        }
        mallory(&ca).await.is("challenge_response_refused");
        if !honest_first {
            settled(&ca, "gRPC accepts what REST refuses").await;
        }
        mallory(&ca).await.is("challenge_response_refused");
        user(&ca).await.issued();
        let (ready, detail) = readiness(&ca).await;
        assert!(
            ready && detail.contains("user over rest (gRPC accepts"),
            "{detail}"
        );
        assert!(
            names(&ca)
                .await
                .iter()
                .all(|name| *name == format!("user:{ALICE}"))
        );
        ca.check().await;
    }
    // Where gRPC alone may answer, nobody is answered.
    let ca = start("grpc").await;
    ca.emulator.faults().every(Call::Verify, ignored);
    mallory(&ca).await.is("verified_access_misconfigured");
    user(&ca).await.is("verified_access_misconfigured");
    assert_eq!(asked(&ca), (1, 0), "the wrong identity, once");
    let (ready, detail) = readiness(&ca).await;
    assert!(!ready && detail.contains("nobody is answered"), "{detail}");
    assert_eq!(names(&ca).await, [] as [&str; 0]);
    ca.check().await;
}

#[tokio::test]
async fn grpc_alone_asks_about_a_wrong_identity_before_it_believes() {
    let ca = start("grpc").await;
    user(&ca).await.issued();
    assert_eq!(asked(&ca), (2, 0));
    user(&ca).await.issued();
    assert_eq!(asked(&ca), (3, 0));
    device(&ca).await.issued();
    assert_eq!(asked(&ca), (5, 0), "each scope for itself");
    mallory(&ca).await.is("challenge_response_refused");
    assert_eq!(ca.emulator.calls_over(Transport::Rest).generate, 0);
    ca.check().await;
}

#[tokio::test]
async fn a_sparse_answer_proves_only_what_it_holds() {
    let ca = start("auto").await;
    let faults = ca.emulator.faults();
    let without = |field| Fault::Set {
        field,
        value: String::new(),
    };
    faults.every(
        Call::Verify,
        [Fault::AbsentCustomer, without(Field::VirtualDeviceId)],
    );
    user(&ca).await.issued();
    settled(&ca, "user over rest (not proven over grpc: customer_id)").await;
    // Now the customer, which is required: REST again, and it is proven.
    faults.clear();
    faults.every(Call::Verify, without(Field::VirtualDeviceId));
    let before = asked(&ca);
    user(&ca).await.issued();
    settled(&ca, "user over grpc;").await;
    assert_eq!(asked(&ca), (before.0 + 1, before.1 + 1));
    // Now an identifier that was never there: gRPC is asked first, and REST about it.
    faults.clear();
    user(&ca).await.issued();
    assert_eq!(asked(&ca), (before.0 + 2, before.1 + 2));
    user(&ca).await.issued();
    assert_eq!(asked(&ca), (before.0 + 3, before.1 + 2), "now it is proven");
    // Another customer, over both; and no customer at all, which is now known to be absence.
    faults.every(Call::Verify, Fault::OtherCustomer);
    user(&ca).await.is("wrong_customer");
    ca.check().await;
}

#[tokio::test]
async fn each_level_is_proven_for_itself() {
    // Proven for verified mode, gRPC says another level by a number that means a third one.
    let ca = start("auto").await;
    device(&ca).await.issued();
    settled(&ca, "machine over grpc;").await;
    let faults = ca.emulator.faults();
    let level = |name: &str| Fault::KeyTrustLevel(name.to_owned());
    faults.every_over(
        Transport::Rest,
        Call::Verify,
        level("CHROME_OS_DEVELOPER_MODE"),
    );
    faults.every_over(Transport::Grpc, Call::Verify, level("CHROME_OS_NO_KEY"));
    let before = asked(&ca);
    device(&ca).await.is("developer_mode");
    assert_eq!(
        asked(&ca),
        (before.0 + 1, before.1 + 1),
        "the level was not proven"
    );
    let (_, detail) = readiness(&ca).await;
    assert!(
        detail.contains("machine over rest (gRPC and REST differ in key_trust_level)"),
        "{detail}"
    );
    ca.check().await;
}

#[tokio::test]
async fn swapped_levels_are_found_by_the_first_answer() {
    let ca = start("auto").await;
    ca.emulator
        .faults()
        .every_over(Transport::Rest, Call::Verify, Fault::DeveloperMode);
    user(&ca).await.is("developer_mode");
    settled(
        &ca,
        "user over rest (gRPC and REST differ in key_trust_level)",
    )
    .await;
    user(&ca).await.is("developer_mode");
    assert_eq!(names(&ca).await, [] as [&str; 0]);
    ca.check().await;
}

#[tokio::test]
async fn while_rest_is_down_an_unproven_grpc_answers_nothing() {
    let ca = start("auto").await;
    let faults = ca.emulator.faults();
    faults.every_over(Transport::Rest, Call::Verify, Fault::Down);
    user(&ca).await.is("verified_access_unavailable");
    faults.clear();
    user(&ca).await.issued();
    settled(&ca, "user over grpc;").await;
    // Proven, gRPC needs no REST; a scope that is not proven does.
    faults.every_over(Transport::Rest, Call::Verify, Fault::Down);
    user(&ca).await.issued();
    device(&ca).await.is("verified_access_unavailable");
    // Nor does an answer that holds what is not proven.
    faults.every(Call::Verify, Fault::WithProfile);
    user(&ca).await.is("verified_access_unavailable");
    ca.check().await;
}

#[tokio::test]
async fn while_grpc_is_down_or_broken_rest_answers_and_status_says_so() {
    let ca = start("auto").await;
    let faults = ca.emulator.faults();
    faults.every_over(Transport::Grpc, Call::Verify, Fault::Down);
    faults.every_over(Transport::Grpc, Call::Generate, Fault::Down);
    user(&ca).await.issued();
    settled(&ca, "user over rest (grpc fails: UNAVAILABLE)").await;
    assert!(readiness(&ca).await.0, "the service stays up");
    let before = asked(&ca);
    user(&ca).await.issued();
    assert_eq!(
        asked(&ca),
        (before.0, before.1 + 1),
        "gRPC is left alone for a while"
    );

    faults.clear();
    ca.clock.advance(61);
    user(&ca).await.issued();
    settled(&ca, "user over grpc;").await;
    settled(&ca, "challenges over grpc").await;
    // Down again, when it would answer alone.
    faults.every_over(Transport::Grpc, Call::Verify, Fault::Down);
    faults.every_over(Transport::Grpc, Call::Generate, Fault::Down);
    user(&ca).await.issued();
    let (ready, detail) = readiness(&ca).await;
    assert!(ready && detail.contains("grpc fails"), "{detail}");
    faults.clear();
    ca.clock.advance(31);
    let before = asked(&ca);
    user(&ca).await.issued();
    assert_eq!(
        asked(&ca),
        (before.0 + 1, before.1),
        "the proof still stands"
    );

    // Silent: it is not waited for as long as the challenge lives.
    let silence = Fault::Slow {
        milliseconds: 60_000,
    };
    faults.every_over(Transport::Grpc, Call::Verify, silence);
    user(&ca).await.issued();
    let (_, detail) = readiness(&ca).await;
    assert!(
        detail.contains("user over rest (grpc fails: DEADLINE_EXCEEDED)"),
        "{detail}"
    );
    faults.clear();

    // Broken: its answers are no protobuf.
    ca.clock.advance(DAY);
    faults.every_over(Transport::Grpc, Call::Verify, Fault::Malformed);
    user(&ca).await.issued();
    settled(&ca, "gRPC's answer cannot be read").await;
    ca.check().await;
}

#[tokio::test]
async fn a_probe_that_is_not_refused_clearly_is_tried_again_later() {
    let ca = start("auto").await;
    // The comparison passes; the wrong identity gets a permission denied.
    ca.emulator
        .faults()
        .add(rule(1, vec![Fault::Slow { milliseconds: 1 }]));
    ca.emulator
        .faults()
        .add(rule(1, vec![Fault::status("PERMISSION_DENIED")]));
    user(&ca).await.issued();
    settled(&ca, "a wrong identity got PERMISSION_DENIED").await;
    assert_eq!(asked(&ca), (2, 1));
    user(&ca).await.issued();
    assert_eq!(asked(&ca), (2, 2), "not with each request");
    ca.clock.advance(61);
    user(&ca).await.issued();
    settled(&ca, "user over grpc;").await;
    assert_eq!(asked(&ca), (5, 3));
    ca.check().await;
}

fn rule(times: u32, faults: Vec<Fault>) -> vaca_emulator::faults::Rule {
    vaca_emulator::faults::Rule {
        call: Call::Verify,
        transport: Some(Transport::Grpc),
        faults,
        times: Some(times),
    }
}

#[tokio::test]
async fn over_tls_both_transports_are_held_to_the_same_root() {
    let ca = TestCa::start_with(
        |configuration| {
            configuration.replace(
                "transport = \"rest\"",
                "transport = \"auto\"\nroot_certificate_file = \"va-root.pem\"",
            )
        },
        |options| vaca_emulator::Options {
            tls: true,
            ..options
        },
    )
    .await;
    user(&ca).await.issued();
    settled(&ca, "user over grpc;").await;
    user(&ca).await.issued();
    assert_eq!(asked(&ca), (4, 1));
    let status: Value = ca.get("/readyz").await.json;
    assert!(status.to_string().contains("trust replaced"));
    ca.check().await;
}
