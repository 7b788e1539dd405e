#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "a test may fail"
)]

use serde_json::json;

use super::*;
use crate::model::facts::Check;
use crate::model::profile::Allow;

const ALICE: &str = "alice.o'neil+x@example.com";
const PEER: &str = "2001:db8::7";
const DEVICE: &str = "1A2b-3C4d";

fn key() -> DeploymentKey {
    DeploymentKey::new([7; 32])
}

fn personal(facts: Option<Value>, verdict: Option<Value>, checks: &[Check]) -> PersonalData {
    PersonalData {
        row: 3,
        unverified_email: ALICE.to_owned(),
        peer: PEER.to_owned(),
        unverified_verdict: verdict.map(|json| json.to_string()),
        facts: facts.map(|json| json.to_string()),
        checks: serde_json::to_string(checks).unwrap(),
    }
}

fn check(name: &str, expected: impl Into<String>, seen: impl Into<String>) -> Check {
    Check::new(name, expected, seen, false, "ask bob@example.org")
}

/// Nothing of what was personal is left, in any case.
fn assert_clean(short: &PersonalData, values: &[&str]) {
    let all = format!("{short:?}").to_lowercase();
    for value in values {
        assert!(!all.contains(&value.to_lowercase()), "{value}: {all}");
    }
}

fn facts_of(short: &PersonalData) -> Value {
    serde_json::from_str(short.facts.as_deref().unwrap()).unwrap()
}

#[test]
fn one_value_has_one_digest_wherever_it_stands() {
    let facts = json!({
        "version": 2, "profile": "wifi-user", "scope": "user", "email": ALICE,
        "domain": "example.com", "customer_id": "C01example", "virtual_device_id": DEVICE,
        "attested_device_id": null, "key_trust_level": "CHROME_OS_VERIFIED_MODE",
        "key_algorithm": "ECDSA", "time": 1_800_000_000,
        "groups": ["Year 7", { "tutor": "mr.smith" }], "seats": 41, "minor": true,
    });
    let mut rule = check(
        "rule:staff",
        format!("email != '{ALICE}' && email != 'bob@example.org'"),
        format!(
            "email = {ALICE:?}, virtual_device_id = {DEVICE:?}, seats = 41, domain = \"example.com\""
        ),
    );
    rule.message = Some(format!("{}, go home.", ALICE.to_uppercase()).into());
    rule.rule_hash = Some("00ff".into());
    let checks = [check("allow", format!("the user {ALICE}"), ALICE), rule];
    let key = key();
    let short = shorten(&personal(Some(facts), None, &checks), &key);
    assert_clean(
        &short,
        &[
            ALICE, "alice", PEER, DEVICE, "bob", "year 7", "smith", "tutor",
        ],
    );
    // The same digest as in the audit log, and by any case of an identifier.
    let (alice, device) = (key.personal(ALICE), key.personal(&DEVICE.to_lowercase()));
    assert_eq!(short.unverified_email, alice);
    assert_eq!(short.peer, key.personal(PEER));
    assert_eq!(short.row, 3);
    let facts = facts_of(&short);
    assert_eq!(facts["email"], alice);
    assert_eq!(facts["virtual_device_id"], device);
    assert_eq!(facts["attested_device_id"], Value::Null);
    for (kept, value) in [
        ("domain", json!("example.com")),
        ("customer_id", json!("C01example")),
        ("key_algorithm", json!("ECDSA")),
        ("time", json!(1_800_000_000)),
    ] {
        assert_eq!(facts[kept], value);
    }
    // Nobody has said that these may stay.
    assert_eq!(facts["seats"], key.personal("41"));
    assert_eq!(facts["minor"], key.personal("true"));
    let checks: Vec<Check> = serde_json::from_str(&short.checks).unwrap();
    assert_eq!(checks[0].expected, format!("the user {alice}"));
    assert_eq!(checks[0].seen, alice);
    let bob = key.personal("bob@example.org");
    assert_eq!(checks[0].remedy, format!("ask {bob}"));
    let seats = key.personal("41");
    assert_eq!(
        checks[1].seen,
        format!(
            "email = \"{alice}\", virtual_device_id = \"{device}\", seats = {seats}, domain = \"example.com\""
        )
    );
    let others = format!("email != '{alice}' && email != '{bob}'");
    assert_eq!(checks[1].expected, others);
    assert_eq!(
        checks[1].message.as_deref(),
        Some(&*format!("{alice}, go home."))
    );
    assert_eq!(checks[1].rule_hash.as_deref(), Some("00ff"));
    assert_eq!((&*checks[1].name, checks[1].passed), ("rule:staff", false));
}

#[test]
fn what_was_refused_before_policy_keeps_the_digests_of_its_names() {
    let verdict = json!({
        "version": 1,
        "identity": { "device": { "device_permanent_id": DEVICE, "domain": "example.com" } },
        "customer_id": "C01example", "virtual_device_id": "vd-12345678",
        "device_enrollment_id": null, "attested_device_id": null,
        "key_trust_level": "CHROME_OS_VERIFIED_MODE", "unverified_spkac": "MIIB",
        "checks": [],
    });
    let key = key();
    let weak = check("key_strength", "strong", "weak");
    let short = shorten(&personal(None, Some(verdict), &[weak]), &key);
    assert_clean(&short, &[DEVICE, "vd-1234", "MIIB", "version"]);
    assert_eq!(short.unverified_verdict, None);
    let facts = facts_of(&short);
    let device = key.personal(&DEVICE.to_lowercase());
    assert_eq!(facts["device_permanent_id"], device);
    assert_eq!(facts["virtual_device_id"], key.personal("vd-12345678"));
    assert_eq!(facts["domain"], "example.com");
}

