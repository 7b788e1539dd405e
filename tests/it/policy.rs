//! The administrator's word: whom a profile is for, and what must be true besides.

use serde_json::Value;
use vaca_emulator::{KeyAlgorithm, Scope};

use crate::support::openssl::{run, said};
use crate::support::{ALICE, Answer, TestCa};

/// A CA whose first profile, `wifi-user`, was given something in place of `allow = "all_verified"`.
async fn with_profile(changed: &str) -> TestCa {
    let mut ca = TestCa::start().await;
    ca.stop().await;
    let file = ca.configuration_file();
    let text = std::fs::read_to_string(&file).unwrap();
    let allow = "allow = \"all_verified\"\n";
    assert!(text.contains(allow));
    std::fs::write(&file, text.replacen(allow, changed, 1)).unwrap();
    ca.serve().await.unwrap();
    ca
}

fn rule(name: &str, expression: &str) -> String {
    format!(
        "[[profile.rule]]\nname = \"{name}\"\nexpression = \"{expression}\"\n\
         message = \"Message of {name}.\"\nremedy = \"remedy of {name}\"\n"
    )
}

/// The checks of the decision record, as `(name, passed, remedy)`, from `allow` on.
async fn recorded(ca: &TestCa) -> Vec<(String, bool, String)> {
    let rows = ca.rows("SELECT checks FROM attempts").await;
    let checks: Vec<Value> = serde_json::from_str(&rows[0]).unwrap();
    let text = |check: &Value, member: &str| check[member].as_str().unwrap().to_owned();
    checks
        .iter()
        .skip_while(|check| check["name"] != "allow")
        .map(|check| {
            let passed = check["passed"].as_bool().unwrap();
            (text(check, "name"), passed, text(check, "remedy"))
        })
        .collect()
}

async fn enroll(ca: &TestCa) -> (Vec<u8>, Answer) {
    let (_chromebook, response) = ca.alices_response().await;
    let answer = ca.present_alices(&response).await;
    (response, answer)
}

#[tokio::test]
async fn a_rule_that_is_false_refuses_and_tells_the_person_why() {
    let rules = [
        rule("staff", "email.endsWith('@example.com')"),
        rule("not_alice", "email != 'alice@example.com'"),
        rule("not_rsa", "key_algorithm != 'RSA'"),
        rule("nobody", "time < 0"),
    ];
    let changed = format!("allow = \"all_verified\"\n{}", rules.concat());
    let ca = with_profile(&changed).await;
    let (response, refused) = enroll(&ca).await;
    refused.is("refused_by_rule");
    let detail = refused.json["detail"].as_str().unwrap();
    assert!(detail.contains("Message of not_alice."), "{detail}");
    assert!(!detail.contains("alice@"), "{detail}");
    // The same bytes, the same answer, also from what the record kept of it.
    let again = ca.present_alices(&response).await;
    assert_eq!(again.is("refused_by_rule").json, refused.json);
    let none = String::new;
    assert_eq!(
        recorded(&ca).await,
        [
            ("allow".to_owned(), true, none()),
            ("rule:staff".to_owned(), true, none()),
            (
                "rule:not_alice".to_owned(),
                false,
                "remedy of not_alice".to_owned()
            ),
            ("rule:not_rsa".to_owned(), true, none()),
            (
                "rule:nobody".to_owned(),
                false,
                "remedy of nobody".to_owned()
            ),
            ("names".to_owned(), true, none()),
        ],
        "every rule is told, not only the first that fails"
    );
    ca.nothing_issued().await;
    ca.check().await;
}

#[tokio::test]
async fn rules_that_are_all_true_stand_in_the_record_of_the_certificate() {
    let rules = [
        rule("staff", "email.endsWith('@example.com')"),
        rule(
            "verified",
            "key_trust_level == 'CHROME_OS_VERIFIED_MODE' && time > 0",
        ),
    ];
    let changed = format!(
        "allow = {{ emails = [\"bob@example.com\", \"{}\"] }}\n{}",
        ALICE.to_uppercase(),
        rules.concat()
    );
    let ca = with_profile(&changed).await;
    let (_response, answer) = enroll(&ca).await;
    answer.issued();
    let names: Vec<_> = recorded(&ca)
        .await
        .into_iter()
        .map(|(name, ..)| name)
        .collect();
    assert_eq!(names, ["allow", "rule:staff", "rule:verified", "names"]);
    ca.check().await;
}

#[tokio::test]
async fn a_rule_about_what_google_did_not_say_refuses() {
    let changed = format!(
        "allow = \"all_verified\"\n{}",
        rule("attested", "true || attested_device_id == ''")
    );
    let ca = with_profile(&changed).await;
    let (_chromebook, response) = ca.alices_response().await;
    let absent = vaca_emulator::Fault::Set {
        field: vaca_emulator::faults::Field::AttestedDeviceId,
        value: String::new(),
    };
    ca.emulator
        .faults()
        .next(vaca_emulator::Call::Verify, [absent]);
    ca.present_alices(&response).await.is("refused_by_rule");
    let seen = ca.rows("SELECT checks FROM attempts").await;
    assert!(
        seen[0].contains("attested_device_id is not known"),
        "{seen:?}"
    );
    ca.nothing_issued().await;
    ca.check().await;
}

#[tokio::test]
async fn whoever_is_not_allowed_gets_nothing() {
    let ca = with_profile("allow = { emails = [\"bob@example.com\"] }\n").await;
    let (response, refused) = enroll(&ca).await;
    refused.is("not_allowed");
    // Who else would be is nobody's business.
    assert!(!refused.text.contains("bob"), "{}", refused.text);
    assert_eq!(ca.present_alices(&response).await.text, refused.text);
    ca.nothing_issued().await;
    ca.check().await;
}

