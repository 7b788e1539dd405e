//! Randomness is an argument, so that tests can repeat a run to the byte.

use std::fmt;
use std::sync::Mutex;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// The operating system's random source did not answer. Nothing may be signed without it.
#[derive(Debug, thiserror::Error)]
#[error("the system's random source does not answer")]
pub struct RandomUnavailable;

/// Where the service learns what nobody can guess.
pub trait Random: Send + Sync + fmt::Debug {
    /// Fills `bytes` with random octets.
    ///
    /// # Errors
    /// [`RandomUnavailable`] where the source fails; `bytes` are then not to be used.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable>;
}

impl dyn Random + '_ {
    /// `N` random octets.
    ///
    /// # Errors
    /// As [`Random::fill`].
    pub fn array<const N: usize>(&self) -> Result<[u8; N], RandomUnavailable> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }
}

/// The cryptographic source of production.
#[derive(Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| RandomUnavailable)
    }
}

/// A repeatable source, for tests only: whoever knows the seed knows every serial number.
#[derive(Debug)]
pub struct SeededRandom(Mutex<StdRng>);

impl SeededRandom {
    /// The same `seed` gives the same octets.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        let mut source = self.0.lock().map_err(|_| RandomUnavailable)?;
        source.fill_bytes(bytes);
        Ok(())
    }
}
