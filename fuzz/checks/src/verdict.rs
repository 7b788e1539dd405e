//! What must hold of every answer: a device comes out exactly where every rule is kept.

use std::sync::LazyLock;

use vaca::attestation::{SealedVerdict, UnverifiedAnswer, VerifiedDevice, judge};
use vaca::clock::Timestamp;
use vaca::csr;
use vaca::model::attempt::{Binding, Presented, ResponseDigest};
use vaca::model::challenge::ChallengeDigest;
use vaca::model::facts::KeyTrustLevel;
use vaca::model::identity::{ExpectedIdentity, VerifiedIdentity};
use vaca::model::profile::CertificateProfile;
use vaca::secrets::DeploymentKey;

use crate::expected::{CUSTOMER, domain, email, profile};
use crate::messages::VerifyChallengeResponseResult;
use crate::sha256;

/// Whom a case asks about, whether a customer id is needed, and the profile.
type Case = (ExpectedIdentity, bool, CertificateProfile);

static CASES: LazyLock<[Case; 3]> = LazyLock::new(|| {
    [
        (email(), false, profile("user", false)),
        (email(), true, profile("user", true)),
        (domain(), true, profile("machine", false)),
    ]
});

/// Judges `result` as an answer about the user and about the device.
///
/// # Panics
/// Where a rule is broken.
pub(crate) fn check(result: &VerifyChallengeResponseResult) {
    for (expected, needs_customer, profile) in CASES.iter() {
        let machine = matches!(expected, ExpectedIdentity::Domain(_));
        let verdict = judge(answer(result), expected, profile);
        assert_eq!(verdict.is_ok(), may_pass(result, machine, *needs_customer));
        match verdict {
            Ok(device) => {
                assert!(device.checks().iter().all(|check| check.passed));
                says_what_was_said(&device, result, expected);
                comes_back_from_the_database(&device, profile);
                if let Ok(key) = csr::prove(&device) {
                    assert_eq!(key.spki_sha256(), &sha256(key.spki_der()));
                }
            }
            Err(refusal) => {
                assert!(refusal.checks.iter().any(|check| !check.passed));
                let quoted = refusal
                    .checks
                    .iter()
                    .map(|check| check.seen.chars().count());
                assert!(quoted.max() <= Some(200), "a stranger's text, uncapped");
            }
        }
        let (other, _, _) = &CASES[usize::from(!machine) * 2];
        assert!(
            judge(answer(result), other, profile).is_err(),
            "asked about another"
        );
    }
}

/// What vaca is to take from `result`.
pub(crate) fn answer(result: &VerifyChallengeResponseResult) -> UnverifiedAnswer {
    let result = result.clone();
    UnverifiedAnswer {
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

fn level(number: i32) -> Option<KeyTrustLevel> {
    match number {
        0 => None,
        1 => Some(KeyTrustLevel::ChromeOsVerifiedMode),
        2 => Some(KeyTrustLevel::ChromeOsDeveloperMode),
        3 => Some(KeyTrustLevel::ChromeBrowserHwKey),
        4 => Some(KeyTrustLevel::ChromeBrowserOsKey),
        5 => Some(KeyTrustLevel::ChromeBrowserNoKey),
        6 => Some(KeyTrustLevel::ChromeOsNoKey),
        _ => Some(KeyTrustLevel::Unspecified),
    }
}

/// The rules, said again without looking at how they are kept.
fn may_pass(result: &VerifyChallengeResponseResult, machine: bool, needs_customer: bool) -> bool {
    let fits = |id: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        id.len() <= 64 && id.bytes().all(letter)
    };
    let of_a_browser = result.profile_key_trust_level != 0
        || !result.profile_customer_id.is_empty()
        || !result.virtual_profile_id.is_empty()
        || !result.profile_permanent_id.is_empty();
    let scope_fits = if machine {
        !result.device_permanent_id.is_empty()
    } else {
        result.device_permanent_id.is_empty() && result.device_enrollment_id.is_empty()
    };
    let customer_fits =
        result.customer_id == CUSTOMER || (!needs_customer && result.customer_id.is_empty());
    !of_a_browser
        && scope_fits
        && customer_fits
        && fits(&result.device_permanent_id)
        && fits(&result.virtual_device_id)
        && fits(&result.device_enrollment_id)
        && fits(&result.attested_device_id)
}

fn says_what_was_said(
    device: &VerifiedDevice,
    result: &VerifyChallengeResponseResult,
    expected: &ExpectedIdentity,
) {
    match (device.identity(), expected) {
        (VerifiedIdentity::User { email }, ExpectedIdentity::Email(asked)) => {
            assert_eq!(email, asked);
        }
        (
            VerifiedIdentity::Device {
                device_permanent_id,
                domain,
            },
            ExpectedIdentity::Domain(asked),
        ) => {
            assert_eq!(domain, asked);
            assert_eq!(device_permanent_id.as_str(), result.device_permanent_id);
        }
        _ => panic!("asked about the one, answered with the other"),
    }
    let said = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let customer = device.customer_id().map(|id| id.as_str().to_owned());
    assert_eq!(customer, said(&result.customer_id));
    for (id, text) in [
        (device.virtual_device_id(), &result.virtual_device_id),
        (device.device_enrollment_id(), &result.device_enrollment_id),
        (device.attested_device_id(), &result.attested_device_id),
    ] {
        assert_eq!(id.map(|id| id.as_str().to_owned()), said(text));
    }
    let level = level(result.key_trust_level).unwrap_or(KeyTrustLevel::Unspecified);
    assert_eq!(device.key_trust_level(), level);
    assert_eq!(
        device.unverified_spkac(),
        result.signed_public_key_and_challenge
    );
}

/// A stored verdict is the same verdict, and for its own attempt alone.
fn comes_back_from_the_database(device: &VerifiedDevice, profile: &CertificateProfile) {
    let key = DeploymentKey::new([7; 32]);
    let mut binding = Binding {
        presented: Presented {
            challenge: ChallengeDigest([1; 32]),
            response: ResponseDigest([2; 32]),
        },
        scope: profile.scope,
        profile: profile.name.clone(),
        profile_hash: profile.hash,
        unverified_email: None,
        at: Timestamp(1_800_000_000),
    };
    let sealed = device.seal(&binding, &key);
    let reopened = SealedVerdict::reopen(&sealed.json, &sealed.tag, &binding, &key);
    assert_eq!(reopened.as_ref(), Ok(device));
    binding.at = Timestamp(1_800_000_001);
    assert!(SealedVerdict::reopen(&sealed.json, &sealed.tag, &binding, &key).is_err());
}
