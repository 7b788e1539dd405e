//! The administrator's word: whom a profile is for, and what must be true besides.

use serde_json::Value;

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
    assert_eq!(names, ["allow", "rule:staff", "rule:verified"]);
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
