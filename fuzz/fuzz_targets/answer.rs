//! What Verified Access answers to a response, from octets.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prost::Message as _;
use vaca_fuzz::messages::VerifyChallengeResponseResult;
use vaca_fuzz::verdict;

fuzz_target!(|unverified: &[u8]| {
    if let Ok(result) = VerifyChallengeResponseResult::decode(unverified) {
        verdict::check(&result);
    }
});