#[tokio::test]
async fn whoever_has_as_many_certificates_as_it_may_gets_no_more() {
    let ca = with_profile("allow = \"all_verified\"\nlive_certificates = 2\n").await;
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(enroll(&ca).await);
    }
    answers[0].1.issued();
    answers[1].1.issued();
    let (response, refused) = &answers[2];
    refused.is("too_many_certificates");
    assert_eq!(refused.json["retry_after"], 86_400);
    assert_eq!(ca.present_alices(response).await.text, refused.text);
    // What was given stays given, and other holders and profiles count for themselves.
    let again = ca.present_alices(&answers[0].0).await;
    assert_eq!(again.serial(), answers[0].1.serial());
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    let other = ca
        .response(
            &mut chromebook,
            "vpn-user",
            Scope::User,
            KeyAlgorithm::Ecdsa,
        )
        .await;
    ca.present(&other, "vpn-user", Some(ALICE)).await.issued();
    // One that ended counts no more.
    ca.execute("UPDATE certificates SET not_after = 1 WHERE id = (SELECT min(id) FROM certificates WHERE profile = 'wifi-user')")
        .await;
    enroll(&ca).await.1.issued();
    assert_eq!(ca.certificates("issued").await, 5);
    assert_eq!(
        ca.certificates("abandoned").await + ca.certificates("intended").await,
        0,
        "a refused intent leaves nothing"
    );
    ca.check().await;
}

#[tokio::test]
async fn a_change_of_policy_is_tried_on_cases_and_on_what_was_decided() {
    let changed = format!(
        "allow = \"all_verified\"\n{}",
        rule("not_rsa", "key_algorithm != 'RSA'")
    );
    let ca = with_profile(&changed).await;
    let mut chromebook = ca.chromebook(ALICE).await;
    let ecdsa = ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa).await;
    let mut old = ca.chromebook(ALICE).await;
    let rsa = ca.enroll_user(&mut old, KeyAlgorithm::Rsa).await;
    rsa.is("refused_by_rule");
    ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    let folder = ca.folder.path();
    let test = async |file: &str, more: &[&str]| {
        let arguments = [&["--config", file, "policy", "test"], more].concat();
        let output = run(env!("CARGO_BIN_EXE_vaca"), &arguments, folder).await;
        (output.status.code(), said(&output))
    };
    // The test's clock stands where it was set.
    let since = ["--since", "49000d"];
    let (exit, same) = test("vaca.toml", &since).await;
    assert_eq!(exit, Some(0), "{same}");
    assert!(same.contains("3 recorded decisions"), "{same}");

    let text = std::fs::read_to_string(ca.configuration_file()).unwrap();
    let new = text
        .replace("key_algorithm != 'RSA'", "key_algorithm == 'RSA'")
        .replace("name = \"wifi-device\"", "name = \"other-device\"");
    std::fs::write(folder.join("new.toml"), new).unwrap();
    let (exit, other) = test("new.toml", &since).await;
    assert_eq!(exit, Some(1), "{other}");
    for line in [
        format!(
            "approved by policy, now refused  rule:not_rsa  1         {}",
            ecdsa.attempt()
        ),
        format!(
            "refused by policy, now approved  rule:not_rsa  1         {}",
            rsa.attempt()
        ),
        "the profile is gone              wifi-device   1".to_owned(),
        "3 recorded decisions".to_owned(),
        "3 would change".to_owned(),
    ] {
        assert!(other.contains(&line), "{line}: {other}");
    }

    let case = |name: &str, expect: &str, facts: &str| {
        format!(
            "[[case]]\nname = \"{name}\"\nprofile = \"wifi-user\"\nexpect = \"{expect}\"\nfacts = {facts}\n"
        )
    };
    let cases = [
        case(
            "old",
            "rule:not_rsa",
            "{ email = \"a@example.com\", key_algorithm = \"RSA\" }",
        ),
        case("new", "approved", "{ email = \"A@Example.com\" }"),
    ];
    std::fs::write(folder.join("cases.toml"), cases.concat()).unwrap();
    let (exit, held) = test("vaca.toml", &["cases.toml"]).await;
    assert_eq!((exit, held.trim()), (Some(0), "2 cases, 0 wrong"));
    let (exit, wrong) = test("new.toml", &["cases.toml"]).await;
    assert_eq!(exit, Some(1), "{wrong}");
    assert!(wrong.contains("2 cases, 2 wrong"), "{wrong}");
    assert!(wrong.contains("old   rule:not_rsa  approved"), "{wrong}");
    for (text, said) in [
        ("", "missing field `case`"),
        ("case = []", "holds no case"),
        (
            "[[case]]\nname = 'a'\nprofile = 'b'\nexpect = 'approved'\n",
            "no profile is named \"b\"",
        ),
        (
            "[[case]]\nname = 'a'\nprofile = 'wifi-user'\nexpect = 'approved'\nfacts = { mail = 'x' }\n",
            "unknown field `mail`",
        ),
    ] {
        std::fs::write(folder.join("cases.toml"), text).unwrap();
        let (exit, error) = test("vaca.toml", &["cases.toml"]).await;
        assert_eq!(exit, Some(1), "{error}");
        assert!(error.contains(said), "{said}: {error}");
    }
    let (exit, _usage) = test("vaca.toml", &[]).await;
    assert_eq!(exit, Some(2), "neither cases nor attempts");
    ca.check().await;
}
