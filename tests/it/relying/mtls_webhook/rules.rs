//! The example's own judgement of tokens and keeping of keys, without a server: the same files, read by
//! their paths.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::signer::{AGENT, AUDIENCE, ISSUER, Signer, claims, claims_but, part, set};

#[expect(dead_code, reason = "the example itself uses the rest")]
#[path = "../../../../examples/mtls_webhook/refusal.rs"]
mod refusal;

#[path = "../../../../examples/mtls_webhook/keys.rs"]
mod keys;
#[path = "../../../../examples/mtls_webhook/quote.rs"]
mod quote;
#[path = "../../../../examples/mtls_webhook/token.rs"]
mod token;

use keys::{Fetched, Keys, Missing, Place, parse};
use token::{Rules, Tokens, Whose};

/// Answers what it was given, in order, and counts how often it is asked; then nothing.
#[derive(Clone, Default)]
struct Shelf {
    sets: Arc<Mutex<VecDeque<String>>>,
    asked: Arc<Mutex<usize>>,
}

impl Shelf {
    fn put(&self, set: String) {
        self.sets.lock().unwrap().push_back(set);
    }

    fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }
}

impl Place for Shelf {
    fn fetch(&self) -> Fetched<'_> {
        *self.asked.lock().unwrap() += 1;
        let set = self.sets.lock().unwrap().pop_front();
        Box::pin(async move {
            let set = set.ok_or_else(|| anyhow::anyhow!("it is away"))?;
            Ok(set.into_bytes())
        })
    }
}

/// A set with these keys, on a shelf, and the agent's e-mail.
async fn tokens(signers: &[&Signer]) -> (Tokens, Shelf) {
    let whose = Whose {
        emails: vec![AGENT.to_owned()],
        ..Whose::default()
    };
    tokens_of(whose, signers).await
}

async fn tokens_of(whose: Whose, signers: &[&Signer]) -> (Tokens, Shelf) {
    let shelf = Shelf::default();
    shelf.put(set(signers));
    let keys = Keys::load(Box::new(shelf.clone()), token::now()).await;
    let tokens = Tokens {
        rules: Rules::new(AUDIENCE, ISSUER, whose),
        keys: keys.unwrap(),
    };
    (tokens, shelf)
}

fn bearer(token: &str) -> http::HeaderMap {
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    headers
}

async fn code(tokens: &Tokens, token: &str) -> &'static str {
    match tokens.check(&bearer(token), token::now()).await {
        Ok(agent) => {
            assert_eq!(agent, AGENT);
            "let in"
        }
        Err(refusal) => {
            let signature = token.rsplit('.').next().unwrap();
            assert!(signature.is_empty() || !refusal.cause.contains(signature));
            refusal.code
        }
    }
}

#[tokio::test]
async fn each_claim_decides() {
    let (one, two) = (Signer::ecdsa("one"), Signer::rsa("two").await);
    let (tokens, _) = tokens(&[&one, &two]).await;
    let now = claims()["iat"].as_i64().unwrap();
    let cases = [
        (claims(), "let in"),
        (
            claims_but("aud", json!(["https://example.net", AUDIENCE])),
            "let in",
        ),
        (claims_but("exp", json!(now - 5)), "let in"),
        (claims_but("nbf", json!(now + 5)), "let in"),
        (
            claims_but("aud", json!("https://example.net/webhook")),
            "token_audience",
        ),
        (
            claims_but("aud", json!(format!("{AUDIENCE}/"))),
            "token_audience",
        ),
        (claims_but("aud", json!([])), "token_audience"),
        (claims_but("aud", Value::Null), "token_malformed"),
        (claims_but("aud", json!(7)), "token_malformed"),
        (
            claims_but("iss", json!("https://accounts.example.net")),
            "token_issuer",
        ),
        (claims_but("iss", Value::Null), "token_malformed"),
        (claims_but("exp", json!(now - 120)), "token_expired"),
        (claims_but("exp", Value::Null), "token_malformed"),
        (claims_but("exp", json!("tomorrow")), "token_malformed"),
        (claims_but("exp", json!(-1)), "token_malformed"),
        (claims_but("nbf", json!(now + 120)), "token_not_yet_valid"),
        (claims_but("nbf", json!("then")), "token_malformed"),
        (
            claims_but("email", json!("mallory@example.com")),
            "token_of_another",
        ),
        (
            claims_but("email", json!("AGENT@example.com")),
            "token_of_another",
        ),
        (claims_but("email", Value::Null), "token_of_another"),
        (
            claims_but("email_verified", json!(false)),
            "token_of_another",
        ),
        (
            claims_but("email_verified", Value::Null),
            "token_of_another",
        ),
        (
            claims_but("email_verified", json!("true")),
            "token_malformed",
        ),
    ];
    for signer in [&one, &two] {
        for (claims, expected) in &cases {
            let token = signer.token(claims).await;
            assert_eq!(code(&tokens, &token).await, *expected, "{claims}");
        }
    }
}

