//! Many RSA keys from few primes: any two primes of a pool make a key of its own.
//!
//! A fresh RSA-2048 key costs a hundred times what the service pays to check it, and every enrolment
//! needs a key that was never certified. Such keys share factors and protect nothing; the service
//! sees one key at a time and cannot tell.

use anyhow::Context as _;
use der::asn1::{Null, OctetStringRef, UintRef};
use der::{Decode as _, Encode as _, Sequence};
use num_bigint::BigUint;
use spki::AlgorithmIdentifierRef;
use spki::ObjectIdentifier;
use vaca_emulator::KeyAlgorithm;
use vaca_emulator::keys::SigningKey;

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EXPONENT: u32 = 65_537;

/// RFC 5208, section 5.
#[derive(Sequence)]
struct PrivateKeyInfo<'a> {
    version: u8,
    algorithm: AlgorithmIdentifierRef<'a>,
    key: &'a OctetStringRef,
}

/// RFC 8017, section A.1.2.
#[derive(Sequence)]
struct RsaPrivateKey<'a> {
    version: u8,
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
    private_exponent: UintRef<'a>,
    prime1: UintRef<'a>,
    prime2: UintRef<'a>,
    exponent1: UintRef<'a>,
    exponent2: UintRef<'a>,
    coefficient: UintRef<'a>,
}

/// Distinct 1024-bit primes.
#[derive(Debug)]
pub struct PrimePool(Vec<BigUint>);

impl PrimePool {
    /// Enough primes for `keys` keys, from freshly generated key pairs.
    ///
    /// # Errors
    /// Where the crypto library fails.
    pub fn for_keys(keys: usize) -> anyhow::Result<Self> {
        let mut primes = Vec::new();
        while primes.len() * primes.len().saturating_sub(1) / 2 < keys {
            let pair = SigningKey::generate(KeyAlgorithm::Rsa)?;
            let info = PrivateKeyInfo::from_der(pair.pkcs8())?;
            let key = RsaPrivateKey::from_der(info.key.as_bytes())?;
            for prime in [key.prime1, key.prime2] {
                primes.push(BigUint::from_bytes_be(prime.as_bytes()));
            }
        }
        Ok(Self(primes))
    }

    /// Every pair of primes as a key; all keys differ.
    pub fn keys(&self) -> impl Iterator<Item = anyhow::Result<SigningKey>> {
        self.0.iter().enumerate().flat_map(|(index, first)| {
            let smaller = self.0.iter().take(index);
            smaller.map(move |second| key(first, second))
        })
    }
}

fn key(first: &BigUint, second: &BigUint) -> anyhow::Result<SigningKey> {
    let (p, q) = if first > second {
        (first, second)
    } else {
        (second, first)
    };
    let one = BigUint::from(1u32);
    let exponent = BigUint::from(EXPONENT);
    let (p1, q1) = (p - &one, q - &one);
    let inverse = |value: &BigUint, modulus: &BigUint| {
        let inverse = value.modinv(modulus);
        inverse.context("two numbers of a key share a factor")
    };
    let d = inverse(&exponent, &(&p1 * &q1))?;
    let numbers = [
        p * q,
        exponent,
        d.clone(),
        p.clone(),
        q.clone(),
        &d % &p1,
        &d % &q1,
        inverse(q, p)?,
    ];
    pkcs8(&numbers.map(|number| number.to_bytes_be()))
}

/// The numbers in the order of RFC 8017, big-endian.
fn pkcs8(numbers: &[Vec<u8>; 8]) -> anyhow::Result<SigningKey> {
    let [n, e, d, p, q, dp, dq, qi] = numbers;
    let key = RsaPrivateKey {
        version: 0,
        modulus: UintRef::new(n)?,
        public_exponent: UintRef::new(e)?,
        private_exponent: UintRef::new(d)?,
        prime1: UintRef::new(p)?,
        prime2: UintRef::new(q)?,
        exponent1: UintRef::new(dp)?,
        exponent2: UintRef::new(dq)?,
        coefficient: UintRef::new(qi)?,
    };
    let key = key.to_der()?;
    let info = PrivateKeyInfo {
        version: 0,
        algorithm: AlgorithmIdentifierRef {
            oid: RSA_ENCRYPTION,
            parameters: Some(Null.into()),
        },
        key: OctetStringRef::new(&key)?,
    };
    Ok(SigningKey::from_rsa_pkcs8(&info.to_der()?)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_pair_of_primes_is_a_key_that_signs() {
        let pool = PrimePool::for_keys(6).unwrap();
        let keys: Vec<_> = pool.keys().map(Result::unwrap).collect();
        let distinct: HashSet<_> = keys.iter().map(|key| key.spki().to_vec()).collect();
        assert_eq!((keys.len(), distinct.len()), (6, 6));
        for key in &keys {
            let request = vaca_emulator::spkac::build(key).unwrap();
            assert!(vaca_emulator::spkac::verify(&request).is_ok());
        }
    }
}
