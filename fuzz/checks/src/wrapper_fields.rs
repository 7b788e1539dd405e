//! The challenge response, changed field by field with every length set right: changed octets seldom
//! leave three nested messages whole. Fields repeat, change their type, and have idle octets in
//! their numbers.

mod fields;

use arbitrary::{Arbitrary, Unstructured};
use vaca::attestation::UnverifiedResponse;

use crate::messages::answered_challenge;
use crate::sha256;
use crate::wrapper_fields::fields::{Change, Field, Number, message, signed};

/// What is changed in each of the three messages of a good response.
#[derive(Arbitrary, Debug)]
struct Changes {
    outer: Vec<Change>,
    inner: Vec<Change>,
    challenge: Vec<Change>,
}

/// Checks a good challenge response with the changes that `arbitrary` finds in these octets.
///
/// # Panics
/// Where something does not hold.
pub fn wrapper_fields(unverified: &[u8]) {
    let Ok(changes) = Changes::arbitrary_take_rest(Unstructured::new(unverified)) else {
        return;
    };
    let challenge = signed(b"challenge", &changes.challenge);
    let inner = vec![
        Field::good(Number::One, &challenge.octets),
        Field::good(Number::Two, b"nonce"),
        Field::good(Number::Three, b"key info"),
    ];
    let inner = message(inner, &changes.inner);
    let outer = signed(&inner.octets, &changes.outer);
    if let Ok(response) = UnverifiedResponse::parse(outer.octets.clone()) {
        let answered =
            answered_challenge(&outer.octets).expect("accepted, yet prost cannot read it");
        assert_eq!(response.challenge().0, sha256(&answered));
        assert_eq!(response.digest().0, sha256(&outer.octets));
        // What is inside is read only where the changes outside have left it.
        let reads_inner = changes.outer.is_empty();
        let reads_challenge = reads_inner && changes.inner.is_empty();
        assert!(!outer.is_idle, "idle octets");
        assert!(!reads_inner || !inner.is_idle, "idle octets");
        assert!(!reads_challenge || !challenge.is_idle, "idle octets");
    }
}