#[tokio::test]
async fn a_subject_is_as_good_as_an_email() {
    let signer = Signer::ecdsa("one");
    let whose = Whose {
        subjects: vec!["1".to_owned()],
        ..Whose::default()
    };
    let (tokens, _) = tokens_of(whose, &[&signer]).await;
    for (claims, is_let_in) in [
        (claims_but("email", Value::Null), true),
        (claims_but("sub", json!("2")), false),
        (claims_but("sub", Value::Null), false),
    ] {
        let token = signer.token(&claims).await;
        let checked = tokens.check(&bearer(&token), token::now()).await;
        assert_eq!(checked.is_ok(), is_let_in, "{claims}");
    }
}

#[tokio::test]
async fn the_algorithm_is_the_keys_and_never_the_tokens() {
    let (one, two) = (Signer::ecdsa("one"), Signer::rsa("two").await);
    let (tokens, _) = tokens(&[&one, &two]).await;
    for signer in [&one, &two] {
        for confused in signer.confused() {
            assert_eq!(code(&tokens, &confused).await, "token_algorithm");
        }
        for none in [
            "none", "None", "NONE", "", "HS512", "PS256", "ES384", "EdDSA",
        ] {
            assert_eq!(
                code(&tokens, &signer.unsigned(none)).await,
                "token_algorithm",
                "{none}"
            );
        }
        let own = signer.header()["alg"].as_str().unwrap().to_owned();
        assert_eq!(
            code(&tokens, &signer.unsigned(&own)).await,
            "token_signature"
        );
    }
    // Each with the other's name, and with the other's algorithm besides.
    let crossed = one
        .token_with(&json!({ "alg": "ES256", "kid": "two" }), &claims())
        .await;
    assert_eq!(code(&tokens, &crossed).await, "token_algorithm");
    let crossed = one
        .token_with(&json!({ "alg": "RS256", "kid": "two" }), &claims())
        .await;
    assert_eq!(code(&tokens, &crossed).await, "token_signature");
    // A key that comes along with the token is nobody's.
    let stranger = Signer::ecdsa("one");
    let brought = json!({ "alg": "ES256", "kid": "one", "jwk": stranger.jwk() });
    let brought = stranger.token_with(&brought, &claims()).await;
    assert_eq!(code(&tokens, &brought).await, "token_signature");
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let signer = Signer::ecdsa("one");
    let (tokens, _) = tokens(&[&signer]).await;
    let good = signer.token(&claims()).await;
    let parts: Vec<_> = good.split('.').collect();
    let nameless = signer
        .token_with(&json!({ "alg": "ES256" }), &claims())
        .await;
    let critical = json!({ "alg": "ES256", "kid": "one", "crit": ["exp"] });
    let critical = signer.token_with(&critical, &claims()).await;
    for (token, expected) in [
        (String::new(), "token_malformed"),
        ("ya29.opaque".to_owned(), "token_malformed"),
        ("..".to_owned(), "token_malformed"),
        (format!("{good}.{good}"), "token_malformed"),
        (format!("{}.{}", parts[0], parts[1]), "token_malformed"),
        (nameless, "token_malformed"),
        (critical, "token_malformed"),
        (
            format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
            "token_malformed",
        ),
        (
            format!("{}.{}.{}", parts[0], part("{}"), parts[2]),
            "token_signature",
        ),
        (format!("{}.{}.", parts[0], parts[1]), "token_signature"),
    ] {
        assert_eq!(code(&tokens, &token).await, expected, "{token}");
    }
    let mut twice = bearer(&good);
    twice.append("authorization", "Bearer x".parse().unwrap());
    let refused = tokens.check(&twice, token::now()).await.unwrap_err();
    assert_eq!(refused.code, "token_malformed");
    let basic = http::HeaderMap::from_iter([(
        http::header::AUTHORIZATION,
        "Basic YWxpY2U6c2VjcmV0".parse().unwrap(),
    )]);
    let refused = tokens.check(&basic, token::now()).await.unwrap_err();
    assert_eq!(refused.code, "token_malformed");
    assert!(!refused.cause.contains("YWxpY2U"), "{}", refused.cause);
    let none = http::HeaderMap::new();
    let refused = tokens.check(&none, token::now()).await.unwrap_err();
    assert_eq!(refused.code, "token_missing");
}

