#![allow(clippy::unwrap_used, reason = "a test may fail")]

use super::*;
use crate::model::identity::Email;
use crate::model::profile::ProfileSettings;

fn profile(scope: &str, more: &str) -> CertificateProfile {
    let settings: ProfileSettings = toml::from_str(&format!(
        "name='p'\nscope='{scope}'\ndomains=['example.com']\ncustomer_id='C01ours'\nissuer='i'\n\
         allow='all_verified'\n{more}"
    ))
    .unwrap();
    CertificateProfile::try_from(settings).unwrap()
}

fn domain() -> ExpectedIdentity {
    ExpectedIdentity::Domain(Domain::parse("example.com").unwrap())
}

fn alice() -> ExpectedIdentity {
    ExpectedIdentity::Email(Email::parse("alice@example.com").unwrap())
}

fn machine() -> UnverifiedAnswer {
    UnverifiedAnswer {
        device_permanent_id: "dev-1".to_owned(),
        virtual_device_id: "virtual-1".to_owned(),
        customer_id: "C01ours".to_owned(),
        signed_public_key_and_challenge: "c3BrYWM=".to_owned(),
        key_trust_level: Some(KeyTrustLevel::ChromeOsVerifiedMode),
        attested_device_id: "attested-1".to_owned(),
        device_enrollment_id: "enrolled-1".to_owned(),
        ..UnverifiedAnswer::default()
    }
}

fn user() -> UnverifiedAnswer {
    UnverifiedAnswer {
        customer_id: "C01ours".to_owned(),
        signed_public_key_and_challenge: "c3BrYWM=".to_owned(),
        key_trust_level: Some(KeyTrustLevel::ChromeOsVerifiedMode),
        ..UnverifiedAnswer::default()
    }
}

fn judge_machine(answer: UnverifiedAnswer) -> Result<VerifiedDevice, VerdictRefusal> {
    judge(answer, &domain(), &profile("machine", ""))
}

fn judge_user(answer: UnverifiedAnswer) -> Result<VerifiedDevice, VerdictRefusal> {
    judge(answer, &alice(), &profile("user", ""))
}

type Change = fn(&mut UnverifiedAnswer);

/// Each wrong shape: what is changed in a right answer, the code, and the check that failed.
const PROFILE_FIELDS: &[Change] = &[
    |answer| answer.profile_customer_id = "C01ours".to_owned(),
    |answer| answer.virtual_profile_id = "profile-1".to_owned(),
    |answer| answer.profile_permanent_id = "profile-1".to_owned(),
    |answer| answer.profile_key_trust_level = Some(KeyTrustLevel::ChromeOsVerifiedMode),
    |answer| answer.profile_key_trust_level = Some(KeyTrustLevel::Unspecified),
];

const WRONG_MACHINES: &[(Change, ProblemCode, &str)] = &[
    (
        |answer| answer.device_permanent_id.clear(),
        ProblemCode::DeviceIdMissing,
        "device_permanent_id",
    ),
    (
        |answer| answer.customer_id.clear(),
        ProblemCode::WrongCustomer,
        "customer_id",
    ),
    (
        |answer| answer.customer_id = "C02other".to_owned(),
        ProblemCode::WrongCustomer,
        "customer_id",
    ),
    (
        |answer| answer.customer_id = "c01ours".to_owned(),
        ProblemCode::WrongCustomer,
        "customer_id",
    ),
    (
        |answer| answer.device_permanent_id = "dev/1".to_owned(),
        ProblemCode::IdentityNotCertifiable,
        "identifiers",
    ),
    (
        |answer| answer.device_permanent_id = "x".repeat(65),
        ProblemCode::IdentityNotCertifiable,
        "identifiers",
    ),
    (
        |answer| answer.virtual_device_id = "a b".to_owned(),
        ProblemCode::IdentityNotCertifiable,
        "identifiers",
    ),
    (
        |answer| answer.device_enrollment_id = "a\nb".to_owned(),
        ProblemCode::IdentityNotCertifiable,
        "identifiers",
    ),
    (
        |answer| answer.attested_device_id = "ä".to_owned(),
        ProblemCode::IdentityNotCertifiable,
        "identifiers",
    ),
];

const WRONG_USERS: &[(Change, ProblemCode, &str)] = &[
    (
        |answer| answer.device_permanent_id = "dev-1".to_owned(),
        ProblemCode::WrongKeyScope,
        "user_answer",
    ),
    (
        |answer| answer.device_enrollment_id = "enrolled-1".to_owned(),
        ProblemCode::WrongKeyScope,
        "user_answer",
    ),
    (
        |answer| answer.customer_id = "C02other".to_owned(),
        ProblemCode::WrongCustomer,
        "customer_id",
    ),
    (
        |answer| answer.virtual_device_id = "*".to_owned(),
        ProblemCode::IdentityNotCertifiable,
        "identifiers",
    ),
];

fn assert_refused(
    judged: Result<VerifiedDevice, VerdictRefusal>,
    code: ProblemCode,
    failed: &[&str],
) {
    let refusal = judged.unwrap_err();
    assert_eq!(refusal.code, code);
    let names: Vec<_> = refusal
        .checks
        .iter()
        .filter(|check| !check.passed)
        .map(|check| check.name.as_str())
        .collect();
    assert_eq!(names, failed);
    assert_eq!(refusal.checks.len(), 5, "every check runs");
    for check in &refusal.checks {
        assert_eq!(check.remedy.is_empty(), check.passed, "{check:?}");
        assert!(!check.expected.is_empty() && !check.seen.is_empty());
    }
}

