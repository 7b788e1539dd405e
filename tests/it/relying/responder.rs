//! Programs of others that ask the responder which a certificate names, besides the servers: NSS, as
//! browsers have it, and strongSwan's verifier, which charon uses too.

use std::process::Output;

use vaca_emulator::KeyAlgorithm;

use super::daemon::command;
use super::world::output;
use super::{Holder, World};
use crate::support::openssl::said;

/// NSS, to whom no answer is as bad as a bad one.
async fn nss(world: &World, holder: &Holder) -> Output {
    let mut vfychain = command("vfychain");
    vfychain.current_dir(&world.folder);
    vfychain.args(["-d", "sql:nss", "-pp", "-u", "0", "-g", "leaf", "-m"]);
    vfychain.args(["ocsp", "-s", "requireInfo,failIfNoInfo"]);
    vfychain.arg("-a").arg(&holder.leaf);
    vfychain.args(["-a", "issuing.crt"]);
    output(vfychain).await
}

async fn strongswan(world: &World, holder: &Holder) -> Output {
    let mut pki = command("pki");
    pki.current_dir(&world.folder);
    pki.args(["--verify", "--online", "--cacert", "issuing.crt"]);
    pki.args(["--cacert", "root.crt", "--in"]).arg(&holder.leaf);
    output(pki).await
}

#[tokio::test]
async fn nss_and_strongswan_ask_the_responder() {
    let world = World::new().await;
    let pki = world.ca.folder.path();
    std::fs::copy(pki.join("root.crt"), world.path("root.crt")).unwrap();
    std::fs::copy(pki.join("issuing/issuing.crt"), world.path("issuing.crt")).unwrap();
    std::fs::create_dir(world.path("nss")).unwrap();
    // The signer's own certificate is judged by what the database trusts.
    for arguments in ["-N --empty-password", "-A -n root -t CT,, -a -i root.crt"] {
        let mut certutil = command("certutil");
        certutil.current_dir(&world.folder);
        certutil.args(["-d", "sql:nss"]).args(arguments.split(' '));
        let done = output(certutil).await;
        assert!(done.status.success(), "{}", said(&done));
    }
    let holder = world.user("wifi-user", KeyAlgorithm::Ecdsa).await;

    let good = nss(&world, &holder).await;
    assert!(good.status.success(), "{}", said(&good));
    let good = strongswan(&world, &holder).await;
    let text = said(&good);
    assert!(good.status.success(), "{text}");
    assert!(text.contains("ocsp response correctly signed by"), "{text}");
    assert!(text.contains("certificate status is good"), "{text}");

    world.revoke(&holder).await;
    let bad = nss(&world, &holder).await;
    let text = said(&bad);
    assert!(!bad.status.success(), "{text}");
    assert!(text.contains("-8180"), "it is revoked: {text}");
    let bad = strongswan(&world, &holder).await;
    let text = said(&bad);
    assert!(!bad.status.success(), "{text}");
    assert!(text.contains("ocsp response correctly signed by"), "{text}");
    assert!(text.contains("certificate was revoked"), "{text}");
}
