#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::Problem;
use super::action::{Action, Wait};
use super::table::row;
use crate::model::attempt::AttemptId;
use crate::model::problem_code::ProblemCode;
use crate::model::refusal::Refusal;
use crate::model::serial::SerialNumber;
use crate::random::SeededRandom;

const PAGE: &str = include_str!("../../../docs/problems.md");

#[test]
fn every_problem_document() {
    let mut documents = String::new();
    for code in ProblemCode::ALL {
        let document = Problem::from(*code).document(Some("0123456789abcdef"));
        let value: serde_json::Value = serde_json::from_str(&document).unwrap();
        assert_eq!(value["type"], format!("/problems/{}", code.as_str()));
        writeln!(documents, "{document}").unwrap();
    }
    insta::assert_snapshot!(documents);
}

#[test]
fn what_a_step_knows_stands_in_the_document() {
    let mut refusal = Refusal::new(ProblemCode::OutcomeExpired)
        .because("The certificate was revoked.")
        .of(&AttemptId::parse("7K3M9QXA").unwrap())
        .after(7);
    refusal.serial_number = SerialNumber::parse("0123456789abcdef0123456789abcdef");
    let document = Problem::from(refusal).document(Some("0123456789abcdef"));
    assert!(!document.contains("request_id"), "{document}");
    insta::assert_snapshot!(document);
}

#[test]
fn what_may_be_retried_says_when_and_what_may_not_has_no_transient_status() {
    for code in ProblemCode::ALL {
        let row = row(*code);
        if row.action == Action::RetrySame {
            assert_ne!(row.wait, Wait::Unknown, "{}", code.as_str());
        }
        if row.status >= 500 || row.status == 429 {
            assert_ne!(row.wait, Wait::Unknown, "{}", code.as_str());
            assert_ne!(row.action, Action::Stop, "{}", code.as_str());
        }
    }
}

#[test]
fn titles_tell_codes_apart_and_sentences_end() {
    let titles: BTreeSet<_> = ProblemCode::ALL
        .iter()
        .map(|code| row(*code).title)
        .collect();
    assert_eq!(titles.len(), ProblemCode::ALL.len());
    for code in ProblemCode::ALL {
        let row = row(*code);
        assert!(row.meaning.ends_with('.') && !row.remedy.ends_with('.'));
        assert!(!format!("{}{}", row.meaning, row.remedy).contains('|'));
    }
}

#[test]
fn the_page_for_people_is_complete() {
    let mut table = String::from(
        "| code | status | action | retry after (s) | meaning | remedy |\n|---|---|---|---|---|---|\n",
    );
    for code in ProblemCode::ALL {
        let row = row(*code);
        let wait = match row.wait {
            Wait::Unknown => String::new(),
            Wait::Seconds(seconds) => seconds.to_string(),
            Wait::Between(low, high) => format!("{low} to {high}"),
        };
        writeln!(
            table,
            "| `{}` | {} | `{}` | {wait} | {} | {}. |",
            code.as_str(),
            row.status,
            row.action.as_str(),
            row.meaning,
            row.remedy,
        )
        .unwrap();
    }
    assert!(
        PAGE.contains(&table),
        "docs/problems.md must contain this table:\n{table}"
    );
}

#[test]
fn a_text_page_tells_what_to_do() {
    insta::assert_snapshot!(super::page::text(ProblemCode::WeakKey));
}

#[test]
fn a_pause_makes_no_wait_shorter() {
    let random = SeededRandom::new(1);
    let waits = |code, at_least| {
        let mut refusal = Refusal::new(code);
        refusal.at_least = at_least;
        Problem::from(refusal).with_wait(&random).0.retry_after
    };
    assert_eq!(waits(ProblemCode::NotAllowed, None), None);
    assert_eq!(waits(ProblemCode::NotAllowed, Some(60)), Some(60));
    assert_eq!(
        waits(ProblemCode::TooManyCertificates, Some(60)),
        Some(86_400)
    );
}
