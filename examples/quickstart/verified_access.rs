//! The local Verified Access: a real peer with real cryptography, in Google's place.

use vaca_emulator::{Emulator, Options};

use crate::ports::{loopback, preferred};
use crate::report::ok;
use crate::state::StateFolder;

/// Where the control plane listens, if the port is free: the `emulator` command looks for it there.
const CONTROL_PORT: u16 = 8091;

/// Starts it with `example.com`, its user alice, and keys that are new at every start.
pub(crate) async fn start(state: &StateFolder) -> anyhow::Result<Emulator> {
    let google = Emulator::start(Options {
        verified_access: preferred(8090),
        control: preferred(CONTROL_PORT),
        ..Options::default()
    })
    .await?;
    ok("gRPC", &google.verified_access_url());
    ok("control plane", &google.control_url());

    // The credential that Google's console would offer for download.
    let key_file = google.service_account_json();
    state.write_private("service-account.json", &key_file)?;
    ok("credential", "service-account.json, a fake service account");
    Ok(google)
}

/// Whether the `emulator` command finds the control plane without being told.
pub(crate) fn has_default_port(google: &Emulator) -> bool {
    google.control_url() == format!("http://{}", loopback(CONTROL_PORT))
}
