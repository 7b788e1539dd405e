//! A virtual Chromebook and its certificate.

use anyhow::ensure;
use der::pem::{LineEnding, encode_string};
use vaca_emulator::enroll::{Progress, enroll_with};
use vaca_emulator::{Emulator, EnrollRequest, Enrolled, VirtualChromebook};

use crate::authority::Authority;
use crate::report::{note, ok};
use crate::state::StateFolder;

/// Takes a new Chromebook, signs alice in, and gets it a certificate through the public HTTP API.
pub(crate) async fn enroll(
    state: &StateFolder,
    google: &Emulator,
    ca: &Authority,
    request: &EnrollRequest,
) -> anyhow::Result<Enrolled> {
    let mut chromebook =
        VirtualChromebook::enrolled(&google.control_url(), "alice@example.com").await?;
    let device = chromebook.device_permanent_id();
    ok("Chromebook", &format!("{device}, enrolled in example.com"));
    let enrolled = enroll_with(&ca.url(), None, &mut chromebook, request, tell).await?;
    tell_checks(ca, &enrolled).await?;
    ok("attempt", &enrolled.attempt);
    ok("certificate", &enrolled.serial_number);
    ok("good until", &enrolled.not_after);
    write(state, &enrolled)?;
    Ok(enrolled)
}

fn tell(progress: Progress<'_>) {
    match progress {
        Progress::Challenged { expires_at } => ok("challenge", &format!("good until {expires_at}")),
        Progress::Answered { bytes } => ok("response", &format!("{bytes} bytes, key registered")),
        Progress::Waiting { problem, seconds } => {
            note(&format!("{}; trying again in {seconds} s", problem.title));
        }
        Progress::Issued { .. } => ok("key", "the certificate is for the registered key"),
    }
}

/// What the CA checked before it signed, as its record has it.
async fn tell_checks(ca: &Authority, enrolled: &Enrolled) -> anyhow::Result<()> {
    note("the CA checked, before it signed:");
    for check in ca.checks(&enrolled.attempt).await? {
        ensure!(check.passed, "{} did not pass: {}", check.name, check.seen);
        if check.seen == check.expected {
            ok(&check.name, &check.seen);
        } else {
            ok(
                &check.name,
                &format!("{} (wanted: {})", check.seen, check.expected),
            );
        }
    }
    note("and gave:");
    Ok(())
}

/// What any TLS client needs, in a folder named like the profile.
fn write(state: &StateFolder, enrolled: &Enrolled) -> anyhow::Result<()> {
    let folder = &enrolled.profile;
    let key = encode_string("PRIVATE KEY", LineEnding::LF, &enrolled.private_key_pkcs8)?;
    state.write_private(&format!("{folder}/key.pem"), &key)?;
    state.write(&format!("{folder}/cert.pem"), &enrolled.certificate_pem)?;
    let chain = enrolled.certificate_pem.clone() + &enrolled.chain_pem.concat();
    state.write(&format!("{folder}/chain.pem"), &chain)?;
    ok(
        "files",
        &format!("{folder}/key.pem, cert.pem, chain.pem (leaf first)"),
    );
    Ok(())
}
