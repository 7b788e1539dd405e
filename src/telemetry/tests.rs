#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use std::collections::BTreeSet;

use prometheus_client::encoding::text::encode;

use super::*;
use crate::clock::Timestamp;
use crate::model::certificate::IssuerId;
use crate::model::problem_code::ProblemCode;

/// The operator's page on metrics.
const PAGE: &str = include_str!("../../docs/operations.md");

fn metrics() -> Metrics {
    Metrics::new(&Names {
        profiles: vec!["wifi".to_owned(), "vpn".to_owned()],
        lists: vec![("blocked".to_owned(), "devices")],
        sinks: vec!["siem".to_owned()],
        gates: vec!["intranet".to_owned()],
    })
}

fn text(metrics: &Metrics) -> String {
    let mut text = String::new();
    encode(&mut text, metrics.registry()).unwrap();
    text
}

fn section() -> &'static str {
    let (_, after) = PAGE.split_once("\n## Metrics\n").unwrap();
    after.split("\n## ").next().unwrap()
}

/// The words between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_page_lists_every_family_and_no_other() {
    let rows = section()
        .lines()
        .filter(|line| line.starts_with("| `vaca_"));
    let documented: Vec<_> = rows
        .map(|row| {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            assert!(!cells[4].is_empty(), "{row}");
            (
                quoted(cells[1])[0].to_owned(),
                cells[2].to_owned(),
                quoted(cells[3]),
            )
        })
        .collect();
    let metrics = metrics();
    let registered: Vec<_> = metrics
        .families()
        .iter()
        .map(|family| {
            let labels = family.labels.to_vec();
            (family.name.clone(), family.kind.clone(), labels)
        })
        .collect();
    assert_eq!(documented, registered);
}

#[test]
fn a_query_on_the_page_names_families_that_there_are() {
    let metrics = metrics();
    let known: BTreeSet<_> = metrics
        .families()
        .iter()
        .map(|family| family.name.as_str())
        .collect();
    let letter = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    let mut named = 0;
    for word in section().split(|next| !letter(next)) {
        if word.starts_with("vaca_") {
            assert!(known.contains(word), "{word}");
            named += 1;
        }
    }
    assert!(named > known.len() + 5, "table and queries");
}

#[test]
fn labels_are_as_described_and_names_of_their_own() {
    let metrics = metrics();
    metrics.attempts.denied("wifi", ProblemCode::Blocked);
    metrics.attempts.refused(ProblemCode::Busy);
    metrics.issuers.ends("issuing", Timestamp(7));
    let issuer = IssuerId::parse("0123456789abcdef").unwrap();
    let times = [Timestamp(1), Timestamp(2)];
    metrics.crls.served(&issuer, 7, 3, times);
    metrics.crls.seen(&issuer, Some(times), true);
    metrics.crls.failed(&issuer);
    metrics.ocsp.answered(Some("issuing"), "good");
    metrics.lists.loaded("blocked", Timestamp(5), 3);
    metrics.gates.told("intranet", "admitted");
    metrics.deliveries.stand("siem", 1, 2, 3);
    metrics.show(&Reading {
        unsequenced_events: Some(1),
        token_ends: Some(Timestamp(9)),
        clock_offset: Some(-2),
        ..Reading::default()
    });
    let clock = std::sync::Arc::new(crate::clock::TestClock::at(Timestamp(0)));
    metrics
        .calls
        .begin(Method::Generate, Way::Rest, clock)
        .ended("OK");
    let text = text(&metrics);
    let names: BTreeSet<_> = metrics
        .families()
        .iter()
        .map(|family| family.name.clone())
        .collect();
    assert_eq!(names.len(), metrics.families().len(), "each name once");
    for family in metrics.families() {
        let sample = match family.kind.as_str() {
            "histogram" => format!("{}_count", family.name),
            _ => family.name.clone(),
        };
        let line = text
            .lines()
            .find(|line| line.split([' ', '{']).next() == Some(&sample))
            .unwrap_or_else(|| panic!("no {sample} in {text}"));
        let labels = line.split_once('{').map_or("", |(_, labels)| labels);
        let labels: Vec<_> = labels
            .split('=')
            .map(|part| part.rsplit(['"', ',']).next().unwrap())
            .filter(|name| !name.is_empty() && !name.starts_with('}'))
            .collect();
        assert_eq!(labels, family.labels, "{line}");
    }
}