#[test]
fn a_right_machine_answer_names_the_device() {
    let device = judge_machine(machine()).unwrap();
    assert_eq!(device.identity().key(), "device:dev-1");
    assert_eq!(device.customer_id().unwrap().as_str(), "C01ours");
    assert_eq!(device.virtual_device_id().unwrap().as_str(), "virtual-1");
    assert_eq!(device.attested_device_id().unwrap().as_str(), "attested-1");
    let enrollment_id = device.device_enrollment_id().unwrap();
    assert_eq!(enrollment_id.as_str(), "enrolled-1");
    assert_eq!(device.unverified_spkac(), "c3BrYWM=");
    assert!(device.checks().iter().all(|check| check.passed));
}

#[test]
fn a_right_user_answer_names_the_expected_email() {
    let device = judge_user(user()).unwrap();
    assert_eq!(device.identity().key(), "user:alice@example.com");
    assert!(device.checks().iter().all(|check| check.passed));
}

#[test]
fn every_wrong_machine_answer_is_refused() {
    for (change, code, failed) in WRONG_MACHINES {
        let mut answer = machine();
        change(&mut answer);
        assert_refused(judge_machine(answer), *code, &[failed]);
    }
}

#[test]
fn every_wrong_user_answer_is_refused() {
    for (change, code, failed) in WRONG_USERS {
        let mut answer = user();
        change(&mut answer);
        assert_refused(judge_user(answer), *code, &[failed]);
    }
}

#[test]
fn a_field_of_a_browser_profile_refuses_both_kinds() {
    for change in PROFILE_FIELDS {
        let (mut of_machine, mut of_user) = (machine(), user());
        change(&mut of_machine);
        change(&mut of_user);
        let code = ProblemCode::NotAChromeosDevice;
        assert_refused(judge_machine(of_machine), code, &["chromeos_device"]);
        assert_refused(judge_user(of_user), code, &["chromeos_device"]);
    }
}

#[test]
fn a_profile_on_an_unmanaged_browser_is_named_for_what_it_is() {
    let answer = UnverifiedAnswer {
        profile_customer_id: "C01ours".to_owned(),
        virtual_profile_id: "profile-1".to_owned(),
        profile_permanent_id: "profile-2".to_owned(),
        profile_key_trust_level: Some(KeyTrustLevel::ChromeBrowserHwKey),
        ..UnverifiedAnswer::default()
    };
    let code = ProblemCode::NotAChromeosDevice;
    let failed = ["chromeos_device", "device_permanent_id", "customer_id"];
    assert_refused(judge_machine(answer.clone()), code, &failed);
    assert_refused(judge_user(answer), code, &["chromeos_device"]);
}

#[test]
fn a_machine_answer_is_no_user_answer_nor_the_reverse() {
    let code = ProblemCode::WrongKeyScope;
    assert_refused(judge_user(machine()), code, &["user_answer"]);
    let code = ProblemCode::DeviceIdMissing;
    assert_refused(judge_machine(user()), code, &["device_permanent_id"]);
}

#[test]
fn an_absent_customer_of_a_user_is_accepted_and_recorded_unless_the_profile_objects() {
    let mut answer = user();
    answer.customer_id.clear();
    let device = judge_user(answer.clone()).unwrap();
    assert!(device.customer_id().is_none());
    let recorded = device.checks().iter().find(|c| c.name == "customer_id");
    assert_eq!(recorded.unwrap().seen, "absent");
    let strict = profile("user", "require_customer_id=true");
    assert_refused(
        judge(answer, &alice(), &strict),
        ProblemCode::WrongCustomer,
        &["customer_id"],
    );
}

#[test]
fn what_was_asked_belongs_to_the_profile() {
    let other = ExpectedIdentity::Email(Email::parse("alice@example.org").unwrap());
    let code = ProblemCode::WrongKeyScope;
    let judged = judge(user(), &other, &profile("user", ""));
    assert_refused(judged, code, &["expected_identity"]);
    let judged = judge(user(), &alice(), &profile("machine", ""));
    assert_refused(judged, code, &["expected_identity"]);
    let other = ExpectedIdentity::Domain(Domain::parse("example.org").unwrap());
    let judged = judge(machine(), &other, &profile("machine", ""));
    assert_refused(judged, code, &["expected_identity"]);
}

#[test]
fn trust_level_and_request_are_left_to_others_and_text_is_capped() {
    let mut answer = machine();
    answer.key_trust_level = None;
    answer.signed_public_key_and_challenge.clear();
    let device = judge_machine(answer.clone()).unwrap();
    assert_eq!(device.key_trust_level(), KeyTrustLevel::Unspecified);
    assert_eq!(device.unverified_spkac(), "");
    answer.customer_id = "x".repeat(10_000);
    let refusal = judge_machine(answer).unwrap_err();
    let check = refusal.checks.iter().find(|c| c.name == "customer_id");
    assert_eq!(check.unwrap().seen.len(), QUOTE_MAX);
}
