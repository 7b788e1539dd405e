//! The body of `POST /v1/certificates`, as far as it is read before anybody is asked.

use std::net::{IpAddr, Ipv4Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use vaca::attestation::UnverifiedResponse;
use vaca::enrollment::UnverifiedRequest;
use vaca::http::read_certificate_request;
use vaca::model::identity::Email;
use vaca::model::problem_code::ProblemCode;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Checks the body of a request for a certificate.
///
/// # Panics
/// Where something does not hold.
pub fn request_body(unverified: &[u8]) {
    match read_certificate_request(unverified, PEER) {
        Ok(request) => {
            is_what_was_written(&request, unverified);
            is_read_again(&request);
            if let Some(claimed) = request.email.as_deref() {
                read_email(claimed);
            }
            let _ = UnverifiedResponse::parse(request.response);
        }
        Err(refusal) => {
            assert!(matches!(
                refusal.code,
                ProblemCode::MalformedRequest | ProblemCode::MalformedChallengeResponse
            ));
            repeats_nothing(refusal.detail.unwrap_or_default().as_str());
        }
    }
}

/// The three members, and no other. `Value` keeps the last of two members of one name; a request
/// with two would differ from it, or be written twice the same.
fn is_what_was_written(request: &UnverifiedRequest, unverified: &[u8]) {
    let value: Value = serde_json::from_slice(unverified).expect("accepted, yet no JSON");
    let members = value.as_object().expect("accepted, yet no object");
    let known = ["challenge_response", "profile", "email"];
    assert!(members.keys().all(|name| known.contains(&name.as_str())));
    let response = STANDARD.encode(&request.response);
    assert_eq!(
        value["challenge_response"].as_str(),
        Some(response.as_str())
    );
    assert_eq!(value["profile"].as_str(), Some(request.profile.as_str()));
    assert_eq!(value["email"].as_str(), request.email.as_deref());
    assert!(value["email"].is_string() || value["email"].is_null());
    assert!(!request.response.is_empty());
    assert_eq!(request.peer, PEER);
}

/// The same request, written plainly.
fn is_read_again(request: &UnverifiedRequest) {
    let mut plain = json!({
        "challenge_response": STANDARD.encode(&request.response),
        "profile": request.profile,
    });
    if let Some(email) = &request.email {
        plain["email"] = json!(email);
    }
    let again = read_certificate_request(plain.to_string().as_bytes(), PEER).expect("plain");
    assert_eq!(again.response, request.response);
    assert_eq!(again.profile, request.profile);
    assert_eq!(again.email, request.email);
}

/// Lower-cased, nothing else; and safe to print anywhere.
fn read_email(claimed: &str) {
    let Ok(email) = Email::parse(claimed) else {
        return;
    };
    assert_eq!(email.as_str(), claimed.to_ascii_lowercase());
    assert!(email.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(email.as_str().ends_with(&format!("@{}", email.domain())));
    assert_eq!(Email::parse(email.as_str()), Ok(email));
}

/// A detail has our words and two numbers: without those it is one of four texts.
fn repeats_nothing(detail: &str) {
    let words: String = detail
        .chars()
        .filter(|letter| !letter.is_ascii_digit())
        .collect();
    let ours = [
        "",
        "It is not an object. ",
        "It is not JSON (line , column ). ",
        "A member is unknown, missing, repeated or of another type (line , column ). ",
    ];
    let expected = words.find("Expected: ").unwrap_or(words.len());
    let (why, _) = words.split_at(expected);
    assert!(ours.contains(&why), "{why}");
}
