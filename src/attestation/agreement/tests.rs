#![allow(
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "a test may fail, and a table may be long"
)]

use prost::Message as _;
use tonic::Code;

use super::*;
use crate::attestation::agreement::item::{differing, shown_by};
use crate::attestation::credentials::TokenFailure;
use crate::attestation::failure::RemoteError;
use crate::attestation::protocol::VerifyChallengeResponseResult as Wire;
use crate::attestation::transport::CallError;
use crate::model::facts::KeyTrustLevel;

const USER: KeyScope = KeyScope::User;
const MACHINE: KeyScope = KeyScope::Machine;
const DAY: u64 = 24 * 60 * 60;

type Grpc = Result<RawAnswer, CallError>;
type Rest = Result<UnverifiedAnswer, CallError>;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn agreement() -> Agreement {
    Agreement::new(Endpoint::Test, "http://127.0.0.1:1/")
}

fn user() -> Wire {
    Wire {
        virtual_device_id: "virtual".to_owned(),
        customer_id: "C01".to_owned(),
        signed_public_key_and_challenge: "spkac".to_owned(),
        key_trust_level: 1,
        ..Wire::default()
    }
}

fn machine() -> Wire {
    Wire {
        device_permanent_id: "permanent".to_owned(),
        device_enrollment_id: "enrollment".to_owned(),
        ..user()
    }
}

fn raw(wire: &Wire) -> RawAnswer {
    RawAnswer::read(wire.encode_to_vec().into())
}

fn by_name(wire: &Wire) -> UnverifiedAnswer {
    wire.clone().into()
}

fn failed(code: Code) -> CallError {
    CallError::Remote(RemoteError {
        code,
        unverified_message: String::new(),
        retry_after: None,
    })
}

/// Both transports said this.
fn equal(agreement: &Agreement, scope: KeyScope, wire: &Wire, now: Duration) -> bool {
    agreement.compare(scope, &Ok(raw(wire)), &Ok(by_name(wire)), now)
}

/// Proves all of `wire` and the refusal of a wrong identity.
fn prove(agreement: &Agreement, scope: KeyScope, wire: &Wire, now: Duration) {
    assert!(equal(agreement, scope, wire, now));
    assert!(agreement.begin_probe(scope, now));
    agreement.probed(scope, Probed::Refused, now);
}

fn agreement_of_user() -> Agreement {
    let agreement = agreement();
    prove(&agreement, USER, &user(), at(0));
    agreement
}

fn reason(agreement: &Agreement, subject: &str, now: Duration) -> String {
    let beliefs = agreement.beliefs(now);
    let belief = beliefs.iter().find(|belief| belief.subject == subject);
    belief.unwrap().reason.clone().unwrap_or_default()
}

#[test]
fn grpc_answers_alone_once_all_of_it_is_proven_for_its_scope() {
    let agreement = agreement();
    assert_eq!(agreement.stance(USER, at(0)), Stance::Both);
    assert!(equal(&agreement, USER, &user(), at(0)));
    assert_eq!(agreement.stance(USER, at(0)), Stance::Both);
    assert_eq!(
        reason(&agreement, "user", at(0)),
        "not proven over grpc: expected_identity"
    );
    assert!(agreement.begin_probe(USER, at(0)));
    agreement.probed(USER, Probed::Refused, at(0));
    assert_eq!(agreement.stance(USER, at(0)), Stance::Grpc);
    assert_eq!(
        agreement.believed(USER, &raw(&user()), at(0)),
        Some(by_name(&user()))
    );
    // The other scope has its own proof.
    assert_eq!(agreement.stance(MACHINE, at(0)), Stance::Both);
    assert_eq!(agreement.believed(MACHINE, &raw(&machine()), at(0)), None);
    prove(&agreement, MACHINE, &machine(), at(0));
    assert_eq!(agreement.stance(MACHINE, at(0)), Stance::Grpc);
}

