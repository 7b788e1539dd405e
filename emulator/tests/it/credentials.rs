//! Who may call, and how much each learns.

use serde_json::{Value, json};
use tonic::Code;
use vaca_emulator::service_accounts::Access;
use vaca_emulator::{KeyAlgorithm, Scope};

use crate::support::{Caller, SCOPE, TestBed, bearer, scope_claims};

#[tokio::test]
async fn limited_access_learns_no_request_and_no_ids() {
    let bed = TestBed::start().await;
    let mut chromebook = bed.chromebook().await;
    let limited = bed.limited_caller().await;
    let challenge = limited.generate().await.unwrap();
    for scope in [Scope::User, Scope::Machine] {
        let register = Some(KeyAlgorithm::Ecdsa);
        let response = chromebook
            .challenge_key(&challenge, scope, register)
            .await
            .unwrap();
        let result = limited.verify(&response, "").await.unwrap();
        assert_eq!(result.signed_public_key_and_challenge, "");
        assert_eq!(result.device_permanent_id, "");
        assert_eq!(result.device_enrollment_id, "");
        assert_eq!(result.virtual_device_id, "");
        assert_eq!(result.customer_id, "C01example");
    }
}

#[tokio::test]
async fn tokens_are_checked() {
    let bed = TestBed::start().await;
    let file = bed.emulator.service_account_json();
    let claims = |change: fn(&mut Value, i64)| {
        bearer(&file, |email, now| {
            let mut claims = scope_claims(email, now);
            change(&mut claims, now);
            claims
        })
    };
    let audience = claims(|claims, _| {
        claims["scope"] = Value::Null;
        claims["aud"] = json!("https://verifiedaccess.googleapis.com/");
    });
    let accepted = Caller::connect(&bed.emulator, &audience).await;
    accepted.generate().await.unwrap();

    let good = claims(|_, _| {});
    let mut tampered = good.clone();
    tampered.replace_range(tampered.len() - 8..tampered.len() - 4, "AAAA");
    let none = format!("{}.", good.rsplit_once('.').unwrap().0);
    for (name, token) in [
        ("garbage", "garbage".to_owned()),
        ("empty", String::new()),
        ("tampered", tampered),
        ("unsigned", none),
        ("expired", claims(|claims, now| claims["exp"] = json!(now))),
        (
            "lives long",
            claims(|claims, now| claims["exp"] = json!(now + 86_400)),
        ),
        (
            "future",
            claims(|claims, now| claims["iat"] = json!(now + 3_000)),
        ),
        (
            "other scope",
            claims(|claims, _| claims["scope"] = json!(format!("{SCOPE}.readonly"))),
        ),
        (
            "other audience",
            claims(|claims, _| {
                claims["scope"] = Value::Null;
                claims["aud"] = json!("https://storage.googleapis.com/");
            }),
        ),
        (
            "impersonates",
            claims(|claims, _| claims["sub"] = json!("alice@example.com")),
        ),
        (
            "stranger",
            claims(|claims, _| claims["iss"] = json!("stranger@example.com")),
        ),
    ] {
        let caller = Caller::connect(&bed.emulator, &token).await;
        let refused = caller.generate().await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{name}");
        let refused = caller.verify(b"", "").await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{name}");
    }
}

#[tokio::test]
async fn an_account_on_no_list_is_denied() {
    let bed = TestBed::start().await;
    let file: Value = serde_json::from_str(&bed.emulator.service_account_json()).unwrap();
    let email = file["client_email"].as_str().unwrap();
    assert!(
        bed.emulator
            .service_accounts()
            .set_access(email, Access::None)
    );
    let refused = bed.caller.generate().await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let refused = bed.caller.verify(b"", "").await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn the_token_endpoint_gives_a_token_for_an_assertion() {
    let bed = TestBed::start().await;
    let file = bed.emulator.service_account_json();
    let endpoint = format!("{}/emulator/v1/token", bed.emulator.control_url());
    let parsed: Value = serde_json::from_str(&file).unwrap();
    assert_eq!(parsed["token_uri"], endpoint.as_str());
    let assertion = |audience: &str| {
        bearer(
            &file,
            |email, now| json!({"iss": email, "scope": SCOPE, "aud": audience, "iat": now, "exp": now + 3600}),
        )
    };
    let exchange = |assertion: String| {
        let form = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}"
        );
        crate::support::post_form(&endpoint, form)
    };

    let (status, answer) = exchange(assertion(&endpoint)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["token_type"], "Bearer");
    let caller = Caller::connect(&bed.emulator, answer["access_token"].as_str().unwrap()).await;
    caller.generate().await.unwrap();

    let (status, answer) = exchange(assertion("https://oauth2.googleapis.com/token")).await;
    assert_eq!(status, 400);
    assert_eq!(answer["error"], "invalid_grant");
}
