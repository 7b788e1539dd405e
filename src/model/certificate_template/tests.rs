#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use super::*;

fn settings(text: &str) -> CertificateSettings {
    toml::from_str(text).unwrap()
}

fn domains(names: &[&str]) -> Vec<Domain> {
    names
        .iter()
        .map(|name| Domain::parse(name).unwrap())
        .collect()
}

fn read(scope: KeyScope, text: &str) -> Result<CertificateTemplate, InvalidCertificate> {
    let algorithms = [KeyAlgorithm::Ecdsa, KeyAlgorithm::Rsa];
    CertificateTemplate::parse(
        settings(text),
        scope,
        &domains(&["example.com"]),
        &algorithms,
    )
}

fn user(text: &str) -> Result<CertificateTemplate, InvalidCertificate> {
    read(KeyScope::User, text)
}

fn device(text: &str) -> Result<CertificateTemplate, InvalidCertificate> {
    read(KeyScope::Machine, text)
}

fn of(email: &str) -> Facts {
    Facts {
        email: Some(email.to_owned()),
        ..Facts::example(KeyScope::User)
    }
}

fn names(template: &CertificateTemplate, facts: &Facts) -> String {
    template
        .names(facts)
        .map_or_else(|error| error.to_string(), |names| names.to_string())
}

#[test]
fn without_settings_a_certificate_names_its_holder() {
    assert_eq!(
        names(&user("").unwrap(), &of("alice@example.com")),
        "OU=vaca user, CN=alice@example.com; email:alice@example.com"
    );
    let facts = Facts {
        device_permanent_id: Some("1a2b".to_owned()),
        ..Facts::example(KeyScope::Machine)
    };
    assert_eq!(
        names(&device("").unwrap(), &facts),
        "OU=vaca device, CN=1a2b; uri:https://example.com/device/1a2b"
    );
}

#[test]
fn every_kind_of_name_is_filled_in() {
    let template = user(
        "subject = ['C=DE', 'O=Example', 'OU={organizational_unit}', 'UID={local_part}', 'CN={email}']
         subject_alternative_names = ['upn:{local_part}@ad.example.com', 'email:{email}', 'uri:tag:example.com,2026:{email}']
         reserved_local_parts = ['administrator']
         sid_domain = 'S-1-5-21-1-2-3'",
    )
    .unwrap();
    assert_eq!(
        names(&template, &of("o'neil+x@example.com")),
        "OU=vaca user, C=DE, O=Example, OU=/Example/Unit, UID=o'neil+x, CN=o'neil+x@example.com; \
         upn:o'neil+x@ad.example.com; email:o'neil+x@example.com; \
         uri:tag:example.com,2026:o%27neil%2Bx%40example.com; sid:S-1-5-21-1-2-3-1001"
    );
    let template = device(
        "subject = ['CN={asset_id}', 'serialNumber={device_serial_number}']
         subject_alternative_names = ['dns:{asset_id}.devices.example.com', 'permanent_identifier:{device_permanent_id}', 'uri:https://{domain}/{customer_id}']",
    )
    .unwrap();
    let facts = Facts {
        device_permanent_id: Some("1a2b".to_owned()),
        asset_id: Some("A-17".to_owned()),
        ..Facts::example(KeyScope::Machine)
    };
    assert_eq!(
        names(&template, &facts),
        "OU=vaca device, CN=A-17, serialNumber=5CD1234567; dns:a-17.devices.example.com; \
         permanent_identifier:1a2b; uri:https://example.com/C01example"
    );
}

#[test]
fn what_does_not_fit_is_refused_and_never_cut() {
    let template = user("").unwrap();
    let fits = format!("{}@example.com", "a".repeat(52));
    assert!(template.names(&of(&fits)).is_ok());
    assert_eq!(
        names(&template, &of(&format!("a{fits}"))),
        "CN is too long, and nothing is truncated"
    );
    let template = device("").unwrap();
    for id in [".", ".."] {
        let facts = Facts {
            device_permanent_id: Some(id.to_owned()),
            ..Facts::example(KeyScope::Machine)
        };
        assert_eq!(
            names(&template, &facts),
            "uri is not a URI in its normal form"
        );
    }
}

