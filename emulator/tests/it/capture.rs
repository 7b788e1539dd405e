//! A genuine response of a Chromebook in developer mode, from ChromiumOS's own tests.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tonic::Code;
use vaca_emulator::protocol::KeyTrustLevel;
use vaca_emulator::{Options, spkac};

use crate::support::TestBed;

const USER: &str = "qwerqwer@gmail.com";

/// The folder with the captures, or `None` and a line that says so.
fn captures() -> Option<PathBuf> {
    let folder = std::env::var_os("VACA_CAPTURES").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
        PathBuf::from,
    );
    if folder
        .join("chromeos-user-challenge-response.bin")
        .is_file()
    {
        return Some(folder);
    }
    eprintln!(
        "no captures in {}: skipped (VACA_CAPTURES names the folder)",
        folder.display()
    );
    None
}

/// The directory as it must have been for Google to accept it.
async fn bed_with_its_user(options: Options) -> TestBed {
    let bed = TestBed::start_with(options).await;
    let directory = bed.emulator.directory();
    directory.add_user(directory.draft_user(USER));
    let mut device = directory.draft_device().unwrap();
    device.device_id = "fake_device_id".to_owned();
    directory.add_device(device);
    bed
}

#[tokio::test]
async fn a_genuine_response_verifies_with_the_well_known_keys() {
    let Some(folder) = captures() else { return };
    let response = std::fs::read(folder.join("chromeos-user-challenge-response.bin")).unwrap();
    let request = std::fs::read(folder.join("chromeos-spkac-rsa-40.der")).unwrap();
    let bed = bed_with_its_user(Options {
        well_known_keys: Some(folder),
        ..Options::default()
    })
    .await;

    let result = bed.caller.verify(&response, USER).await.unwrap();
    let spkac = STANDARD
        .decode(&result.signed_public_key_and_challenge)
        .unwrap();
    assert_eq!(spkac, request);
    assert_eq!(
        result.key_trust_level(),
        KeyTrustLevel::ChromeOsDeveloperMode
    );
    assert_eq!(result.virtual_device_id, "fake_device_id");

    // Everything but age and chain is still checked.
    let other = bed
        .caller
        .verify(&response, "alice@example.com")
        .await
        .unwrap_err();
    assert_eq!(other.code(), Code::InvalidArgument);
    for index in (0..response.len()).step_by(97) {
        let mut flipped = response.clone();
        flipped[index] ^= 0x10;
        let refused = bed.caller.verify(&flipped, USER).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "byte {index}");
    }
    bed.emulator.directory().require_verified_mode(true);
    let policy = bed.caller.verify(&response, USER).await.unwrap_err();
    assert_eq!(policy.code(), Code::PermissionDenied);
    bed.emulator.directory().require_verified_mode(false);
    bed.emulator.directory().remove_device("fake_device_id");
    let unknown = bed.caller.verify(&response, USER).await.unwrap_err();
    assert_eq!(unknown.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_genuine_response_is_nothing_without_the_well_known_keys() {
    let Some(folder) = captures() else { return };
    let response = std::fs::read(folder.join("chromeos-user-challenge-response.bin")).unwrap();
    let bed = bed_with_its_user(Options::default()).await;
    let refused = bed.caller.verify(&response, USER).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

#[test]
fn genuine_requests_verify_and_altered_ones_do_not() {
    let Some(folder) = captures() else { return };
    for name in ["chromeos-spkac-rsa-40.der", "chromeos-spkac-rsa-64.der"] {
        let genuine = std::fs::read(folder.join(name)).unwrap();
        spkac::verify(&genuine).unwrap();
        for bit in 0..genuine.len() * 8 {
            let mut flipped = genuine.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // The parameters of the outer algorithm are not signed; all else is.
            assert!(
                spkac::verify(&flipped).is_err() || is_unsigned(&genuine, bit / 8),
                "{name} {bit}"
            );
        }
    }
}

/// Whether the byte belongs to the algorithm identifier, which no signature covers.
fn is_unsigned(der: &[u8], index: usize) -> bool {
    const SIGNATURE_AND_HEADER: usize = 256 + 5;
    const ALGORITHM: usize = 15;
    let end = der.len() - SIGNATURE_AND_HEADER;
    (end - ALGORITHM..end).contains(&index)
}
