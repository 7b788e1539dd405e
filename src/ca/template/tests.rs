#![allow(clippy::unwrap_used, reason = "a test may fail")]

use super::*;
use crate::ca::certificate::PrepareError;
use crate::ca::fixtures::{DAY, NOW, alice, authorities, authorities_for, contents, serial};
use crate::ca::issuer::Issuer;
use crate::ca::signer::SignatureAlgorithm;
use crate::model::endpoint::Endpoint;
use crate::model::problem_code::ProblemCode;
use crate::random::SeededRandom;

async fn issuer_of_days(days: i64) -> Issuer {
    let algorithm = SignatureAlgorithm::default();
    let made = authorities_for(algorithm, Endpoint::Test, days * DAY).await;
    made.issuer()
}

fn prepare(
    issuer: &Issuer,
    contents: ClientContents,
    now: Timestamp,
) -> Result<Validity, PrepareError> {
    let prepared = issuer.prepare_contents(contents, serial(5), now, &SeededRandom::new(5))?;
    Ok(prepared.validity())
}

#[tokio::test]
async fn a_certificate_never_outlives_its_issuer() {
    let issuer = issuer_of_days(10).await;
    let validity = prepare(&issuer, contents(alice()), NOW).unwrap();
    assert_eq!(validity.not_after, issuer.not_after());
    assert!(validity.renew_after < validity.not_after);
}

#[tokio::test]
async fn an_issuer_at_its_end_signs_nothing() {
    let issuer = issuer_of_days(10).await;
    let end = issuer.not_after();
    assert!(prepare(&issuer, contents(alice()), end.minus(DAY)).is_ok());
    for late in [end.minus(DAY - 1), end, end.plus(1), end.plus(DAY)] {
        let refused = prepare(&issuer, contents(alice()), late).unwrap_err();
        assert_eq!(refused.code(), ProblemCode::IssuerExpiring);
    }
}

#[tokio::test]
async fn a_clock_before_the_issuers_birth_is_wrong() {
    let issuer = issuer_of_days(10).await;
    let birth = issuer.not_before();
    let refused = prepare(&issuer, contents(alice()), birth.minus(1)).unwrap_err();
    assert_eq!(refused.code(), ProblemCode::ClockUntrusted);
    let validity = prepare(&issuer, contents(alice()), birth.plus(1)).unwrap();
    assert_eq!(validity.not_before, birth);
}

#[tokio::test]
async fn a_fleet_does_not_renew_in_the_same_minute() {
    let issuer = authorities(SignatureAlgorithm::default()).await.issuer();
    let random = SeededRandom::new(6);
    // Of a window, the first half: the second is for those that fail at first.
    for (window, expected) in [
        (10 * DAY, 20 * DAY..=25 * DAY),
        (4 * DAY, 26 * DAY..=28 * DAY),
        (29 * DAY, DAY..=16 * DAY),
    ] {
        let mut contents = contents(alice());
        contents.renewal_window = window;
        let draw = || {
            let validity = validity(issuer.authority(), &contents, NOW, &random).unwrap();
            validity.renew_after.since(NOW)
        };
        let drawn: std::collections::BTreeSet<i64> = (0..100).map(|_| draw()).collect();
        assert!(drawn.len() > 90);
        assert!(
            drawn.iter().all(|after| expected.contains(after)),
            "{drawn:?}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn the_jitter_stays_within_its_bounds(most in 0_i64..40_000_000, seed: u64) {
        let drawn = jitter(most, &SeededRandom::new(seed)).unwrap();
        proptest::prop_assert!((0..=most).contains(&drawn));
    }
}
