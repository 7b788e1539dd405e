//! Misbehaviour on command.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tonic::Code;
use vaca_emulator::faults::Field;
use vaca_emulator::protocol::{KeyTrustLevel, VerifyChallengeResponseResult};
use vaca_emulator::{Call, ChallengeKeyError, Fault, KeyAlgorithm, Scope, spkac};

use crate::support::{ALICE, TestBed};

const ECDSA: Option<KeyAlgorithm> = Some(KeyAlgorithm::Ecdsa);

struct Answers {
    bed: TestBed,
    user: Vec<u8>,
    machine: Vec<u8>,
}

impl Answers {
    async fn start() -> Self {
        let bed = TestBed::start().await;
        let mut chromebook = bed.chromebook().await;
        let challenge = bed.caller.generate().await.unwrap();
        let user = chromebook
            .challenge_key(&challenge, Scope::User, ECDSA)
            .await
            .unwrap();
        let machine = chromebook
            .challenge_key(&challenge, Scope::Machine, ECDSA)
            .await
            .unwrap();
        Self { bed, user, machine }
    }

    async fn user(&self, fault: Fault) -> VerifyChallengeResponseResult {
        self.bed.emulator.faults().next(Call::Verify, fault);
        self.bed.caller.verify(&self.user, ALICE).await.unwrap()
    }

