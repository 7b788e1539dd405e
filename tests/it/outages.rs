//! Verified Access slow, down, refusing us, or speaking nonsense; our clock wrong. Refused is not
//! unavailable, and what is unavailable comes back with the same bytes.

use vaca::cli::{InitArguments, initialize};
use vaca::clock::TestClock;
use vaca::config::Config;
use vaca::random::SystemRandom;
use vaca_emulator::{Call, Fault, KeyAlgorithm, Scope, forge};

use crate::support::{ALICE, Answer, START, TestCa};

const MISCONFIGURED: &str = "verified_access_misconfigured";
const UNAVAILABLE: &str = "verified_access_unavailable";

fn slow(milliseconds: u64) -> Fault {
    Fault::Slow { milliseconds }
}

async fn ask_for_challenge(ca: &TestCa) -> Answer {
    let body = serde_json::json!({ "profile": "wifi-user" });
    ca.post("/v1/challenges", &body).await
}

#[tokio::test]
async fn a_slow_google_is_waited_for_until_the_challenge_has_no_time_left() {
    let ca = TestCa::start().await;
    let (_chromebook, response) = ca.alices_response().await;
    let (_chromebook, late) = ca.alices_response().await;
    ca.emulator.faults().next(Call::Verify, slow(300));
    ca.present(&response, "wifi-user", Some(ALICE))
        .await
        .issued();
    // Three seconds are left: too little for this call, enough for another try.
    ca.clock.advance(57);
    ca.emulator.faults().every(Call::Verify, slow(20_000));
    let first = ca.present(&late, "wifi-user", Some(ALICE)).await;
    assert_eq!(first.is(UNAVAILABLE).status, 503);
    assert_eq!(first.json["action"], "retry_same");
    // One second: whoever waits would come too late.
    ca.clock.advance(2);
    let second = ca.present(&late, "wifi-user", Some(ALICE)).await;
    assert_eq!(second.is("challenge_expired").json["action"], "restart");
    assert_eq!(second.attempt(), first.attempt());
    // What was told stands, also where Google is back within the minute.
    ca.emulator.faults().clear();
    let third = ca.present(&late, "wifi-user", Some(ALICE)).await;
    assert_eq!(third.is("challenge_expired").text, second.text);
    ca.check().await;
}

#[tokio::test]
async fn the_same_bytes_succeed_once_google_is_back() {
    let ca = TestCa::start().await;
    for fault in [
        Fault::Down,
        Fault::status("500"),
        Fault::status("CANCELLED"),
        Fault::status("429"),
        Fault::status("UNIMPLEMENTED"),
        Fault::status("DATA_LOSS"),
        Fault::Malformed,
    ] {
        let (_chromebook, response) = ca.alices_response().await;
        ca.emulator.faults().every(Call::Verify, fault.clone());
        let first = ca.present(&response, "wifi-user", Some(ALICE)).await;
        assert_eq!(first.is(UNAVAILABLE).status, 503, "{fault:?}");
        assert!(first.json["retry_after"].as_u64().unwrap() >= 1);
        assert!(ca.ready("verified_access").await, "an outage is not ours");
        ca.emulator.faults().clear();
        let second = ca.present(&response, "wifi-user", Some(ALICE)).await;
        assert_eq!(second.issued().attempt(), first.attempt());
    }
    ca.check().await;
}

#[tokio::test]
async fn a_hiccup_is_not_noticed_and_a_quota_is_not_pressed() {
    let ca = TestCa::start().await;
    for (fault, times, issued) in [
        (Fault::Down, 3, true),
        (Fault::Malformed, 1, true),
        (Fault::status("429"), 1, true),
        (Fault::status("429"), 2, false),
    ] {
        let before = ca.emulator.calls().verify;
        let (_chromebook, response) = ca.alices_response().await;
        ca.emulator
            .faults()
            .next_calls(Call::Verify, times, fault.clone());
        let answer = ca.present(&response, "wifi-user", Some(ALICE)).await;
        assert_eq!(answer.status == 201, issued, "{fault:?}: {}", answer.text);
        let calls = ca.emulator.calls().verify - before;
        assert_eq!(calls, u64::from(times) + u64::from(issued), "{fault:?}");
    }
    ca.check().await;
}

