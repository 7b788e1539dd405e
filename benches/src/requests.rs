//! The supply of certificate requests: each for a key of its own, made and signed beforehand, kept in
//! a file because making them takes longer than using them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use vaca_emulator::KeyAlgorithm;
use vaca_emulator::keys::SigningKey;
use vaca_emulator::spkac;

use crate::primes::PrimePool;

/// SPKACs, DER, every one for another key.
#[derive(Debug)]
pub struct Requests(Vec<Vec<u8>>);

impl Requests {
    /// Reads `count` requests from `folder`, or makes them and writes them there.
    ///
    /// # Errors
    /// Where the file cannot be written, or holds something else.
    pub fn prepare(folder: &Path, algorithm: KeyAlgorithm, count: usize) -> anyhow::Result<Self> {
        let path = path(folder, algorithm);
        if let Ok(octets) = std::fs::read(&path) {
            let kept = read(&octets).with_context(|| path.display().to_string())?;
            if kept.len() >= count {
                return Ok(Self(kept));
            }
        }
        eprintln!("making {count} requests: {}", path.display());
        let made = match algorithm {
            KeyAlgorithm::Rsa => {
                let pool = PrimePool::for_keys(count)?;
                sign(pool.keys().take(count))?
            }
            KeyAlgorithm::Ecdsa => sign((0..count).map(|_| Ok(SigningKey::generate(algorithm)?)))?,
        };
        std::fs::create_dir_all(folder)?;
        std::fs::write(&path, write(&made)?)?;
        Ok(Self(made))
    }

    /// The request of this number.
    #[must_use]
    pub fn nth(&self, number: usize) -> Option<&[u8]> {
        self.0.get(number).map(Vec::as_slice)
    }
}

fn path(folder: &Path, algorithm: KeyAlgorithm) -> PathBuf {
    folder.join(match algorithm {
        KeyAlgorithm::Rsa => "rsa.spkacs",
        KeyAlgorithm::Ecdsa => "ecdsa.spkacs",
    })
}

fn sign(keys: impl Iterator<Item = anyhow::Result<SigningKey>>) -> anyhow::Result<Vec<Vec<u8>>> {
    keys.map(|key| Ok(spkac::build(&key?)?)).collect()
}

/// Each request after its length, 16 bits, big-endian.
fn write(requests: &[Vec<u8>]) -> anyhow::Result<Vec<u8>> {
    let mut octets = Vec::new();
    for request in requests {
        octets.extend(u16::try_from(request.len())?.to_be_bytes());
        octets.extend(request);
    }
    Ok(octets)
}

fn read(mut octets: &[u8]) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut requests = Vec::new();
    while let Some((length, rest)) = octets.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (request, rest) = rest.split_at_checked(length).context("cut short")?;
        requests.push(request.to_vec());
        octets = rest;
    }
    ensure!(octets.is_empty(), "cut short");
    Ok(requests)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let requests = vec![vec![1; 300], vec![2]];
        let octets = write(&requests).unwrap();
        assert_eq!(read(&octets).unwrap(), requests);
        for cut in [1, 2, 301, 303] {
            assert!(read(octets.get(..cut).unwrap()).is_err(), "{cut}");
        }
    }
}