    async fn machine(&self, fault: Fault) -> VerifyChallengeResponseResult {
        self.bed.emulator.faults().next(Call::Verify, fault);
        self.bed
            .caller
            .verify(&self.machine, "example.com")
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn statuses_come_once_in_order_or_until_cleared() {
    let answers = Answers::start().await;
    let (faults, caller) = (answers.bed.emulator.faults(), &answers.bed.caller);
    for code in ["401", "PERMISSION_DENIED", "429", "INTERNAL"] {
        faults.next(Call::Verify, Fault::status(code));
    }
    faults.next_calls(Call::Verify, 2, Fault::Down);
    for expected in [
        Code::Unauthenticated,
        Code::PermissionDenied,
        Code::ResourceExhausted,
        Code::Internal,
        Code::Unavailable,
        Code::Unavailable,
    ] {
        caller.generate().await.unwrap();
        let refused = caller.verify(&answers.user, ALICE).await.unwrap_err();
        assert_eq!(refused.code(), expected);
    }
    caller.verify(&answers.user, ALICE).await.unwrap();

    faults.every(Call::Verify, Fault::DeveloperMode);
    faults.next(
        Call::Verify,
        [Fault::Slow { milliseconds: 1 }, Fault::AbsentCustomer],
    );
    let both = caller.verify(&answers.user, ALICE).await.unwrap();
    assert_eq!(both.key_trust_level(), KeyTrustLevel::ChromeOsDeveloperMode);
    assert_eq!(both.customer_id, "");
    let standing = caller.verify(&answers.user, ALICE).await.unwrap();
    assert_eq!(
        standing.key_trust_level(),
        KeyTrustLevel::ChromeOsDeveloperMode
    );
    assert_eq!(standing.customer_id, "C01example");
    faults.clear();
    let good = caller.verify(&answers.user, ALICE).await.unwrap();
    assert_eq!(good.key_trust_level(), KeyTrustLevel::ChromeOsVerifiedMode);
}

#[tokio::test]
async fn answers_lie() {
    let answers = Answers::start().await;
    answers
        .bed
        .emulator
        .faults()
        .next(Call::Verify, Fault::IdentityUnchecked);
    answers
        .bed
        .caller
        .verify(&answers.user, "bob@example.com")
        .await
        .unwrap();

    assert_eq!(
        answers
            .machine(Fault::AbsentDeviceId)
            .await
            .device_permanent_id,
        ""
    );
    assert_eq!(answers.machine(Fault::AbsentCustomer).await.customer_id, "");
    assert_eq!(
        answers.machine(Fault::OtherCustomer).await.customer_id,
        "C0stranger"
    );
    assert_eq!(
        answers.user(Fault::OtherCustomer).await.customer_id,
        "C0stranger"
    );
    assert_ne!(
        answers
            .user(Fault::UserWithDeviceId)
            .await
            .device_permanent_id,
        ""
    );
    assert_ne!(
        answers
            .user(Fault::UserWithEnrollmentId)
            .await
            .device_enrollment_id,
        ""
    );
    let with_profile = answers.user(Fault::WithProfile).await;
    assert_ne!(with_profile.profile_customer_id, "");
    assert_ne!(with_profile.signed_public_key_and_challenge, "");
    let level = answers
        .user(Fault::KeyTrustLevel("CHROME_OS_NO_KEY".to_owned()))
        .await;
    assert_eq!(level.key_trust_level(), KeyTrustLevel::ChromeOsNoKey);
    let level = answers.user(Fault::KeyTrustLevel("99".to_owned())).await;
    assert_eq!(level.key_trust_level, 99);

    let profile = answers.user(Fault::ProfileAnswer).await;
    assert_eq!(
        profile.profile_key_trust_level(),
        KeyTrustLevel::ChromeBrowserHwKey
    );
    assert_eq!(profile.key_trust_level(), KeyTrustLevel::Unspecified);
    assert_eq!(profile.customer_id, "");

    let limited = answers.machine(Fault::LimitedAccess).await;
    assert_eq!(limited.signed_public_key_and_challenge, "");
    assert_eq!(limited.device_permanent_id, "");
    let set = Fault::Set {
        field: Field::AttestedDeviceId,
        value: "adid".to_owned(),
    };
    assert_eq!(answers.machine(set).await.attested_device_id, "adid");
}

#[tokio::test]
async fn the_certificate_request_is_replaced_or_tampered_with() {
    let answers = Answers::start().await;
    let replaced = answers.user(Fault::Spkac(b"request".to_vec())).await;
    let request = STANDARD
        .decode(replaced.signed_public_key_and_challenge)
        .unwrap();
    assert_eq!(request, b"request");
    let tampered = answers.user(Fault::Tampered).await;
    let request = STANDARD
        .decode(tampered.signed_public_key_and_challenge)
        .unwrap();
    spkac::verify(&request).unwrap_err();
}

#[tokio::test]
async fn stale_tampered_and_skewed_challenges() {
    let bed = TestBed::start().await;
    let mut chromebook = bed.chromebook().await;
    let faults = bed.emulator.faults();
    let skew = |milliseconds| Fault::ClockSkew { milliseconds };
    for (fault, accepted) in [
        (Fault::Stale, false),
        (skew(-60_000), true),
        (skew(-60_001), false),
        (skew(60_000), true),
        (skew(120_000), false),
    ] {
        faults.next(Call::Generate, fault.clone());
        let challenge = bed.caller.generate().await.unwrap();
        let response = chromebook
            .challenge_key(&challenge, Scope::User, ECDSA)
            .await
            .unwrap();
        let verdict = bed.caller.verify(&response, ALICE).await;
        assert_eq!(verdict.is_ok(), accepted, "{fault:?}");
    }
    faults.next(Call::Generate, Fault::Tampered);
    let challenge = bed.caller.generate().await.unwrap();
    let refused = chromebook
        .challenge_key(&challenge, Scope::User, ECDSA)
        .await;
    assert_eq!(refused, Err(ChallengeKeyError::SignChallengeFailed));

    let challenge = bed.caller.generate().await.unwrap();
    let response = chromebook
        .challenge_key(&challenge, Scope::User, ECDSA)
        .await
        .unwrap();
    faults.next(Call::Verify, Fault::Stale);
    let refused = bed.caller.verify(&response, ALICE).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    bed.caller.verify(&response, ALICE).await.unwrap();
}

#[tokio::test]
async fn other_numbers_in_requests_and_results() {
    let answers = Answers::start().await;
    let (faults, caller) = (answers.bed.emulator.faults(), &answers.bed.caller);

    // Permanent id and virtual id change places; the request for a certificate is unheard of.
    let swapped = answers
        .machine(Fault::ResultNumbers([(1, 2), (2, 1), (4, 40)].into()))
        .await;
    let usual = caller
        .verify(&answers.machine, "example.com")
        .await
        .unwrap();
    assert_eq!(swapped.device_permanent_id, usual.virtual_device_id);
    assert_eq!(swapped.virtual_device_id, usual.device_permanent_id);
    assert_eq!(swapped.signed_public_key_and_challenge, "");
    assert_ne!(usual.signed_public_key_and_challenge, "");

    // The expected identity is number 3 in truth: what callers send as 2 is ignored.
    faults.next(Call::Verify, Fault::RequestNumbers([(2, 3)].into()));
    caller
        .verify(&answers.user, "bob@example.com")
        .await
        .unwrap();
    // The response is number 7 in truth: what callers send as 1 is missing.
    faults.next(Call::Verify, Fault::RequestNumbers([(1, 7)].into()));
    let refused = caller.verify(&answers.user, ALICE).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);

    faults.next(Call::Generate, Fault::ResultNumbers([(1, 2)].into()));
    assert_eq!(caller.generate().await.unwrap(), b"");
    // Refusals have no message to renumber, and stay what they are.
    faults.next(Call::Verify, Fault::ResultNumbers([(1, 2)].into()));
    let refused = caller
        .verify(&answers.user, "bob@example.com")
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn malformed_results_do_not_decode() {
    let answers = Answers::start().await;
    let faults = answers.bed.emulator.faults();
    faults.next(Call::Verify, Fault::Malformed);
    let broken = answers
        .bed
        .caller
        .verify(&answers.user, ALICE)
        .await
        .unwrap_err();
    assert_eq!(broken.code(), Code::Internal);
    faults.next(Call::Generate, Fault::Malformed);
    answers.bed.caller.generate().await.unwrap_err();
    assert_eq!(answers.bed.emulator.calls().verify, 1);
}