#[tokio::test]
async fn an_outage_that_outlives_the_challenge_ends_the_attempt() {
    let ca = TestCa::start().await;
    let (_chromebook, response) = ca.alices_response().await;
    ca.emulator.faults().every(Call::Verify, Fault::Down);
    ca.present(&response, "wifi-user", Some(ALICE))
        .await
        .is(UNAVAILABLE);
    ca.clock.advance(60);
    let asked = ca.emulator.calls().verify;
    ca.emulator.faults().clear();
    for _ in 0..2 {
        let answer = ca.present(&response, "wifi-user", Some(ALICE)).await;
        answer.is("challenge_expired");
        assert!(answer.json.get("attempt").is_some());
    }
    assert_eq!(ca.emulator.calls().verify, asked);
    assert_eq!(ca.rows("SELECT state FROM attempts").await, ["denied"]);
    ca.nothing_issued().await;
    ca.check().await;
}

#[tokio::test]
async fn a_credential_that_google_refuses_is_our_alarm_and_nobodys_denial() {
    let ca = TestCa::start().await;
    let (_chromebook, response) = ca.alices_response().await;
    ca.emulator
        .faults()
        .every(Call::Verify, Fault::status("401"));
    let first = ca.present(&response, "wifi-user", Some(ALICE)).await;
    assert_eq!(first.is(MISCONFIGURED).status, 503);
    assert!(!ca.ready("verified_access").await);
    ca.emulator.faults().clear();
    let second = ca.present(&response, "wifi-user", Some(ALICE)).await;
    assert_eq!(second.issued().attempt(), first.attempt());
    assert!(ca.ready("verified_access").await);
    ca.check().await;
}

#[tokio::test]
async fn permission_denied_before_any_success_is_our_allow_listing() {
    let ca = TestCa::start().await;
    let (_chromebook, response) = ca.alices_response().await;
    ca.emulator
        .faults()
        .every(Call::Verify, Fault::status("403"));
    let answer = ca.present(&response, "wifi-user", Some(ALICE)).await;
    assert_eq!(answer.is(MISCONFIGURED).status, 503);
    assert!(!ca.ready("verified_access").await);
    // A challenge proves nothing about the allow-list.
    ca.challenge("wifi-user").await;
    assert!(!ca.ready("verified_access").await);
    ca.nothing_issued().await;
    ca.emulator.faults().clear();
    ca.present(&response, "wifi-user", Some(ALICE))
        .await
        .issued();
    assert!(ca.ready("verified_access").await);
    ca.check().await;
}

#[tokio::test]
async fn permission_denied_after_a_success_is_this_device_for_an_hour_and_twenty_in_a_row_are_us() {
    let ca = TestCa::start().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    ca.emulator
        .faults()
        .every(Call::Verify, Fault::status("403"));
    let (_chromebook, response) = ca.alices_response().await;
    let first = ca.present(&response, "wifi-user", Some(ALICE)).await;
    assert_eq!(first.is("device_not_permitted").status, 403);
    assert_eq!(first.header("retry-after"), "3600");
    let asked = ca.emulator.calls().verify;
    ca.clock.advance(600);
    let again = ca.present(&response, "wifi-user", Some(ALICE)).await;
    assert_eq!(
        again.is("device_not_permitted").header("retry-after"),
        "3000"
    );
    assert_eq!(again.attempt(), first.attempt());
    assert_eq!(ca.emulator.calls().verify, asked);
    for denials in 2..=20 {
        let challenge = ca.challenge("wifi-user").await;
        let forged = forge::fabricated(&challenge).unwrap();
        let answer = ca.present(&forged, "wifi-user", Some(ALICE)).await;
        let code = if denials < 20 {
            "device_not_permitted"
        } else {
            MISCONFIGURED
        };
        answer.is(code);
        assert_eq!(ca.ready("verified_access").await, denials < 20);
    }
    ca.emulator.faults().clear();
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    assert!(ca.ready("verified_access").await);
    ca.check().await;
}

#[tokio::test]
async fn without_a_challenge_from_google_there_is_none() {
    let ca = TestCa::start().await;
    for (fault, code, ready) in [
        (Fault::Down, UNAVAILABLE, true),
        (Fault::status("429"), UNAVAILABLE, true),
        (Fault::Malformed, UNAVAILABLE, true),
        (Fault::status("401"), MISCONFIGURED, false),
        (Fault::status("403"), MISCONFIGURED, false),
        (Fault::status("400"), MISCONFIGURED, false),
    ] {
        ca.emulator.faults().every(Call::Generate, fault.clone());
        let answer = ask_for_challenge(&ca).await;
        assert_eq!(answer.is(code).status, 503, "{fault:?}");
        assert_eq!(ca.ready("verified_access").await, ready, "{fault:?}");
        ca.emulator.faults().clear();
    }
    assert_eq!(ca.count("SELECT count(*) FROM challenges").await, 0);
    ca.challenge("wifi-user").await;
    assert!(ca.ready("verified_access").await);
    ca.check().await;
}

