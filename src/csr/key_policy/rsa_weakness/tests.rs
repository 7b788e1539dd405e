#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use num_bigint::BigUint;
use proptest::prelude::*;

use super::{
    BATCHES, Weakness, find, has_close_primes, has_roca_fingerprint, is_power_of_65537, is_square,
    residues,
};

fn number(decimal: &str) -> BigUint {
    decimal.parse().unwrap()
}

#[test]
fn the_primes_are_those_below_752() {
    let primes: Vec<u32> = BATCHES
        .iter()
        .flat_map(|batch| batch.primes.clone())
        .collect();
    assert_eq!(primes.len(), 133);
    assert_eq!(primes.first(), Some(&2));
    assert_eq!(primes.last(), Some(&751));
    assert!(primes.is_sorted());
}

#[test]
fn each_small_prime_is_found_and_the_next_one_is_not() {
    // 2^521 - 1 is prime.
    let large = (BigUint::from(1_u32) << 521) - 1_u32;
    for prime in BATCHES.iter().flat_map(|batch| &batch.primes) {
        assert_eq!(
            find(&(&large * *prime)),
            Some(Weakness::SmallFactor),
            "{prime}"
        );
    }
    assert_eq!(find(&(&large * 757_u32)), None);
}

#[test]
fn powers_of_65537_are_told_from_the_rest() {
    // Modulo 11, 65537 is 10, whose powers are 1 and 10; modulo 17 it is 2, of order 8.
    let powers = |prime| (0..prime).filter(move |residue| is_power_of_65537(*residue, prime));
    assert!(powers(11).eq([1, 10]));
    assert!(powers(17).eq([1, 2, 4, 8, 9, 13, 15, 16]));
    assert!(powers(3).eq([1, 2]));
}

#[test]
fn one_prime_outside_its_powers_is_no_fingerprint() {
    let power = BigUint::from(65537_u32).pow(40);
    assert!(has_roca_fingerprint(&residues(&power)));
    // Twice it is 2 modulo 11 or 9: neither is a power of 65537 there.
    assert!(!has_roca_fingerprint(&residues(&(power * 2_u32))));
}

#[test]
fn fermat_stops_after_its_rounds() {
    // n = a^2 - b^2 is found in round a - ceil(sqrt(n)) + 1; with b^2
    // about a * (2 * k - 1) that is round k. Both factors are odd, and n has no other pair so close.
    let a = (BigUint::from(1_u32) << 1024) + 1_u32;
    let factors_apart_by = |rounds: u32| {
        let b = BigUint::sqrt(&(&a * (2 * rounds - 1)));
        (&a - &b) * (&a + &b)
    };
    assert!(has_close_primes(&factors_apart_by(1)));
    assert!(has_close_primes(&factors_apart_by(100)));
    assert!(!has_close_primes(&factors_apart_by(101)));
    assert!(has_close_primes(&(&a * &a)));
    assert!(has_close_primes(&number("100160063"))); // 10007 * 10009
}

proptest! {
    #[test]
    fn squares_and_only_squares_are_squares(words in prop::collection::vec(any::<u32>(), 1..40)) {
        let root = BigUint::new(words) + 1_u32;
        let square = &root * &root;
        prop_assert!(is_square(&square));
        prop_assert!(!is_square(&(&square + 1_u32)));
        prop_assert!(!is_square(&(&square + &root + &root)));
    }

    #[test]
    fn residues_are_remainders(words in prop::collection::vec(any::<u32>(), 1..64)) {
        let modulus = BigUint::new(words);
        for (prime, residue) in residues(&modulus) {
            prop_assert_eq!(&modulus % prime, BigUint::from(residue));
        }
    }
}