#[test]
fn an_identifier_that_a_check_alone_shows_goes_too() {
    // As an answer for another customer leaves it: neither verdict nor facts.
    let allow = Allow::Devices(vec!["other-device".to_owned()]);
    let checks = [
        check("device_permanent_id", "present", DEVICE),
        check("customer_id", "C01example", "C0other"),
        check("allow", allow.to_string(), "nobody"),
    ];
    let mut machine = personal(None, None, &checks);
    machine.unverified_email = String::new();
    let short = shorten(&machine, &key());
    assert_clean(&short, &[DEVICE, "other-device"]);
    assert_eq!(short.unverified_email, "", "no e-mail, no digest");
    assert_eq!(short.facts, None);
    assert!(short.checks.contains("C0other"), "{}", short.checks);
    let absent = [check("device_permanent_id", "present", "absent")];
    let short = shorten(&personal(None, None, &absent), &key());
    assert!(short.checks.contains("\"seen\":\"absent\""));
}

#[test]
fn a_short_identifier_is_replaced_where_it_stands_alone() {
    let facts = json!({ "device_permanent_id": "id" });
    let seen = check(
        "rule:r",
        "size(device_permanent_id) > 9",
        "device_permanent_id = \"id\"",
    );
    let key = key();
    let short = shorten(&personal(Some(facts), None, &[seen]), &key);
    let checks: Vec<Check> = serde_json::from_str(&short.checks).unwrap();
    assert_eq!(checks[0].expected, "size(device_permanent_id) > 9");
    let digest = key.personal("id");
    assert_eq!(
        checks[0].seen,
        format!("device_permanent_id = \"{digest}\"")
    );
}

#[test]
fn whatever_looks_like_an_address_goes_and_nothing_else() {
    let key = key();
    let redaction = Redaction::new(&key);
    let bob = key.personal("bob@example.org");
    for (text, short) in [
        ("'bob@example.org'", format!("'{bob}'")),
        ("Bob@Example.Org.", format!("{bob}.")),
        (
            "in ['bob@example.org','bob@example.org']",
            format!("in ['{bob}','{bob}']"),
        ),
        ("<bob@example.org>, 7", format!("<{bob}>, 7")),
        (
            "endsWith('@example.org')",
            "endsWith('@example.org')".to_owned(),
        ),
        ("a @ b", "a @ b".to_owned()),
        ("", String::new()),
    ] {
        assert_eq!(redaction.apply(text), short, "{text}");
    }
    for text in [
        "startsWith('bob@')",
        "ünï.bob@exämple.org",
        "x=''bob@localhost",
        "bob@@b",
        "a'b'bob@c",
    ] {
        let short = redaction.apply(text);
        assert!(
            !short.contains("bob") && !short.contains("ünï"),
            "{text}: {short}"
        );
    }
}

#[test]
fn names_that_were_made_of_facts_go_with_them() {
    let facts = json!({ "email": "al@example.com" });
    let checks = [
        check("names", "names that fit", "CN=al.students, OU=Year 7"),
        check(
            "rule:r",
            "email in ['al', 'al@example.org', 'also']",
            "none",
        ),
        check("unknown", "none", ""),
    ];
    let key = key();
    let short = shorten(&personal(Some(facts), None, &checks), &key);
    let checks: Vec<Check> = serde_json::from_str(&short.checks).unwrap();
    assert_eq!(checks[0].seen, key.personal("cn=al.students, ou=year 7"));
    let [al, other] = ["al", "al@example.org"].map(|value| key.personal(value));
    let expected = format!("email in ['{al}', '{other}', 'also']");
    assert_eq!(checks[1].expected, expected);
    assert_eq!(checks[2].seen, "");
}

/// Whoever adds a check decides what is left of it.
#[test]
fn every_check_that_is_told_is_one_that_is_made() {
    let sources = [
        include_str!("../../policy.rs"),
        include_str!("../../schedule.rs"),
        include_str!("../../admission.rs"),
        include_str!("../../admission/denial.rs"),
        include_str!("../../attestation/verdict/judgement.rs"),
        include_str!("../../csr/refusal.rs"),
        include_str!("../../enrollment/issuance.rs"),
        include_str!("../../enrollment/objection.rs"),
        include_str!("../../model/pause.rs"),
    ];
    for name in TOLD {
        let quoted = format!("\"{name}\"");
        let made = sources.iter().any(|source| source.contains(&quoted));
        assert!(made, "{name}");
    }
}

#[test]
fn text_that_is_not_ours_is_dropped() {
    let mut strange = personal(None, None, &[]);
    strange.facts = Some(format!("[\"{ALICE}\"]"));
    strange.checks = format!("{{\"{ALICE}\": 1}}");
    let short = shorten(&strange, &key());
    assert_eq!((short.facts, short.checks.as_str()), (None, "[]"));
}