#[tokio::test]
async fn a_service_account_with_limited_access_certifies_nobody() {
    let mut ca = TestCa::start().await;
    ca.stop().await;
    let key = ca.folder.path().join("service-account.json");
    std::fs::write(&key, ca.emulator.limited_service_account_json()).unwrap();
    ca.serve().await.unwrap();
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .is("certificate_request_missing");
    ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .is("device_id_missing");
    ca.nothing_issued().await;
    ca.check().await;
}

#[tokio::test]
async fn a_key_file_that_cannot_work_is_found_at_the_start() {
    let mut ca = TestCa::start().await;
    let file = ca.folder.path().join("service-account.json");
    let good = ca.emulator.service_account_json();
    let garbage = good.replace(
        "-----BEGIN PRIVATE KEY-----\\n",
        "-----BEGIN PRIVATE KEY-----\\nAAAA",
    );
    assert_ne!(garbage, good);
    for (text, said) in [
        ("", "is not a service account's key"),
        ("{}", "is not a service account's key"),
        (
            "{\"type\": \"authorized_user\"}",
            "is not a service account's key",
        ),
        (garbage.as_str(), "service account"),
    ] {
        std::fs::write(&file, text).unwrap();
        let error = ca.start_refused().await;
        assert!(error.starts_with("[verified_access]: "), "{error}");
        assert!(error.contains(said), "{error}");
        assert!(!error.contains("AAAA"), "{error}");
    }
    std::fs::remove_file(&file).unwrap();
    let error = ca.start_refused().await;
    assert!(
        error.contains("service-account.json cannot be read"),
        "{error}"
    );
    // A well-formed key that Google does not know is found with the first challenge.
    std::fs::write(&file, good.replace("@emulated-project", "@other-project")).unwrap();
    ca.serve().await.unwrap();
    ask_for_challenge(&ca).await.is(MISCONFIGURED);
    assert!(!ca.ready("verified_access").await);
    ca.check().await;
}

#[tokio::test]
async fn the_token_exchange_is_a_switch() {
    let mut ca = TestCa::start_with(
        |configuration| {
            let endpoint = "endpoint = \"test\"";
            configuration.replace(endpoint, &format!("{endpoint}\ntoken = \"jwt_bearer\""))
        },
        |mut options| {
            // Assertions are stamped by our clock, other than what Google's library makes.
            options.token_clock = options.clock.clone();
            options
        },
    )
    .await;
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    let file = ca.folder.path().join("service-account.json");
    let unknown = ca.emulator.service_account_json();
    std::fs::write(
        &file,
        unknown.replace("@emulated-project", "@other-project"),
    )
    .unwrap();
    let error = ca.start_refused().await;
    assert!(error.contains("invalid_grant"), "{error}");
    ca.check().await;
}

#[tokio::test]
async fn over_tls_only_the_configured_root_is_believed() {
    let mut ca = TestCa::start_with(
        |configuration| configuration,
        |mut options| {
            options.tls = true;
            options
        },
    )
    .await;
    assert!(ca.emulator.verified_access_url().starts_with("https://"));
    ask_for_challenge(&ca).await.is(UNAVAILABLE);
    assert_eq!(ca.emulator.calls().generate, 0);
    ca.stop().await;
    let root = ca.emulator.root_certificate_pem().unwrap();
    std::fs::write(ca.folder.path().join("va-root.pem"), root).unwrap();
    ca.reconfigure(
        "endpoint = \"test\"",
        "endpoint = \"test\"\nroot_certificate_file = \"va-root.pem\"",
    );
    ca.serve().await.unwrap();
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    ca.check().await;
}