/// What an inventory or a directory might say, and what becomes of it.
#[test]
fn a_supplied_value_never_becomes_structure() {
    let template = device(
        "subject = ['CN={device_permanent_id}', 'OU={organizational_unit}', 'serialNumber={device_serial_number}']
         subject_alternative_names = ['dns:{asset_id}.devices.example.com', 'uri:https://example.com/{asset_id}']",
    )
    .unwrap();
    let unit = |value: &str| Facts {
        organizational_unit: Some(value.to_owned()),
        asset_id: Some("a-17".to_owned()),
        ..Facts::example(KeyScope::Machine)
    };
    for value in [
        "a, CN=root",
        "a+CN=root",
        "a\0",
        "a\nb",
        "*",
        " a",
        "a ",
        "",
        "#04",
        "a\\",
        "a;b",
        "\"a\"",
        "<a>",
        "vaca user",
        "\u{202e}a",
        "vaca\u{a0}user",
    ] {
        assert!(template.names(&unit(value)).is_err(), "{value:?}");
    }
    assert!(template.names(&unit("/Students/Grade 5 (b)")).is_ok());
    assert_eq!(
        names(&template, &unit("alice@example.com")),
        "OU: organizational_unit cannot stand there"
    );
}

#[test]
fn a_supplied_value_is_one_label_and_one_segment() {
    let template = device(
        "subject_alternative_names = ['dns:{asset_id}.devices.example.com', 'uri:https://example.com/{asset_id}']",
    )
    .unwrap();
    let asset = |value: &str| Facts {
        asset_id: Some(value.to_owned()),
        ..Facts::example(KeyScope::Machine)
    };
    for value in [
        "evil.example.com",
        "a_17",
        "-a",
        "a b",
        "*",
        "a/b",
        "",
        "a%2e",
        "ü",
    ] {
        assert!(template.names(&asset(value)).is_err(), "{value:?}");
    }
    let path =
        device("subject_alternative_names = ['uri:https://example.com/{asset_id}']").unwrap();
    assert_eq!(
        names(&path, &asset("../a?b#c d/é")),
        "OU=vaca device, CN=0123abcd-0123-4567-89ab-0123456789ab; uri:https://example.com/..%2Fa%3Fb%23c%20d%2F%C3%A9"
    );
    for value in ["..", "."] {
        assert!(path.names(&asset(value)).is_err(), "{value}");
    }
}

#[test]
fn a_value_that_nobody_supplied_names_nobody() {
    let template = device("subject = ['CN={device_permanent_id}', 'OU={asset_id}']").unwrap();
    let facts = Facts {
        asset_id: None,
        ..Facts::example(KeyScope::Machine)
    };
    assert_eq!(names(&template, &facts), "OU: asset_id is not known");
    let template = user("sid_domain = 'S-1-5-21-1-2-3'").unwrap();
    let sid = |sid: Option<&str>| Facts {
        sid: sid.map(str::to_owned),
        ..Facts::example(KeyScope::User)
    };
    assert_eq!(names(&template, &sid(None)), "sid is not known");
    for (other, why) in [
        (
            "S-1-5-21-1-2-4-1001",
            "sid is of another domain than the profile's sid_domain",
        ),
        ("S-1-5-21-1-2-3-500", "sid is no account's SID"),
        (
            "S-1-5-21-1-2-31-1001",
            "sid is of another domain than the profile's sid_domain",
        ),
        ("S-1-5-32-544", "sid is no account's SID"),
    ] {
        assert_eq!(names(&template, &sid(Some(other))), why);
    }
}

#[test]
fn a_reserved_local_part_is_nobodys() {
    let template =
        user("subject = ['CN={local_part}']\nreserved_local_parts = ['administrator', 'krbtgt']")
            .unwrap();
    assert!(template.names(&of("alice@example.com")).is_ok());
    assert_eq!(
        names(&template, &of("krbtgt@example.com")),
        "CN: local_part cannot stand there"
    );
    let template = user(
        "subject_alternative_names = ['upn:{email}']\nreserved_local_parts = ['administrator']",
    )
    .unwrap();
    assert!(template.names(&of("administrator@example.com")).is_err());
}

#[test]
fn a_local_part_alone_is_of_one_domain() {
    let text = "subject = ['CN={local_part}']\nreserved_local_parts = ['administrator']";
    let two = domains(&["example.com", "example.org"]);
    let refused =
        CertificateTemplate::parse(settings(text), KeyScope::User, &two, &[KeyAlgorithm::Ecdsa]);
    let refused = refused.unwrap_err();
    assert_eq!(refused, InvalidCertificate::LocalPartOfMany("CN"));
    assert_eq!(refused.key(), "subject");
}

#[test]
fn a_user_has_no_devices_name_and_the_reverse() {
    for name in [
        "dns:{local_part}.example.com",
        "permanent_identifier:{email}",
    ] {
        let refused = user(&format!("subject_alternative_names = ['{name}']")).unwrap_err();
        assert!(
            matches!(refused, InvalidCertificate::OtherScope { .. }),
            "{refused}"
        );
    }
    for name in [
        "email:x@example.com",
        "upn:{device_permanent_id}@example.com",
    ] {
        let refused = device(&format!("subject_alternative_names = ['{name}']")).unwrap_err();
        assert!(
            matches!(refused, InvalidCertificate::OtherScope { .. }),
            "{refused}"
        );
    }
}

