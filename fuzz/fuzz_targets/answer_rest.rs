//! `vaca_fuzz_checks::answer_rest`, on what the fuzzer finds.
#![no_main]

libfuzzer_sys::fuzz_target!(|unverified: &[u8]| vaca_fuzz_checks::answer_rest(unverified));