#[tokio::test]
async fn an_issuer_serves_the_endpoint_that_it_was_made_for() {
    let mut ca = TestCa::start().await;
    // Ours says "test"; Google's endpoint is not for it.
    let url = format!("url = \"{}\"\n", ca.emulator.verified_access_url());
    ca.reconfigure(&url, "");
    ca.reconfigure("endpoint = \"test\"", "endpoint = \"google\"");
    let error = ca.start_refused().await;
    assert!(error.contains("[[issuer]] issuing"), "{error}");
    assert!(error.contains("test"), "{error}");
    assert_eq!(ca.emulator.calls().generate, 0);

    // The reverse: an issuer for Google, asked to believe a local server.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vaca.toml");
    for name in ["service-account.json", "vaca.toml"] {
        std::fs::copy(ca.folder.path().join(name), folder.path().join(name)).unwrap();
    }
    let config = Config::load(&file).unwrap();
    vaca::store::migrate::run(&config.database).await.unwrap();
    let mut arguments = InitArguments::for_tests();
    let clock = TestClock::at(START);
    let refused = initialize(&config, &arguments, &clock, &SystemRandom).await;
    let error = format!("{:#}", refused.err().unwrap());
    assert!(error.contains("without --test"), "{error}");
    arguments.test = false;
    initialize(&config, &arguments, &clock, &SystemRandom)
        .await
        .unwrap();
    ca.reconfigure(
        "endpoint = \"google\"",
        &format!("endpoint = \"test\"\n{url}"),
    );
    std::fs::copy(ca.configuration_file(), &file).unwrap();
    let config = Config::load(&file).unwrap();
    let error = vaca::server::load_issuer(&config.issuers[0], &config.verified_access);
    let error = format!("{:#}", error.err().unwrap());
    assert!(error.contains("[[issuer]] issuing"), "{error}");
    ca.serve().await.unwrap();
    ca.check().await;
}

#[tokio::test]
async fn a_clock_that_differs_from_googles_signs_nothing_until_somebody_has_looked() {
    let mut ca = TestCa::start().await;
    for minutes in [3, -3] {
        let (_chromebook, before) = ca.alices_response().await;
        let skew = Fault::ClockSkew {
            milliseconds: minutes * 60_000,
        };
        ca.emulator.faults().next(Call::Generate, skew);
        let answer = ask_for_challenge(&ca).await;
        assert_eq!(answer.is("clock_untrusted").status, 503);
        assert!(!ca.ready("clock").await);
        // Google's clock is right again; ours was never looked at.
        ask_for_challenge(&ca).await.is("clock_untrusted");
        let asked = ca.emulator.calls().verify;
        ca.present(&before, "wifi-user", Some(ALICE))
            .await
            .is("clock_untrusted");
        assert_eq!(ca.emulator.calls().verify, asked);
        let open = ca.count("SELECT count(*) FROM attempts WHERE state = 'bound'");
        assert_eq!(open.await, 1);
        ca.stop().await;
        ca.serve().await.unwrap();
        ca.present(&before, "wifi-user", Some(ALICE)).await.issued();
    }
    ca.check().await;
}

#[tokio::test]
async fn a_clock_that_becomes_wrong_while_google_answers_signs_nothing() {
    let mut ca = TestCa::start().await;
    let (_chromebook, response) = ca.alices_response().await;
    ca.emulator.faults().next(Call::Verify, slow(800));
    let skewed = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let skew = Fault::ClockSkew {
            milliseconds: 180_000,
        };
        ca.emulator.faults().next(Call::Generate, skew);
        ask_for_challenge(&ca).await.is("clock_untrusted");
    };
    let (answer, ()) = tokio::join!(ca.present(&response, "wifi-user", Some(ALICE)), skewed);
    answer.is("clock_untrusted");
    ca.nothing_issued().await;
    ca.stop().await;
    ca.serve().await.unwrap();
    let asked = ca.emulator.calls().verify;
    ca.present(&response, "wifi-user", Some(ALICE))
        .await
        .issued();
    assert_eq!(ca.emulator.calls().verify, asked, "the verdict was kept");
    ca.check().await;
}

#[tokio::test]
async fn a_clock_that_was_set_back_does_not_start() {
    let mut ca = TestCa::start().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    ca.clock.jump(-121);
    let error = ca.start_refused().await;
    assert!(error.contains("set the clock"), "{error}");
    ca.clock.jump(1);
    ca.serve().await.unwrap();
    let response = ca
        .response(
            &mut chromebook,
            "wifi-device",
            Scope::Machine,
            KeyAlgorithm::Ecdsa,
        )
        .await;
    ca.present(&response, "wifi-device", None).await.issued();
    ca.check().await;
}
