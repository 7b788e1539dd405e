#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use proptest::prelude::*;

use super::*;

fn settings(expression: &str) -> RuleSettings {
    RuleSettings {
        name: "r".to_owned(),
        expression: expression.to_owned(),
        message: "No.".to_owned(),
        remedy: "Ask.".to_owned(),
    }
}

fn user(expression: &str) -> Result<Rule, InvalidRule> {
    Rule::parse(settings(expression), KeyScope::User)
}

fn judge(expression: &str) -> Judgement {
    user(expression)
        .unwrap()
        .judge(&Facts::example(KeyScope::User))
}

#[test]
fn a_rule_is_true_or_false_of_the_facts() {
    for (expression, expected) in [
        ("email.endsWith('@example.com')", Judgement::Holds),
        ("email.startsWith('kiosk-')", Judgement::DoesNotHold),
        ("key_algorithm in ['ECDSA', 'RSA']", Judgement::Holds),
        (
            "domain == 'example.org' || scope == 'user'",
            Judgement::Holds,
        ),
        (
            "['a.', 'f'].exists(x, email.startsWith(x))",
            Judgement::Holds,
        ),
        ("time % 2 == 1", Judgement::DoesNotHold),
        ("true", Judgement::Holds),
        ("false", Judgement::DoesNotHold),
    ] {
        assert_eq!(judge(expression), expected, "{expression}");
    }
}

#[test]
fn a_fact_that_is_missing_refuses_whatever_the_rest_says() {
    let mut facts = Facts::example(KeyScope::User);
    facts.customer_id = None;
    for expression in ["true || customer_id == 'C01'", "customer_id != 'C01'"] {
        let rule = user(expression).unwrap();
        assert_eq!(rule.judge(&facts), Judgement::Missing("customer_id"));
        assert_eq!(rule.seen(&facts), "customer_id is not known");
    }
    facts.time = None;
    assert_eq!(
        user("time > 0").unwrap().judge(&facts),
        Judgement::Missing("time"),
        "an attempt of an older version"
    );
}

#[test]
fn an_error_refuses_and_says_which() {
    let rule = user("[1, 2][size(email)] == 1").unwrap();
    let Judgement::Fails(error) = rule.judge(&Facts::example(KeyScope::User)) else {
        panic!("it has an answer");
    };
    assert!(error.contains("out of bounds"), "{error}");
}

#[test]
fn what_a_rule_saw_stands_in_the_record_as_data() {
    let mut facts = Facts::example(KeyScope::User);
    facts.email = Some("a\"\u{202e}@example.com".to_owned());
    let seen = user("email != '' && time > 0").unwrap().seen(&facts);
    assert_eq!(
        seen,
        "email = \"a\\\"\\u{202e}@example.com\", time = 1800000000"
    );
}

#[test]
fn a_loop_may_stand_beside_a_loop_but_not_in_one_or_behind_one() {
    user("['a'].exists(x, x == email) || ['b'].exists(x, x == domain)").unwrap();
    let doubled = ".map(x, x + x)".repeat(30);
    for nested in [
        "['a', 'b'].map(x, x + 'c').exists(x, x == email)",
        &format!("['a']{doubled} == ['b']"),
        "['a'].exists(x, ['b'].exists(y, x == y))",
        "['a'].all(x, [x].map(y, y).size() == 1)",
    ] {
        assert_eq!(
            user(nested).unwrap_err(),
            InvalidRule::NestedLoop,
            "{nested}"
        );
    }
    assert!(matches!(
        user("['a'].exists(x, x == email) && x == 'a'").unwrap_err(),
        InvalidRule::UnknownFact { .. }
    ));
}

#[test]
fn a_fact_is_compared_with_its_own_kind() {
    for slip in [
        "time != '1798761600'",
        "email != 1",
        "1 == email",
        "!(email in [1, 2])",
        "email in ['a', 2]",
        "email != null",
        "time == 1.5",
        "time in ['a']",
    ] {
        let error = user(slip).unwrap_err();
        assert!(
            matches!(error, InvalidRule::OtherKind(_)),
            "{slip}: {error}"
        );
    }
    for fine in [
        "time != 1798761600",
        "email != domain",
        "email in ['a', domain]",
    ] {
        user(fine).unwrap();
    }
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{1:", "}"),
        ("!", ""),
        ("-", ""),
        ("1+", ""),
        ("true?1:", ""),
        ("has(", ")"),
        ("", ".a"),
        ("", "[0]"),
        ("", ".size()"),
    ] {
        let depth = 990 / (open.len() + close.len());
        let expression = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        assert!(user(&expression).is_err(), "{open}{close}");
    }
    let deep = format!("{}time > 0{}", "(1 > 0) == (".repeat(45), ")".repeat(45));
    assert_eq!(user(&deep).unwrap_err(), InvalidRule::Deep);
}

#[test]
fn every_fact_stands_in_the_documentation() {
    let page = include_str!("../../../docs/policy.md");
    for fact in &FACTS {
        let row = format!("| `{}` | ", fact.name);
        assert!(page.contains(&row), "docs/policy.md lacks {}", fact.name);
    }
}

proptest! {
    /// Whatever is written, the answer is a rule or a message, and a rule has a judgement.
    #[test]
    fn no_expression_panics(
        tokens in proptest::collection::vec(
            proptest::sample::select(vec![
                "email", "time", "scope", "'a'", "1", "0", "true", "x", "(", ")", "[", "]", "{", "}",
                ".", ",", ":", "?", "!", "-", "+", "*", "/", "%", "==", "<", "&&", "||", " in ",
                ".size()", ".exists(x,", ".map(x,", "has(", "1.5", "null", "b'a'", "u",
            ]),
            0..24,
        )
    ) {
        let facts = Facts::example(KeyScope::User);
        if let Ok(rule) = user(&tokens.concat()) {
            let _ = rule.judge(&facts);
        }
    }
}

#[test]
fn the_hash_of_a_rule_sees_every_text_of_it() {
    let settings = RuleSettings {
        name: "staff".to_owned(),
        expression: "email != ''".to_owned(),
        message: "No.".to_owned(),
        remedy: "ask".to_owned(),
    };
    let hash =
        |settings: &RuleSettings| Rule::parse(settings.clone(), KeyScope::User).unwrap().hash;
    let first = hash(&settings);
    assert_eq!(first.len(), 64);
    assert_eq!(hash(&settings), first);
    for change in 0..4 {
        let mut other = settings.clone();
        match change {
            0 => other.name.push('x'),
            1 => other.expression.push(' '),
            2 => other.message.push('!'),
            _ => other.remedy.push('!'),
        }
        assert_ne!(hash(&other), first, "{change}");
    }
}
