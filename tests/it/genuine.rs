//! What genuine Chromebooks sent, where the captures are at hand.

use std::path::PathBuf;

use vaca_emulator::forge;

use crate::support::{ALICE, TestCa};

/// The captured response, or `None` and a line that says so.
fn captured_response() -> Option<Vec<u8>> {
    let folder = std::env::var_os("VACA_CAPTURES").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")),
        PathBuf::from,
    );
    let file = folder.join("chromeos-user-challenge-response.bin");
    if let Ok(response) = std::fs::read(&file) {
        return Some(response);
    }
    eprintln!(
        "no {}: skipped (VACA_CAPTURES names the folder)",
        file.display()
    );
    None
}

#[tokio::test]
async fn a_genuine_response_to_somebody_elses_challenge_is_none_of_ours() {
    let Some(response) = captured_response() else {
        return;
    };
    let ca = TestCa::start().await;
    let answer = ca.present(&response, "wifi-user", Some(ALICE)).await;
    assert_eq!(answer.is("unknown_challenge").status, 403);
    ca.present(&response, "wifi-device", None)
        .await
        .is("unknown_challenge");
    // Its parts, sewn onto a challenge of ours, convince Google of nothing.
    let challenge = ca.challenge("wifi-user").await;
    let sewn = forge::with_foreign_challenge(&response, &challenge).unwrap();
    assert_eq!(ca.emulator.calls().verify, 0);
    ca.present(&sewn, "wifi-user", Some(ALICE))
        .await
        .is("challenge_response_refused");
    assert_eq!(ca.emulator.calls().verify, 1);
    ca.nothing_issued().await;
    ca.check().await;
}
