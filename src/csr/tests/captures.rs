//! Requests that Chromebooks made. They are other people's, so they are read where they lie.

use std::path::PathBuf;

use crate::csr::key_policy::SupportedKey;
use crate::csr::possession;
use crate::csr::spkac::Spkac;
use crate::csr::tests::{flipped, prove_der};
use crate::model::facts::KeyAlgorithm;
use crate::model::problem_code::ProblemCode;

/// File, length of its challenge, weakness of its key. The older one is of a TPM 1.2 with the flawed
/// Infineon library: genuinely attested, and just what `weak_key` is for.
const FILES: [(&str, usize, Option<ProblemCode>); 2] = [
    ("chromeos-spkac-rsa-40.der", 40, Some(ProblemCode::WeakKey)),
    ("chromeos-spkac-rsa-64.der", 64, None),
];

/// The folder, or `None` where there is none.
fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("VACA_CAPTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    if folder.is_dir() {
        return Some(folder);
    }
    println!("captures absent: {}", folder.display());
    None
}

/// All that `prove` asks, except whether the key is weak.
fn possession(der: &[u8]) -> bool {
    Spkac::parse(der).is_ok_and(|spkac| {
        let request = spkac.signed_request();
        SupportedKey::read(request.spki_der)
            .and_then(|key| possession::verify(&key, &request))
            .is_ok()
    })
}

#[test]
fn genuine_requests_verify_and_no_bit_of_them_may_change() {
    let Some(folder) = folder() else { return };
    for (name, challenge_length, weakness) in FILES {
        let der = std::fs::read(folder.join(name)).unwrap();
        let spkac = Spkac::parse(&der).unwrap();
        assert_eq!(spkac.unverified_challenge().len(), challenge_length);
        assert!(possession(&der), "{name}");
        match prove_der(&der) {
            Ok(key) => {
                assert_eq!(weakness, None, "{name}");
                assert_eq!(key.algorithm(), KeyAlgorithm::Rsa);
                assert_eq!(key.spki_der(), spkac.signed_request().spki_der);
            }
            Err(refusal) => assert_eq!(Some(refusal.code), weakness, "{name}"),
        }
        for (bit, flipped) in flipped(&der) {
            assert!(
                !possession(&flipped),
                "{name}: accepted with bit {bit} flipped"
            );
        }
    }
}