#[test]
fn a_field_that_was_not_seen_is_not_proven() {
    for lacking in [
        Wire {
            customer_id: String::new(),
            ..user()
        },
        Wire {
            signed_public_key_and_challenge: String::new(),
            ..user()
        },
        Wire {
            key_trust_level: 0,
            ..user()
        },
        // Two fields that hold the same could have changed places.
        Wire {
            virtual_device_id: "C01".to_owned(),
            ..user()
        },
        Wire {
            device_signal: "C01".to_owned(),
            ..user()
        },
        Wire {
            profile_key_trust_level: 1,
            ..user()
        },
        // A number without a name proves no name.
        Wire {
            key_trust_level: 77,
            ..user()
        },
    ] {
        let agreement = agreement();
        prove(&agreement, USER, &lacking, at(0));
        assert_eq!(agreement.stance(USER, at(0)), Stance::Both, "{lacking:?}");
        assert_eq!(agreement.believed(USER, &raw(&user()), at(0)), None);
        assert!(equal(&agreement, USER, &user(), at(1)));
        assert_eq!(agreement.stance(USER, at(1)), Stance::Grpc);
    }
}

#[test]
fn an_answer_that_holds_what_is_not_proven_is_not_believed() {
    let agreement = agreement();
    prove(&agreement, USER, &user(), at(0));
    for more in [
        Wire {
            device_permanent_id: "d".to_owned(),
            ..user()
        },
        Wire {
            device_enrollment_id: "e".to_owned(),
            ..user()
        },
        Wire {
            attested_device_id: "a".to_owned(),
            ..user()
        },
        Wire {
            profile_customer_id: "p".to_owned(),
            ..user()
        },
        Wire {
            profile_permanent_id: "p".to_owned(),
            ..user()
        },
        Wire {
            virtual_profile_id: "p".to_owned(),
            ..user()
        },
        Wire {
            profile_key_trust_level: 3,
            ..user()
        },
        Wire {
            key_trust_level: 2,
            ..user()
        },
        Wire {
            key_trust_level: 77,
            ..user()
        },
        Wire {
            device_signal: "s".to_owned(),
            ..user()
        },
    ] {
        assert_eq!(
            agreement.believed(USER, &raw(&more), at(0)),
            None,
            "{more:?}"
        );
    }
    // What is proven may be absent, and is then absent.
    let less = Wire {
        customer_id: String::new(),
        ..user()
    };
    assert_eq!(
        agreement.believed(USER, &raw(&less), at(0)),
        Some(by_name(&less))
    );
    // A second level, once it was seen over both.
    let developer = Wire {
        key_trust_level: 2,
        ..user()
    };
    assert!(equal(&agreement, USER, &developer, at(0)));
    assert!(agreement.believed(USER, &raw(&developer), at(0)).is_some());
}

#[test]
fn a_number_that_nobody_knows_counts_until_it_was_seen_beside_a_full_answer() {
    let agreement = agreement();
    prove(&agreement, USER, &user(), at(0));
    let mut bytes = user().encode_to_vec();
    bytes.extend(b"\x72\x03new");
    let newer = RawAnswer::read(bytes.into());
    assert_eq!(agreement.believed(USER, &newer, at(0)), None);
    // REST tells of nothing more: the number means none of the fields that are read.
    assert!(agreement.compare(USER, &Ok(newer.clone()), &Ok(by_name(&user())), at(0)));
    assert!(agreement.believed(USER, &newer, at(0)).is_some());
}

#[test]
fn a_level_is_not_proven_beside_an_integer_that_might_be_it() {
    // Number 7 may be something else that happens to be 1, and the level stand at 14.
    let agreement = agreement();
    let mut bytes = user().encode_to_vec();
    bytes.extend(b"\x70\x02");
    let beside = RawAnswer::read(bytes.into());
    assert!(agreement.compare(USER, &Ok(beside.clone()), &Ok(by_name(&user())), at(0)));
    agreement.probed(USER, Probed::Refused, at(0));
    assert_eq!(
        reason(&agreement, "user", at(0)),
        "not proven over grpc: key_trust_level"
    );
    // An answer without it shows what 7 is.
    assert!(equal(&agreement, USER, &user(), at(0)));
    assert!(agreement.believed(USER, &beside, at(0)).is_some());
}

