//! RSA moduli that can be factored without breaking RSA. That a TPM made the key does not help: the
//! weak ones below came from certified hardware.

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use num_bigint::BigUint;

/// What makes a modulus breakable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weakness {
    /// A prime factor below [`SMALL_FACTOR_BOUND`].
    SmallFactor,
    /// Made by the Infineon library of CVE-2017-15361, used in the TPMs of many Chromebooks.
    Roca,
    /// Two primes so close that Fermat's method of 1643 finds them (CVE-2022-26320).
    ClosePrimes,
}

impl Weakness {
    /// For the decision record.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::SmallFactor => "RSA, modulus with a small factor",
            Self::Roca => "RSA, modulus with the ROCA fingerprint (CVE-2017-15361)",
            Self::ClosePrimes => "RSA, modulus of two close primes",
        }
    }
}

/// The bound of NIST SP 800-89, section 5.3.3: no prime factor is smaller.
const SMALL_FACTOR_BOUND: u32 = 752;

/// The largest prime that the published ROCA fingerprint looks at. Fewer than one sound
/// modulus in 2^27 meets it by chance; that device makes another key.
const ROCA_LARGEST_PRIME: u32 = 167;

/// Rounds of Fermat's method. Primes made by FIPS 186-5 lie more than 2^924 apart: 2^800 rounds.
const FERMAT_ROUNDS: u32 = 100;

/// The first weakness found in `modulus`.
pub(super) fn find(modulus: &BigUint) -> Option<Weakness> {
    let residues = residues(modulus);
    if residues.iter().any(|(_, residue)| *residue == 0) {
        Some(Weakness::SmallFactor)
    } else if has_roca_fingerprint(&residues) {
        Some(Weakness::Roca)
    } else if has_close_primes(modulus) {
        Some(Weakness::ClosePrimes)
    } else {
        None
    }
}

/// Primes whose product fits 32 bits: one long division serves them all.
struct Batch {
    product: u32,
    primes: Vec<u32>,
}

static BATCHES: LazyLock<Vec<Batch>> = LazyLock::new(|| {
    let mut batches: Vec<Batch> = Vec::new();
    for prime in (2..SMALL_FACTOR_BOUND).filter(|number| is_prime(*number)) {
        match batches
            .last_mut()
            .and_then(|batch| Some((batch.product.checked_mul(prime)?, batch)))
        {
            Some((product, batch)) => {
                batch.product = product;
                batch.primes.push(prime);
            }
            None => batches.push(Batch {
                product: prime,
                primes: vec![prime],
            }),
        }
    }
    batches
});

fn is_prime(number: u32) -> bool {
    (2..number)
        .take_while(|divisor| divisor * divisor <= number)
        .all(|divisor| !number.is_multiple_of(divisor))
}

/// Each prime below [`SMALL_FACTOR_BOUND`], with `modulus` modulo it.
fn residues(modulus: &BigUint) -> Vec<(u32, u32)> {
    BATCHES
        .iter()
        .flat_map(|batch| {
            let residue = low_word(&(modulus % batch.product));
            batch
                .primes
                .iter()
                .map(move |prime| (*prime, residue % prime))
        })
        .collect()
}

/// That library's primes are k * M + (65537^a mod M), M a product of the first primes; so the
/// modulus is a power of 65537 modulo each of them (Nemec and others, "The Return of
/// Coppersmith's Attack", 2017, section 2).
fn has_roca_fingerprint(residues: &[(u32, u32)]) -> bool {
    residues
        .iter()
        .take_while(|(prime, _)| *prime <= ROCA_LARGEST_PRIME)
        .all(|(prime, residue)| is_power_of_65537(*residue, *prime))
}

fn is_power_of_65537(residue: u32, prime: u32) -> bool {
    std::iter::successors(Some(1 % prime), |power| {
        Some(power * (65537 % prime) % prime).filter(|next| *next != 1 % prime)
    })
    .any(|power| power == residue)
}

/// Fermat: n = a^2 - b^2 for an `a` just above the square root of n.
fn has_close_primes(modulus: &BigUint) -> bool {
    let mut a = modulus.sqrt();
    if &a * &a < *modulus {
        a += 1_u32;
    }
    let mut b_squared = &a * &a - modulus;
    for _ in 0..FERMAT_ROUNDS {
        if is_square(&b_squared) {
            return true;
        }
        b_squared += &a + &a + 1_u32;
        a += 1_u32;
    }
    false
}

/// Exact; 99 in 100 of the others are told apart without a root.
fn is_square(number: &BigUint) -> bool {
    const SIEVE: [u32; 4] = [64, 63, 65, 11];
    let residue = low_word(&(number % SIEVE.iter().product::<u32>()));
    let may_be = SIEVE
        .iter()
        .all(|sieve| (0..*sieve).any(|root| root * root % sieve == residue % sieve));
    may_be && {
        let root = number.sqrt();
        &root * &root == *number
    }
}

fn low_word(number: &BigUint) -> u32 {
    number.iter_u32_digits().next().unwrap_or(0)
}
