//! What holds for every input.

use proptest::prelude::*;

use crate::csr::key_policy::SupportedKey;
use crate::csr::spkac::{self, Spkac};
use crate::csr::tests::{fixture, flipped, made, prove_der};
use crate::model::facts::KeyAlgorithm;

const NAMES: [&str; 3] = ["rsa-2048", "p256", "p256-null-parameters"];

/// A good request with some octets replaced, removed or inserted: it gets far into the parser.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 1..4);
    (prop::sample::select(&NAMES[..]), edits).prop_map(|(name, edits)| {
        let mut der = fixture(name);
        for (place, octet, edit) in edits {
            let place = place.index(der.len());
            match edit {
                0 => der[place] = octet,
                1 => der.insert(place, octet),
                _ => drop(der.remove(place)),
            }
        }
        der
    })
}

proptest! {
    #[test]
    fn any_octets_are_read_without_a_panic(octets in prop::collection::vec(any::<u8>(), 0..800)) {
        let _ = SupportedKey::read(&octets);
        prop_assert!(prove_der(&octets).is_err());
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in any::<String>()) {
        prop_assert!(spkac::prove(&text).is_err());
    }

    /// One meaning, one encoding: nothing that is read could have been written otherwise.
    #[test]
    fn whatever_is_read_encodes_to_the_same_octets(der in damaged()) {
        if let Ok(spkac) = Spkac::parse(&der) {
            prop_assert_eq!(made::encode_again(&spkac), der);
        }
    }

    #[test]
    fn made_requests_are_proven_as_they_are(
        challenge in "[ -~]{0,100}",
        null_parameters: bool,
        bit: prop::sample::Index,
    ) {
        let der = made::p256(&challenge, null_parameters);
        let spkac = Spkac::parse(&der).unwrap();
        prop_assert_eq!(spkac.unverified_challenge(), challenge);
        prop_assert_eq!(&made::encode_again(&spkac), &der);
        prop_assert_eq!(prove_der(&der).unwrap().algorithm(), KeyAlgorithm::Ecdsa);
        let (bit, flipped) = flipped(&der).nth(bit.index(der.len() * 8)).unwrap();
        prop_assert!(prove_der(&flipped).is_err(), "accepted with bit {} flipped", bit);
    }
}
