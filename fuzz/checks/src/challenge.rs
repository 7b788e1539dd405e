//! A challenge of Verified Access: its name for us and the time in it, as prost reads them.

use prost::Message as _;
use vaca::attestation::challenge_digest;
use vaca::model::challenge::Challenge;

use crate::messages::{self, SignedData, shortest, signed_data};
use crate::sha256;

/// Checks a challenge.
///
/// # Panics
/// Where something does not hold.
pub fn challenge(unverified: &[u8]) {
    let found = challenge_digest(&Challenge(unverified.to_vec()));
    if let Ok((digest, time)) = &found {
        let (data, times) = read(unverified).expect("accepted, yet prost cannot read it");
        assert_eq!(digest.0, sha256(&data));
        assert_eq!(times, [*time]);
    }
    let plain = shortest::<SignedData>(unverified).filter(|plain| plain == unverified);
    if let (Some(_), Some((data, times))) = (plain, read(unverified))
        && times.len() == 1
        && shortest::<messages::Challenge>(&data).as_ref() == Some(&data)
    {
        assert!(found.is_ok(), "a plain challenge is refused");
    }
}

/// The signed data, and every time in it.
fn read(challenge: &[u8]) -> Option<(Vec<u8>, Vec<i64>)> {
    let data = signed_data(challenge)?;
    let times = messages::Challenge::decode(data.as_slice()).ok()?.timestamp;
    Some((data, times))
}