#[test]
fn answers_that_differ_switch_the_scope_to_rest_for_a_day() {
    let swapped = Wire {
        virtual_device_id: "C01".to_owned(),
        customer_id: "virtual".to_owned(),
        ..user()
    };
    let unreadable = RawAnswer::read(prost::bytes::Bytes::from_static(b"\x18\x01"));
    let table: [(Grpc, Rest, &str); 6] = [
        (
            Ok(raw(&swapped)),
            Ok(by_name(&user())),
            "gRPC and REST differ in virtual_device_id, customer_id",
        ),
        (
            Ok(raw(&Wire {
                key_trust_level: 2,
                ..user()
            })),
            Ok(by_name(&user())),
            "gRPC and REST differ in key_trust_level",
        ),
        (
            Ok(unreadable),
            Ok(by_name(&user())),
            "gRPC's answer cannot be read by the assumed numbers",
        ),
        (
            Ok(raw(&user())),
            Err(failed(Code::InvalidArgument)),
            "gRPC accepts what REST refuses",
        ),
        (
            Ok(raw(&user())),
            Err(failed(Code::PermissionDenied)),
            "gRPC accepts what REST refuses",
        ),
        (
            Err(failed(Code::InvalidArgument)),
            Ok(by_name(&user())),
            "gRPC refuses what REST accepts",
        ),
    ];
    for (grpc, rest, what) in table {
        let agreement = agreement();
        prove(&agreement, USER, &user(), at(0));
        prove(&agreement, MACHINE, &machine(), at(0));
        assert!(!agreement.compare(USER, &grpc, &rest, at(5)));
        assert_eq!(agreement.stance(USER, at(5)), Stance::Rest, "{what}");
        assert_eq!(reason(&agreement, "user", at(5)), what);
        assert!(
            agreement
                .beliefs(at(5))
                .iter()
                .any(|belief| belief.disagreement)
        );
        assert_eq!(agreement.believed(USER, &raw(&user()), at(5)), None);
        assert!(!agreement.begin_probe(USER, at(5)));
        assert_eq!(agreement.stance(MACHINE, at(5)), Stance::Grpc);
        // Equal answers do not make good what was seen.
        equal(&agreement, USER, &user(), at(6));
        assert_eq!(agreement.stance(USER, at(4 + DAY)), Stance::Rest);
        assert_eq!(agreement.stance(USER, at(5 + DAY)), Stance::Both);
    }
}

/// What is logged at `error` meanwhile.
fn logged(act: impl FnOnce()) -> String {
    let (log, sink) = tempfile::NamedTempFile::new()
        .map(|file| (file.reopen().unwrap(), file))
        .unwrap();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::ERROR)
        .with_writer(std::sync::Mutex::new(log))
        .finish();
    tracing::subscriber::with_default(subscriber, act);
    std::fs::read_to_string(sink.path()).unwrap()
}

#[test]
fn a_disagreement_is_told_once_with_numbers_and_without_names() {
    let swapped = Wire {
        virtual_device_id: "C01".to_owned(),
        customer_id: "virtual".to_owned(),
        ..user()
    };
    let log = logged(|| {
        let agreement = agreement();
        for _ in 0..3 {
            agreement.compare(USER, &Ok(raw(&swapped)), &Ok(by_name(&user())), at(0));
        }
    });
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(
        log.contains("differ in virtual_device_id, customer_id"),
        "{log}"
    );
    let digest = short(b"virtual");
    assert!(
        log.contains(&format!("3: length 7 sha256 {digest}")),
        "{log}"
    );
    assert!(log.contains("7: varint 1"), "{log}");
    assert!(!log.contains("C01") && !log.contains("spkac"), "{log}");
}