#[test]
fn what_is_not_configured_is_shown_as_that() {
    let metrics = metrics();
    metrics.attempts.challenged("evil");
    metrics.attempts.issued("evil");
    metrics.attempts.denied("evil", ProblemCode::Blocked);
    metrics.attempts.unfinished("evil", ProblemCode::Busy);
    metrics.lists.loaded("evil", Timestamp(1), 1);
    metrics.lists.failed("evil");
    metrics.deliveries.stand("evil", 1, 1, 1);
    metrics.deliveries.ended("evil", DeliveryOutcome::Delivered);
    let text = text(&metrics);
    assert!(!text.contains("evil"), "{text}");
    let removed = r#"vaca_attempts_total{profile="(removed)",outcome="denied",code="blocked"} 1"#;
    assert!(text.contains(removed), "{text}");
    assert!(!text.contains("vaca_list_"), "{text}");
}

#[test]
fn a_list_that_fails_keeps_its_age() {
    let metrics = metrics();
    metrics.lists.loaded("blocked", Timestamp(1000), 3);
    metrics.lists.failed("blocked");
    let labels = r#"{list="blocked",kind="devices"}"#;
    let shown = text(&metrics);
    for line in [
        format!("vaca_list_loaded_timestamp_seconds{labels} 1000"),
        format!("vaca_list_rows{labels} 3"),
        format!("vaca_list_failing{labels} 1"),
    ] {
        assert!(shown.contains(&line), "{line} in {shown}");
    }
    metrics.lists.loaded("blocked", Timestamp(1060), 4);
    assert!(text(&metrics).contains(&format!("vaca_list_failing{labels} 0")));
}

#[test]
fn a_call_that_is_given_up_is_counted_once() {
    let metrics = metrics();
    let clock = crate::clock::TestClock::at(Timestamp(0));
    let begin = |way| {
        let clock = std::sync::Arc::new(clock.clone());
        metrics.calls.begin(Method::Verify, way, clock)
    };
    let call = begin(Way::Grpc);
    clock.advance(3);
    drop(call);
    begin(Way::Rest).ended("UNAVAILABLE");
    let text = text(&metrics);
    let labels = r#"method="verify_challenge_response",transport="#;
    for line in [
        format!(r#"vaca_verified_access_calls_total{{{labels}"grpc",result="GIVEN_UP"}} 1"#),
        format!(r#"vaca_verified_access_calls_total{{{labels}"rest",result="UNAVAILABLE"}} 1"#),
        format!(r#"vaca_verified_access_call_duration_seconds_sum{{{labels}"grpc"}} 3.0"#),
    ] {
        assert!(text.contains(&line), "{line} in {text}");
    }
}

#[tokio::test]
async fn a_step_is_measured_by_the_clock_that_cannot_be_set() {
    let metrics = metrics();
    let clock = crate::clock::TestClock::at(Timestamp(0));
    let step = async { clock.advance(2) };
    metrics.stages.timed(Stage::Sign, &clock, step).await;
    let text = text(&metrics);
    let sum = r#"vaca_stage_duration_seconds_sum{stage="sign"} 2.0"#;
    let bucket = r#"vaca_stage_duration_seconds_bucket{le="2.5",stage="sign"} 1"#;
    assert!(text.contains(sum) && text.contains(bucket), "{text}");
}

#[test]
fn every_word_of_a_table_has_its_histogram() {
    let metrics = metrics();
    let second = std::time::Duration::from_secs(1);
    for (place, stage) in Stage::ALL.iter().enumerate() {
        assert_eq!(*stage as usize, place);
        metrics.stages.took(*stage, second);
    }
    for (place, ending) in Ending::ALL.iter().enumerate() {
        assert_eq!(*ending as usize, place);
        metrics.stages.ended(*ending, second);
    }
    let text = text(&metrics);
    let counted = text.lines().filter(|line| {
        let of_ours = line.starts_with("vaca_stage_") || line.starts_with("vaca_enrollment_");
        of_ours && line.contains("_count{") && line.ends_with(" 1")
    });
    assert_eq!(counted.count(), Stage::ALL.len() + Ending::ALL.len());
}