/// For a user's profile.
const MISTAKES: [&str; 40] = [
    "subject = ['email={email}']",
    "subject = ['{email}']",
    "subject = ['CN={name}']",
    "subject = ['CN={device_permanent_id}']",
    "subject = ['CN={email']",
    "subject = ['CN=*']",
    "subject = ['CN=a,b']",
    "subject = ['CN={email}', 'CN=x']",
    "subject = ['CN={email}', 'OU=Vaca Device']",
    "subject = ['CN={email}', 'C=Germany']",
    "subject = ['CN={email} of the Example organisation and its many many schools']",
    "subject = []\nsubject_alternative_names = []",
    "subject = ['CN=somebody']\nsubject_alternative_names = ['uri:https://example.com/{email}']",
    "subject = ['CN={local_part}']",
    "subject_alternative_names = ['upn:{email}']",
    "subject_alternative_names = ['upn:{local_part}@{domain}']\nreserved_local_parts = ['administrator']",
    "subject_alternative_names = ['upn:{local_part}@AD']\nreserved_local_parts = ['administrator']",
    "subject_alternative_names = ['email:{local_part}@example.org']",
    "subject_alternative_names = ['ip:127.0.0.1']",
    "subject_alternative_names = ['{email}']",
    "subject_alternative_names = ['email:{email}', 'email:{email}']",
    "subject_alternative_names = ['uri:{email}']",
    "subject_alternative_names = ['uri:https://{local_part}.example.com/']\nreserved_local_parts = ['administrator']",
    "subject_alternative_names = ['uri:https://example.com{organizational_unit}/']",
    "subject_alternative_names = ['uri:https://example.com/a b']",
    "subject_alternative_names = ['uri:urn:x:a', 'uri:urn:x:a']",
    "reserved_local_parts = ['Administrator']",
    "key_usages = []",
    "key_usages = ['key_encipherment']",
    "key_usages = ['digital_signature', 'key_encipherment']",
    "key_usages = ['digital_signature', 'digital_signature']",
    "extended_key_usages = []",
    "extended_key_usages = ['eap_over_lan']",
    "extended_key_usages = ['client_auth', 'client_auth']",
    "policies = ['2.5.29.32.0']",
    "policies = ['wifi']",
    "policies = ['1.3.6.1.4.1.32473.1', '1.3.6.1.4.1.32473.1']",
    "sid_domain = 'S-1-5-21-1-2-3-1001'",
    "template_name = ''",
    "template_name = 'Benutzer für WLAN'",
];

/// Whatever else is written does not load; the snapshot is what the administrator reads.
#[test]
fn each_mistake_is_told() {
    let devices = [
        "subject = ['CN={asset_id}']\nsubject_alternative_names = []",
        "subject = ['CN={asset_id}']\nsubject_alternative_names = ['dns:{device_permanent_id}.example.com']",
        "subject = ['CN={device_permanent_id}@example.com']",
        "subject_alternative_names = ['permanent_identifier:{device_permanent_id}@example.com']",
        "subject_alternative_names = ['dns:{device_permanent_id}']",
        "subject_alternative_names = ['dns:{device_permanent_id}.local']",
        "subject_alternative_names = ['dns:{device_permanent_id}.Devices.example.com']",
        "subject_alternative_names = ['dns:{organizational_unit}.example.com']",
        "sid_domain = 'S-1-5-21-1-2-3'",
    ];
    let mut told = String::new();
    let users = MISTAKES.iter().map(|text| (text, user(text)));
    let devices = devices.iter().map(|text| (text, device(text)));
    for (text, refused) in users.chain(devices) {
        let refused = refused.expect_err(text);
        told.push_str(&format!("{text}\n  {}: {refused}\n", refused.key()));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn every_word_of_a_profile_stands_in_the_documentation() {
    let page = include_str!("../../../docs/profiles.md");
    let variables = Variable::ALL.map(|variable| format!("| `{{{}}}` |", variable.as_str()));
    let types = Attribute::ALL.map(|attribute| format!("| `{}` |", attribute.as_str()));
    let kinds = AlternativeNameKind::ALL.map(|kind| format!("| `{}` |", kind.as_str()));
    let usages =
        ExtendedKeyUsage::ALL.map(|usage| format!("| `{}` | {} |", usage.as_str(), usage.oid()));
    for row in variables.iter().chain(&types).chain(&kinds).chain(&usages) {
        assert!(page.contains(row), "{row}");
    }
}