#[test]
fn a_wrong_identity_that_is_accepted_ends_the_belief() {
    let agreement = agreement();
    assert!(equal(&agreement, USER, &user(), at(0)));
    assert!(agreement.begin_probe(USER, at(0)));
    assert!(!agreement.begin_probe(USER, at(0)), "one at a time");
    agreement.probed(USER, Probed::Accepted("3: length 3".to_owned()), at(0));
    assert_eq!(agreement.stance(USER, at(0)), Stance::Rest);
    let what = "gRPC accepts a wrong expected_identity";
    assert_eq!(
        agreement.wrong_identity_refused(USER, at(0)),
        Err(what.to_owned())
    );
    assert_eq!(agreement.wrong_identity_refused(MACHINE, at(0)), Ok(false));
}

#[test]
fn a_probe_that_shows_nothing_is_tried_again_less_and_less_often() {
    let agreement = agreement();
    assert!(equal(&agreement, USER, &user(), at(0)));
    let mut now = 0;
    for pause in [60, 120, 240] {
        assert!(agreement.begin_probe(USER, at(now)));
        agreement.probed(USER, Probed::Inconclusive("PERMISSION_DENIED"), at(now));
        // Nothing else is missing: until then gRPC need not be asked.
        assert_eq!(agreement.stance(USER, at(now)), Stance::Rest);
        assert_eq!(
            reason(&agreement, "user", at(now)),
            "not proven over grpc: expected_identity; a wrong identity got PERMISSION_DENIED"
        );
        assert!(!agreement.begin_probe(USER, at(now + pause - 1)));
        now += pause;
        assert_eq!(agreement.stance(USER, at(now)), Stance::Both);
    }
    assert!(agreement.begin_probe(USER, at(now)));
    agreement.probed(USER, Probed::Refused, at(now));
    assert_eq!(agreement.stance(USER, at(now)), Stance::Grpc);
}

#[test]
fn a_proof_ends_after_a_day() {
    let agreement = agreement();
    prove(&agreement, USER, &user(), at(10));
    assert!(equal(&agreement, USER, &user(), at(9 + DAY)));
    assert_eq!(agreement.stance(USER, at(9 + DAY)), Stance::Grpc);
    assert_eq!(agreement.stance(USER, at(10 + DAY)), Stance::Both);
    assert_eq!(
        agreement.wrong_identity_refused(USER, at(10 + DAY)),
        Ok(false)
    );
    assert!(agreement.begin_probe(USER, at(10 + DAY)));
}

#[test]
fn an_outage_proves_nothing_and_disproves_nothing() {
    let token = || {
        CallError::Token(TokenFailure {
            transient: true,
            cause: String::new(),
        })
    };
    let outages = || {
        [
            failed(Code::Unavailable),
            failed(Code::DeadlineExceeded),
            token(),
        ]
    };
    for outage in outages() {
        // REST is down: nothing to compare with.
        let agreement = agreement();
        assert!(!agreement.compare(USER, &Ok(raw(&user())), &Err(outage), at(0)));
        assert_eq!(agreement.stance(USER, at(0)), Stance::Both);
        assert_eq!(
            reason(&agreement, "user", at(0)),
            "not proven over grpc: customer_id, signed_public_key_and_challenge, \
             key_trust_level, expected_identity"
        );
    }
    // A token that is not made is nobody's outage.
    let proven = agreement_of_user();
    proven.compare(USER, &Err(token()), &Ok(by_name(&user())), at(0));
    assert_eq!(proven.stance(USER, at(0)), Stance::Grpc);
    for outage in [
        failed(Code::Unavailable),
        failed(Code::Unauthenticated),
        failed(Code::PermissionDenied),
    ] {
        // gRPC is down: REST alone for a while, whoever was proven.
        let agreement = agreement_of_user();
        let status = outage.status();
        assert!(!agreement.compare(USER, &Err(outage), &Ok(by_name(&user())), at(0)));
        assert_eq!(agreement.stance(USER, at(29)), Stance::Rest);
        assert_eq!(agreement.challenge_stance(at(29)), Stance::Rest);
        assert_eq!(
            reason(&agreement, "user", at(29)),
            format!("grpc fails: {status}")
        );
        assert_eq!(
            agreement.stance(USER, at(30)),
            Stance::Grpc,
            "the proof stands"
        );
    }
    // Both say the same.
    let agreement = agreement();
    for code in [
        Code::InvalidArgument,
        Code::Unavailable,
        Code::PermissionDenied,
    ] {
        assert!(!agreement.compare(USER, &Err(failed(code)), &Err(failed(code)), at(0)));
        assert_eq!(agreement.stance(USER, at(0)), Stance::Both);
    }
}

