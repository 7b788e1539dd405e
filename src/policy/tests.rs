#![allow(clippy::unwrap_used, reason = "a test may fail")]

use proptest::prelude::*;

use super::*;
use crate::model::facts::KeyAlgorithm;
use crate::model::identity::KeyScope;
use crate::model::listing::AllowListing;
use crate::model::profile::ProfileSettings;

fn facts(email: &str, algorithm: KeyAlgorithm, attested: Option<&str>) -> Facts {
    Facts {
        profile: "wifi-user".to_owned(),
        email: Some(email.to_owned()),
        attested_device_id: attested.map(str::to_owned),
        key_algorithm: algorithm,
        ..Facts::example(KeyScope::User)
    }
}

fn profile(allow: &str, rules: &[&str]) -> CertificateProfile {
    let mut text = format!(
        "name = 'wifi-user'\nscope = 'user'\ndomains = ['example.com']\n\
         customer_id = 'C01example'\nissuer = 'issuing'\nallow = {allow}\n"
    );
    for (index, rule) in rules.iter().enumerate() {
        text.push_str(&format!(
            "[[rule]]\nname = 'r{index}'\nexpression = \"{rule}\"\nmessage = 'M'\nremedy = 'R'\n"
        ));
    }
    let settings: ProfileSettings = toml::from_str(&text).unwrap();
    settings.try_into().unwrap()
}

#[test]
fn the_first_check_that_fails_gives_the_code_and_all_are_told() {
    let profile = profile("{ emails = ['bob@example.com'] }", &["false"]);
    let decision = evaluate(&facts("a@example.com", KeyAlgorithm::Rsa, None), &profile);
    assert_eq!(decision.refusal, Some(ProblemCode::NotAllowed));
    let failed: Vec<_> = decision
        .checks()
        .iter()
        .filter(|check| !check.passed)
        .map(|check| (check.name.as_str(), check.message.as_deref()))
        .collect();
    assert_eq!(failed, [("allow", None), ("rule:r0", Some("M"))]);
}

#[test]
fn a_profile_s_hash_sees_its_rules_and_whom_it_allows() {
    let hashes = [
        profile("'all_verified'", &[]).hash,
        profile("'all_verified'", &["true"]).hash,
        profile("'all_verified'", &["true", "true"]).hash,
        profile("{ emails = ['bob@example.com'] }", &[]).hash,
        profile("{ emails_file = 'staff.csv' }", &[]).hash,
        profile("{ domains = ['example.com'] }", &[]).hash,
    ];
    for (index, one) in hashes.iter().enumerate() {
        assert!(hashes.iter().skip(index + 1).all(|other| one != other));
    }
}

#[test]
fn a_block_is_told_and_decides_before_the_profile_s_own_conditions() {
    let profile = profile("{ emails = ['bob@example.com'] }", &[]);
    let mut facts = facts("a@example.com", KeyAlgorithm::Ecdsa, None);
    let without = evaluate(&facts, &profile);
    assert!(
        !without
            .checks()
            .iter()
            .any(|check| check.name == BLOCKED_BY_LIST)
    );
    let listing = |found: Option<&str>| BlockListing {
        lists: "blocked_users 0123456789ab".to_owned(),
        found: found.map(str::to_owned),
        reason: Some("stolen".to_owned()),
    };
    facts.blocked_by_list = Some(listing(None));
    assert_eq!(
        evaluate(&facts, &profile).refusal,
        Some(ProblemCode::NotAllowed)
    );
    facts.blocked_by_list = Some(listing(Some("email")));
    let decision = evaluate(&facts, &profile);
    assert_eq!(decision.refusal, Some(ProblemCode::Blocked));
    let check = decision
        .checks()
        .iter()
        .find(|check| is_check(&check.name) && check.name == BLOCKED_BY_LIST);
    assert_eq!(check.unwrap().seen, "email is listed: stolen");
}

#[test]
fn a_list_allows_only_where_it_is_the_profile_s_and_names_the_holder() {
    let profile = profile("{ emails_file = 'staff.csv' }", &[]);
    let mut facts = facts("a@example.com", KeyAlgorithm::Ecdsa, None);
    assert_eq!(
        evaluate(&facts, &profile).refusal,
        Some(ProblemCode::NotAllowed)
    );
    for (file, listed, refusal) in [
        ("staff.csv", true, None),
        ("staff.csv", false, Some(ProblemCode::NotAllowed)),
        ("guests.csv", true, Some(ProblemCode::NotAllowed)),
    ] {
        facts.allowed_by_list = Some(AllowListing {
            file: file.to_owned(),
            digest: "0123456789ab".to_owned(),
            listed,
        });
        assert_eq!(
            evaluate(&facts, &profile).refusal,
            refusal,
            "{file} {listed}"
        );
    }
}

const RULES: [&str; 8] = [
    "true",
    "false",
    "email.startsWith('a')",
    "key_algorithm == 'ECDSA'",
    "attested_device_id == 'x'",
    "true || attested_device_id == 'x'",
    "[1][size(email) - 13] == 1",
    "time % 2 == 0",
];

proptest! {
    /// A rule can only take away.
    #[test]
    fn adding_a_rule_never_approves_more(
        rules in proptest::collection::vec(proptest::sample::select(RULES.to_vec()), 0..5),
        added in proptest::sample::select(RULES.to_vec()),
        place in any::<proptest::sample::Index>(),
        email in "[ab]{1,2}@example.com",
        rsa in any::<bool>(),
        attested in proptest::option::of("[xy]"),
    ) {
        let algorithm = if rsa { KeyAlgorithm::Rsa } else { KeyAlgorithm::Ecdsa };
        let facts = facts(&email, algorithm, attested.as_deref());
        let mut more = rules.clone();
        more.insert(place.index(rules.len() + 1), added);
        let fewer = evaluate(&facts, &profile("'all_verified'", &rules));
        let more = evaluate(&facts, &profile("'all_verified'", &more));
        prop_assert!(fewer.is_approved() || !more.is_approved());
        let all_pass = more.checks().iter().all(|check| check.passed);
        prop_assert_eq!(more.is_approved(), all_pass);
    }
}
