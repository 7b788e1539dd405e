#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use super::*;
use crate::clock::Timestamp;
use crate::model::attempt::ResponseDigest;
use crate::model::challenge::ChallengeDigest;
use crate::model::identity::KeyScope;
use crate::model::profile::ProfileHash;

fn key() -> DeploymentKey {
    DeploymentKey::new([7; 32])
}

fn binding() -> Binding {
    Binding {
        presented: Presented {
            challenge: ChallengeDigest([1; 32]),
            response: ResponseDigest([2; 32]),
        },
        scope: KeyScope::User,
        profile: "wifi-user".to_owned(),
        profile_hash: ProfileHash([3; 32]),
        unverified_email: Some(Email::parse("alice@example.com").unwrap()),
        at: Timestamp(1_700_000_000),
    }
}

fn device() -> VerifiedDevice {
    VerifiedDevice {
        identity: VerifiedIdentity::User {
            email: Email::parse("alice@example.com").unwrap(),
        },
        customer_id: Some(CustomerId::parse("C01ours").unwrap()),
        virtual_device_id: Some(DeviceId::parse("virtual-1").unwrap()),
        device_enrollment_id: None,
        attested_device_id: None,
        key_trust_level: KeyTrustLevel::ChromeOsVerifiedMode,
        unverified_spkac: "c3BrYWM=".to_owned(),
        checks: vec![Check::new("customer_id", "C01ours", "C01ours", true, "")],
    }
}

fn machine() -> VerifiedDevice {
    VerifiedDevice {
        identity: VerifiedIdentity::Device {
            device_permanent_id: DeviceId::parse("dev-1").unwrap(),
            domain: Domain::parse("example.com").unwrap(),
        },
        device_enrollment_id: Some(DeviceId::parse("enrolled-1").unwrap()),
        attested_device_id: Some(DeviceId::parse("attested-1").unwrap()),
        ..device()
    }
}

fn reopen(sealed: &SealedVerdict, binding: &Binding) -> Result<VerifiedDevice, ForgedVerdict> {
    SealedVerdict::reopen(&sealed.json, &sealed.tag, binding, &key())
}

#[test]
fn what_was_sealed_is_what_is_reopened() {
    for device in [device(), machine()] {
        let sealed = device.seal(&binding(), &key());
        assert_eq!(reopen(&sealed, &binding()).unwrap(), device);
    }
}

#[test]
fn any_changed_octet_of_text_or_tag_is_refused() {
    let sealed = device().seal(&binding(), &key());
    for at in 0..sealed.json.len() {
        let mut changed = sealed.json.clone().into_bytes();
        changed[at] ^= 1;
        let Ok(json) = String::from_utf8(changed) else {
            continue;
        };
        let forged = SealedVerdict {
            json,
            tag: sealed.tag,
        };
        assert_eq!(
            reopen(&forged, &binding()),
            Err(ForgedVerdict::Tag),
            "octet {at}"
        );
    }
    for at in 0..sealed.tag.len() {
        let mut forged = sealed.clone();
        forged.tag[at] ^= 1;
        assert_eq!(
            reopen(&forged, &binding()),
            Err(ForgedVerdict::Tag),
            "octet {at}"
        );
    }
    for tag in [&[][..], &sealed.tag[..31]] {
        let reopened = SealedVerdict::reopen(&sealed.json, tag, &binding(), &key());
        assert_eq!(reopened, Err(ForgedVerdict::Tag));
    }
    let other_key = DeploymentKey::new([8; 32]);
    let reopened = SealedVerdict::reopen(&sealed.json, &sealed.tag, &binding(), &other_key);
    assert_eq!(reopened, Err(ForgedVerdict::Tag));
}

#[test]
fn a_verdict_cannot_be_moved_to_another_attempt() {
    let sealed = device().seal(&binding(), &key());
    let others: [fn(&mut Binding); 11] = [
        |other| other.presented.challenge.0[31] ^= 1,
        |other| other.presented.response.0[0] ^= 1,
        |other| other.scope = KeyScope::Machine,
        |other| other.profile = "wifi-usex".to_owned(),
        |other| other.profile = "wifi-use".to_owned(),
        |other| other.profile.push('r'),
        |other| other.profile_hash.0[5] ^= 1,
        |other| other.unverified_email = None,
        |other| other.unverified_email = Some(Email::parse("alicf@example.com").unwrap()),
        |other| other.at = other.at.plus(1),
        |other| other.at = other.at.minus(1),
    ];
    for (index, change) in others.into_iter().enumerate() {
        let mut other = binding();
        change(&mut other);
        assert_eq!(
            reopen(&sealed, &other),
            Err(ForgedVerdict::Tag),
            "change {index}"
        );
    }
}

#[test]
fn parts_cannot_flow_into_each_other() {
    let mut one = binding();
    one.profile = "ab".to_owned();
    let mut other = binding();
    other.profile = "a".to_owned();
    assert_ne!(tagged("c", &one), tagged("bc", &other));
    assert_ne!(tagged("", &one), tagged("ab", &other));
}

#[test]
fn another_version_or_an_unknown_field_is_refused_though_the_tag_is_ours() {
    let sealed = device().seal(&binding(), &key());
    let value: serde_json::Value = serde_json::from_str(&sealed.json).unwrap();
    let changes: [fn(&mut serde_json::Value); 5] = [
        |value| value["version"] = 2.into(),
        |value| value["surprise"] = 1.into(),
        |value| value["identity"]["user"]["surprise"] = 1.into(),
        |value| value["identity"]["user"]["email"] = "*@example.com".into(),
        |value| *value = serde_json::Value::Null,
    ];
    for change in changes {
        let mut changed = value.clone();
        change(&mut changed);
        let json = changed.to_string();
        let tag = key().tag(Purpose::Verdict, &tagged(&json, &binding()));
        let reopened = SealedVerdict::reopen(&json, &tag, &binding(), &key());
        assert_eq!(reopened, Err(ForgedVerdict::Version), "{json}");
    }
}

#[test]
fn the_email_is_not_in_the_log() {
    let sealed = device().seal(&binding(), &key());
    assert!(!format!("{sealed:?}").contains("alice"));
}
