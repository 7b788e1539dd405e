#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::net::IpAddr;

use axum::body::to_bytes;
use axum::response::IntoResponse as _;
use http::{StatusCode, header};
use proptest::prelude::*;

use super::{CertificateRequest, answer, read_certificate_request};
use crate::clock::Timestamp;
use crate::enrollment::Enrolled;
use crate::http::peer::Peer;
use crate::model::attempt::AttemptId;
use crate::model::certificate::Validity;
use crate::model::problem_code::ProblemCode;
use crate::model::serial::SerialNumber;

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn enrolled(fresh: bool) -> Enrolled {
    let not_before = Timestamp(1_795_341_600);
    Enrolled {
        fresh,
        attempt: AttemptId::parse("7K3M9QXA").unwrap(),
        serial: SerialNumber::parse("0123456789abcdef0123456789abcdef").unwrap(),
        profile: "wifi-user".to_owned(),
        certificate: vec![0x30; 60],
        chain: vec![vec![0x31; 4]],
        validity: Validity {
            not_before,
            not_after: not_before.plus(2_592_000),
            renew_after: not_before.plus(1_700_000),
        },
    }
}

fn decode(challenge_response: &str) -> Result<Vec<u8>, ProblemCode> {
    let request = CertificateRequest {
        challenge_response: challenge_response.to_owned(),
        profile: "wifi-user".to_owned(),
        email: None,
    };
    request.decode(Peer(PEER)).map(|request| request.response)
}

#[tokio::test]
async fn a_retry_gets_the_same_octets_with_another_status() {
    let mut bodies = Vec::new();
    for (fresh, status) in [(true, StatusCode::CREATED), (false, StatusCode::OK)] {
        let response = answer(enrolled(fresh)).unwrap().into_response();
        assert_eq!(response.status(), status);
        let cache = response.headers().get(header::CACHE_CONTROL).unwrap();
        assert_eq!(cache, "no-store");
        bodies.push(to_bytes(response.into_body(), usize::MAX).await.unwrap());
    }
    assert_eq!(bodies.first(), bodies.last());
    insta::assert_snapshot!(std::str::from_utf8(bodies.first().unwrap()).unwrap());
}

#[test]
fn a_response_is_strict_base64() {
    assert_eq!(decode("+/8="), Ok(vec![0xfb, 0xff]));
    for wrong in [
        "", "%", "+/8", "+/9=", "-_8=", "+/8=\n", "+/\n8=", " +/8=", "+/8==", "====",
    ] {
        let refused = Err(ProblemCode::MalformedChallengeResponse);
        assert_eq!(decode(wrong), refused, "{wrong:?}");
    }
}

/// Members of a body, good and bad; strung together they often look like one.
fn members() -> impl Strategy<Value = Vec<String>> {
    let member = prop_oneof![
        Just(r#""challenge_response": "+/8=""#.to_owned()),
        Just(r#""profile": "wifi-user""#.to_owned()),
        "[a-zA-Z@._]{0,8}".prop_map(|email| format!(r#""email": "{email}""#)),
        Just(r#""email": null"#.to_owned()),
        ("[a-z_]{0,8}", "[0-9\\[{\"]{0,4}")
            .prop_map(|(name, value)| format!("\"{name}\": {value}")),
    ];
    proptest::collection::vec(member, 0..5)
}

proptest! {
    #[test]
    fn any_octets_are_read_without_a_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read_certificate_request(&body, PEER).is_err());
    }

    #[test]
    fn a_body_has_its_members_once_and_no_other(members in members()) {
        let body = format!("{{{}}}", members.join(", "));
        let count = |name: &str| members.iter().filter(|member| member.starts_with(name)).count();
        let needed = [count("\"challenge_response\""), count("\"profile\"")];
        let emails = count("\"email\": \"") + count("\"email\": null");
        let complete = needed == [1, 1] && emails <= 1 && members.len() == 2 + emails;
        match read_certificate_request(body.as_bytes(), PEER) {
            Ok(request) => {
                prop_assert!(complete, "{body}");
                prop_assert_eq!(request.response, [0xfb, 0xff]);
                prop_assert_eq!(request.profile, "wifi-user");
            }
            Err(refusal) => {
                prop_assert!(!complete, "{body}");
                prop_assert_eq!(refusal.code, ProblemCode::MalformedRequest);
            }
        }
    }
}
