//! What a monitoring system sees: everything that matters, and no word of a stranger's.

use std::net::Ipv4Addr;

use serde_json::json;
use vaca::store::certificates::Intend;
use vaca::store::fate::Fate;
use vaca_emulator::{Call, Fault, KeyAlgorithm, Scope};

use crate::support::{ALICE, Answer, START, TestCa, eventually};

async fn fetch(ca: &TestCa, url: &str) -> Answer {
    let client = ca.client_at(Ipv4Addr::LOCALHOST);
    Answer::of(client.get(url).send().await.unwrap()).await
}

#[tokio::test]
async fn an_enrolment_a_denial_and_an_outage_are_counted() {
    let ca = TestCa::start().await;
    let (_chromebook, response) = ca.alices_response().await;
    let (_chromebook, denied) = ca.alices_response().await;
    let (_chromebook, late) = ca.alices_response().await;
    let before = ca.scrape().await;
    // What will be counted is there from the start, so that its first increase is seen.
    let issued = r#"vaca_attempts_total{profile="wifi-user",outcome="issued",code="none"}"#;
    assert_eq!(before.of(issued), 0.0);
    assert_eq!(
        before.of(r#"vaca_challenges_total{profile="wifi-user"}"#),
        3.0
    );
    assert_eq!(
        before.of(r#"vaca_challenges_total{profile="wifi-device"}"#),
        0.0
    );
    assert_eq!(before.of("vaca_challenges_outstanding"), 3.0);

    let first = ca.present_alices(&response).await;
    first.issued();
    ca.emulator
        .faults()
        .next(Call::Verify, Fault::DeveloperMode);
    ca.present_alices(&denied).await.is("developer_mode");
    ca.emulator.faults().every(Call::Verify, Fault::Down);
    ca.present_alices(&late)
        .await
        .is("verified_access_unavailable");
    let after = ca.scrape().await;
    let outcome = |outcome: &str, code: &str| {
        let labels = format!(r#"profile="wifi-user",outcome="{outcome}",code="{code}""#);
        after.of(&format!("vaca_attempts_total{{{labels}}}"))
    };
    assert_eq!(outcome("issued", "none"), 1.0);
    assert_eq!(outcome("denied", "developer_mode"), 1.0);
    assert_eq!(outcome("unfinished", "verified_access_unavailable"), 1.0);
    let calls = |result: &str| {
        let labels =
            format!(r#"method="verify_challenge_response",transport="rest",result="{result}""#);
        after.of(&format!("vaca_verified_access_calls_total{{{labels}}}"))
    };
    assert_eq!(calls("OK"), 2.0);
    assert!(calls("UNAVAILABLE") >= 1.0);
    let steps = |stage: &str| {
        after.of(&format!(
            r#"vaca_stage_duration_seconds_count{{stage="{stage}"}}"#
        ))
    };
    assert_eq!(steps("challenge"), 3.0);
    assert_eq!(steps("bind"), 3.0);
    assert_eq!(steps("verified_access"), 3.0);
    // Policy saw the developer mode.
    assert_eq!((steps("verdict"), steps("policy")), (2.0, 2.0));
    assert_eq!(steps("webhook"), 0.0, "no profile names one");
    for stage in ["prepare", "intend", "sign", "record"] {
        assert_eq!(steps(stage), 1.0, "{stage}");
    }
    assert_eq!(after.of("vaca_challenges_outstanding"), 0.0);
    assert!(after.of(r#"vaca_commits_total{result="committed"}"#) >= 9.0);
    assert_eq!(after.of(r#"vaca_commits_total{result="failed"}"#), 0.0);
    assert!(after.of("vaca_commit_commands_sum") >= 9.0);

    // The same bytes again are answered, and are no second attempt.
    let again = ca.present_alices(&response).await;
    assert_eq!((again.status, again.text), (200, first.text));
    let repeated = ca.scrape().await;
    assert_eq!(repeated.of(issued), 1.0);
    let ended = |outcome: &str| {
        repeated.of(&format!(
            r#"vaca_enrollment_duration_seconds_count{{outcome="{outcome}"}}"#
        ))
    };
    assert_eq!(
        (ended("issued"), ended("repeated"), ended("refused")),
        (1.0, 1.0, 2.0)
    );
    ca.check().await;
}

#[tokio::test]
async fn whoever_never_comes_back_is_counted_when_the_schedule_closes_the_attempt() {
    let ca = TestCa::start().await;
    let (_chromebook, response) = ca.alices_response().await;
    ca.emulator.faults().every(Call::Verify, Fault::Down);
    ca.present_alices(&response)
        .await
        .is("verified_access_unavailable");
    ca.clock.advance(120);
    let closed =
        r#"vaca_attempts_total{profile="wifi-user",outcome="denied",code="challenge_expired"}"#;
    eventually("the attempt is closed and counted", async || {
        ca.scrape().await.has(closed)
    })
    .await;
    assert_eq!(ca.scrape().await.of(closed), 1.0);
    ca.check().await;
}

/// The first CRLs come with events and series of their own, a moment after the start.
async fn first_crls(ca: &TestCa) {
    let are_served = async || ca.scrape().await.text.matches("\nvaca_crl_number{").count() == 2;
    eventually("the CRLs are served", are_served).await;
}

#[tokio::test]
async fn a_stranger_writes_nothing_into_it_and_does_not_fill_it() {
    let ca = TestCa::start().await;
    let client = ca.client_at(Ipv4Addr::LOCALHOST);
    let annoy = async |number: usize| {
        let word = format!("mallory{number}");
        let method = reqwest::Method::from_bytes(word.as_bytes()).unwrap();
        for (method, path) in [
            (reqwest::Method::GET, format!("/{word}")),
            (reqwest::Method::GET, format!("/ca/{word}.crt")),
            (reqwest::Method::GET, format!("/problems/{word}")),
            (method, "/v1/challenges".to_owned()),
        ] {
            let url = format!("{}{path}", ca.api);
            client.request(method, url).send().await.unwrap();
        }
        let body = json!({ "profile": word });
        ca.post("/v1/challenges", &body).await.is("unknown_profile");
        let body = json!({ "profile": word, "challenge_response": "AAAA" });
        ca.post("/v1/certificates", &body).await;
        ca.present(
            word.as_bytes(),
            "wifi-user",
            Some(&format!("{word}@example.com")),
        )
        .await
        .is("malformed_challenge_response");
        ca.present(word.as_bytes(), "wifi-user", Some(&word))
            .await
            .is("invalid_email");
    };
    first_crls(&ca).await;
    annoy(0).await;
    let one = ca.scrape().await;
    assert_eq!(
        one.of(r#"vaca_refused_requests_total{code="unknown_profile"}"#),
        2.0
    );
    for number in 1..20 {
        annoy(number).await;
    }
    let many = ca.scrape().await;
    assert_eq!(
        many.of(r#"vaca_refused_requests_total{code="unknown_profile"}"#),
        40.0
    );
    assert_eq!(one.names(), many.names(), "nobody makes a series");
    assert!(!many.text.contains("mallory"), "{}", many.text);
    ca.check().await;
}

#[tokio::test]
async fn it_is_for_operators_alone() {
    let ca = TestCa::start().await;
    for base in [&ca.api, &ca.pki] {
        fetch(&ca, &format!("{base}/metrics")).await.is("not_found");
    }
    let metrics = format!("{}/metrics", ca.admin);
    fetch(&ca, &metrics).await.is("not_found");
    // Nothing is written down of a look, which comes a few times a minute for ever.
    let events = "SELECT count(*) FROM events";
    first_crls(&ca).await;
    let before = ca.count(events).await;
    let scraped = ca.scrape().await;
    assert_eq!(ca.count(events).await, before);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        scraped.of(&format!(r#"vaca_build_info{{version="{version}"}}"#)),
        1.0
    );
    let ends = scraped.of(r#"vaca_issuer_expiry_timestamp_seconds{issuer="issuing"}"#);
    assert!(ends > START.0 as f64, "{ends}");
    ca.check().await;
}

#[tokio::test]
async fn what_is_not_known_has_no_series() {
    let endpoint = "endpoint = \"test\"";
    let ca = TestCa::start_with(
        |configuration| {
            configuration.replace(endpoint, &format!("{endpoint}\ntoken = \"jwt_bearer\""))
        },
        |mut options| {
            // Assertions are stamped by our clock, other than what Google's library makes.
            options.token_clock = options.clock.clone();
            options
        },
    )
    .await;
    let first = ca.scrape().await;
    assert!(!first.has("vaca_clock_offset_seconds"));
    assert_eq!(first.of("vaca_clock_trusted"), 1.0);
    // The first token is made at the start.
    let ends = first.of("vaca_access_token_expiry_timestamp_seconds");
    assert!(
        ends > START.0 as f64 && ends <= (START.0 + 3600) as f64,
        "{ends}"
    );
    ca.challenge("wifi-user").await;
    let second = ca.scrape().await;
    assert_eq!(second.of("vaca_clock_offset_seconds"), 0.0);
    assert_eq!(second.of("vaca_readers_max"), 4.0);
    assert!(second.of("vaca_readers_in_use") <= 4.0);
    assert_eq!(second.of("vaca_verified_access_misconfigured"), 0.0);
    for (what, series) in [
        ("the writer is idle", "vaca_writer_queue_commands"),
        ("every event has a number", "vaca_audit_events_unsequenced"),
    ] {
        eventually(what, async || ca.scrape().await.of(series) == 0.0).await;
    }
    ca.emulator
        .faults()
        .every(Call::Generate, Fault::status("UNAUTHENTICATED"));
    let body = json!({ "profile": "wifi-user" });
    ca.post("/v1/challenges", &body)
        .await
        .is("verified_access_misconfigured");
    let third = ca.scrape().await;
    assert_eq!(third.of("vaca_verified_access_misconfigured"), 1.0);
    assert!(!third.has("vaca_access_token_expiry_timestamp_seconds"));
    ca.check().await;
}

#[tokio::test]
async fn a_record_that_does_not_answer_hides_nothing_else() {
    let ca = TestCa::start().await;
    let unsequenced = "vaca_audit_events_unsequenced";
    assert!(ca.scrape().await.has(unsequenced), "and there is a token");
    ca.execute("ALTER TABLE events RENAME TO elsewhere").await;
    let scraped = ca.scrape().await;
    assert!(!scraped.has(unsequenced));
    assert!(scraped.has("vaca_challenges_outstanding"));
    ca.execute("ALTER TABLE elsewhere RENAME TO events").await;
    assert!(ca.scrape().await.has(unsequenced));
    ca.check().await;
}

#[tokio::test]
async fn a_commit_that_fails_is_counted() {
    let ca = TestCa::start().await;
    let (_chromebook, response) = ca.alices_response().await;
    ca.commits.next(std::any::type_name::<Intend>(), Fate::Lost);
    ca.present_alices(&response).await.is("storage_unavailable");
    let scraped = ca.scrape().await;
    assert_eq!(scraped.of(r#"vaca_commits_total{result="failed"}"#), 1.0);
    assert_eq!(
        scraped.of(
            r#"vaca_attempts_total{profile="wifi-user",outcome="unfinished",code="storage_unavailable"}"#
        ),
        1.0
    );
    ca.present_alices(&response).await.issued();
    ca.check().await;
}

#[tokio::test]
async fn devices_and_both_transports_are_told_apart() {
    let ca = TestCa::start_with(
        |configuration| configuration.replace("transport = \"rest\"", "transport = \"grpc\""),
        |options| options,
    )
    .await;
    let mut chromebook = ca.chromebook(ALICE).await;
    let response = ca
        .response(
            &mut chromebook,
            "wifi-device",
            Scope::Machine,
            KeyAlgorithm::Ecdsa,
        )
        .await;
    ca.present(&response, "wifi-device", None).await.issued();
    let scraped = ca.scrape().await;
    let calls = |method: &str, result: &str| {
        scraped.of(&format!(
            r#"vaca_verified_access_calls_total{{method="{method}",transport="grpc",result="{result}"}}"#
        ))
    };
    assert_eq!(calls("generate_challenge", "OK"), 1.0);
    // A wrong identity was asked about first, and was refused.
    assert_eq!(calls("verify_challenge_response", "OK"), 1.0);
    assert_eq!(
        scraped.of(r#"vaca_attempts_total{profile="wifi-device",outcome="issued",code="none"}"#),
        1.0
    );
    assert!(!scraped.text.contains("transport=\"rest\""));
    ca.check().await;
}