#[test]
fn what_google_never_tells_is_looked_for_less_and_less() {
    let agreement = agreement();
    let lacking = Wire {
        customer_id: String::new(),
        ..user()
    };
    prove(&agreement, USER, &lacking, at(0));
    for _ in 0..31 {
        assert_eq!(agreement.stance(USER, at(0)), Stance::Both);
        assert!(equal(&agreement, USER, &lacking, at(0)));
    }
    assert_eq!(agreement.stance(USER, at(59)), Stance::Rest);
    assert_eq!(agreement.stance(USER, at(60)), Stance::Both);
    assert!(equal(&agreement, USER, &lacking, at(60)));
    assert_eq!(agreement.stance(USER, at(119)), Stance::Rest);
    assert_eq!(agreement.believed(USER, &raw(&lacking), at(119)), None);
}

#[test]
fn challenges_come_over_grpc_once_it_has_made_one() {
    let agreement = agreement();
    assert_eq!(agreement.challenge_stance(at(0)), Stance::Both);
    assert!(agreement.begin_challenge(at(0)));
    assert!(!agreement.begin_challenge(at(0)), "one at a time");
    agreement.challenged(Err("not a challenge of now"), at(0));
    assert!(!agreement.begin_challenge(at(59)));
    assert!(agreement.begin_challenge(at(60)));
    agreement.challenged(Ok(()), at(60));
    assert_eq!(agreement.challenge_stance(at(59 + DAY)), Stance::Grpc);
    assert_eq!(agreement.challenge_stance(at(60 + DAY)), Stance::Both);
}

#[test]
fn every_field_of_an_answer_takes_part() {
    // Each field alone makes a difference, is held, and is shown.
    let level = KeyTrustLevel::ChromeOsVerifiedMode;
    let text = |set: fn(&mut UnverifiedAnswer) -> &mut String| {
        let mut answer = UnverifiedAnswer::default();
        set(&mut answer).push('x');
        answer
    };
    let answers = [
        text(|a| &mut a.device_permanent_id),
        text(|a| &mut a.virtual_device_id),
        text(|a| &mut a.customer_id),
        text(|a| &mut a.signed_public_key_and_challenge),
        text(|a| &mut a.attested_device_id),
        text(|a| &mut a.device_enrollment_id),
        text(|a| &mut a.profile_customer_id),
        text(|a| &mut a.virtual_profile_id),
        text(|a| &mut a.profile_permanent_id),
        UnverifiedAnswer {
            key_trust_level: Some(level),
            ..UnverifiedAnswer::default()
        },
        UnverifiedAnswer {
            profile_key_trust_level: Some(level),
            ..UnverifiedAnswer::default()
        },
    ];
    let empty = RawAnswer::read(prost::bytes::Bytes::new());
    let mut names = std::collections::HashSet::new();
    for answer in &answers {
        let differing = differing(answer, &UnverifiedAnswer::default());
        let held = held(answer, &empty);
        assert_eq!((differing.len(), held.len()), (1, 1), "{answer:?}");
        assert_eq!(held, shown_by(answer, &empty));
        names.extend(differing);
    }
    assert_eq!(names.len(), answers.len());
}