#[tokio::test]
async fn a_missing_key_is_fetched_at_a_bounded_rate() {
    let (old, new) = (Signer::ecdsa("old"), Signer::ecdsa("new"));
    let (tokens, shelf) = tokens(&[&old]).await;
    let begin = token::now();
    let at = |seconds| begin + Duration::from_secs(seconds);
    let find = async |kid: &str, seconds| tokens.keys.find(kid, at(seconds)).await;
    let unknown = |kid: &str| Missing::Unknown(kid.to_owned());
    shelf.put(set(&[&new]));
    for _ in 0..100 {
        assert_eq!(find("new", 1).await.unwrap_err(), unknown("new"));
    }
    assert_eq!(shelf.asked(), 1, "it was asked a moment ago");
    assert!(find("new", 6).await.is_ok());
    assert_eq!(shelf.asked(), 2);
    assert_eq!(
        find("old", 7).await.unwrap_err(),
        unknown("old"),
        "withdrawn"
    );
    for second in 12..112 {
        assert_eq!(
            find("made-up", second).await.unwrap_err(),
            unknown("made-up")
        );
    }
    assert_eq!(shelf.asked(), 2 + 20);
    assert!(
        find("new", 112).await.is_ok(),
        "a fetch in vain takes nothing away"
    );
}

#[tokio::test]
async fn keys_are_renewed_and_end() {
    const HOUR: u64 = 60 * 60;
    let signer = Signer::ecdsa("one");
    let (tokens, shelf) = tokens(&[&signer]).await;
    let begin = token::now();
    let find = async |seconds| {
        tokens
            .keys
            .find("one", begin + Duration::from_secs(seconds))
            .await
    };
    assert!(find(14 * 60).await.is_ok());
    assert_eq!(shelf.asked(), 1);
    shelf.put(set(&[&signer]));
    assert!(find(16 * 60).await.is_ok());
    assert_eq!(shelf.asked(), 2);
    // The place is away: the key is believed for a day, and then no more.
    assert!(find(24 * HOUR).await.is_ok());
    assert_eq!(find(25 * HOUR).await.unwrap_err(), Missing::Stale);
    shelf.put(set(&[&signer]));
    assert!(find(26 * HOUR).await.is_ok());
}

#[tokio::test]
async fn of_a_set_only_fit_keys_are_taken() {
    let (one, two) = (Signer::ecdsa("one"), Signer::rsa("two").await);
    let but = |name: &str, value: Value| {
        let mut jwk = one.jwk();
        jwk[name] = value;
        jwk
    };
    let nameless = {
        let mut jwk = two.jwk();
        jwk.as_object_mut().unwrap().remove("kid");
        jwk
    };
    let keys = json!({ "keys": [
        { "kty": "oct", "kid": "secret", "k": "c2VjcmV0", "alg": "HS256" },
        { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": part([1; 32]) },
        { "kty": "new kind", "kid": "new" },
        but("use", json!("enc")), but("alg", json!("ES384")), but("crv", json!("P-384")),
        nameless, two.jwk(), "no key",
    ] });
    let found = parse(keys.to_string().as_bytes()).unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), ["two"]);
    for none in [
        json!({ "keys": [] }),
        json!({}),
        json!([]),
        json!({ "keys": [one.jwk()["x"]] }),
    ] {
        assert!(parse(none.to_string().as_bytes()).is_err(), "{none}");
    }
    assert!(parse(b"<html>").is_err());
}
