//! The keys of those who sign identity tokens: kept, and fetched anew when they are old or one is missing.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::ensure;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

/// Older keys are fetched anew: one that was withdrawn is believed no longer than this.
const FRESH: Duration = Duration::from_secs(15 * 60);
/// Where they cannot be had, older ones are not believed at all.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// Not more often than this, whatever names of keys strangers make up.
const PAUSE: Duration = Duration::from_secs(5);

/// A public key, and the one algorithm that it is for.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) algorithm: Algorithm,
    pub(crate) verifies: DecodingKey,
}

/// A JWKS (RFC 7517, section 5).
#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

/// The keys of a JWKS by their names; those of other kinds and for other uses are passed over.
pub(crate) fn parse(unverified: &[u8]) -> anyhow::Result<HashMap<String, Key>> {
    let set: Set = serde_json::from_slice(unverified)?;
    let keys: HashMap<_, _> = set.keys.into_iter().filter_map(key).collect();
    ensure!(
        !keys.is_empty(),
        "it has no key with a name (kid) for RS256 or ES256"
    );
    Ok(keys)
}

fn key(value: Value) -> Option<(String, Key)> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        // A symmetric key in a public set would be everybody's.
        _ => return None,
    };
    let common = &jwk.common;
    let is_for_it = common.key_algorithm.is_none_or(|other| other == named);
    let signs = matches!(&common.public_key_use, None | Some(PublicKeyUse::Signature));
    let name = common.key_id.clone().filter(|_| is_for_it && signs)?;
    let verifies = DecodingKey::from_jwk(&jwk).ok()?;
    Some((
        name,
        Key {
            algorithm,
            verifies,
        },
    ))
}

/// What a fetch comes to.
pub(crate) type Fetched<'a> = Pin<Box<dyn Future<Output = anyhow::Result<Vec<u8>>> + Send + 'a>>;

/// Where a JWKS is.
pub(crate) trait Place: Send + Sync {
    /// Its octets as they are now; within seconds, and bounded.
    fn fetch(&self) -> Fetched<'_>;
}

/// What was fetched last.
struct Kept {
    keys: HashMap<String, Key>,
    since: Instant,
}

/// Why there is no key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// None of this name.
    Unknown(String),
    /// None that is fresh enough.
    Stale,
}

/// The keys of an issuer.
pub(crate) struct Keys {
    place: Box<dyn Place>,
    kept: RwLock<Kept>,
    /// When it was tried last; held while it is tried, so that one does it for all.
    tried: Mutex<Instant>,
}

impl Keys {
    /// Fetches them for the first time.
    ///
    /// # Errors
    /// Where they cannot be had: without them nobody would be let in.
    pub(crate) async fn load(place: Box<dyn Place>, now: Instant) -> anyhow::Result<Self> {
        let keys = parse(&place.fetch().await?)?;
        Ok(Self {
            place,
            kept: RwLock::new(Kept { keys, since: now }),
            tried: Mutex::new(now),
        })
    }

    /// The key of this name.
    pub(crate) async fn find(&self, kid: &str, now: Instant) -> Result<Key, Missing> {
        let (known, age) = self.look(kid, now);
        if known.is_none() {
            let mut tried = self.tried.lock().await;
            // Whoever was before us may have brought it.
            if self.look(kid, now).0.is_none() {
                self.renew(&mut tried, now).await;
            }
        } else if age >= FRESH {
            // Where somebody renews them already, what is there is good enough meanwhile.
            if let Ok(mut tried) = self.tried.try_lock() {
                self.renew(&mut tried, now).await;
            }
        }
        match self.look(kid, now) {
            (_, age) if age >= STALE => Err(Missing::Stale),
            (Some(key), _) => Ok(key),
            (None, _) => Err(Missing::Unknown(kid.to_owned())),
        }
    }

    fn look(&self, kid: &str, now: Instant) -> (Option<Key>, Duration) {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let age = now.saturating_duration_since(kept.since);
        (kept.keys.get(kid).cloned(), age)
    }

    /// Fetches them anew where the last time is long enough ago; else, and where that fails, those that are
    /// there stay.
    async fn renew(&self, tried: &mut Instant, now: Instant) {
        if now.saturating_duration_since(*tried) < PAUSE {
            return;
        }
        *tried = now;
        let fetched = self.place.fetch().await;
        match fetched.and_then(|octets| parse(&octets)) {
            Ok(keys) => {
                let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
                *kept = Kept { keys, since: now };
                tracing::info!("the keys of --token-keys were read again");
            }
            Err(error) => {
                tracing::error!(
                    "the keys of --token-keys cannot be had, those before stay: {error:#}"
                );
            }
        }
    }
}
