//! Revocation lists that are replaced while it runs, and that end.

use std::path::Path;

use vaca_emulator::KeyAlgorithm;

use super::{Daemon, READ_AGAIN, WITHOUT_TOKEN, Webhook, World};
use crate::support::eventually;

const LISTS: [&str; 2] = ["root.crl", "issuing.crl"];

/// A folder with a list of each level, DER, this one of the issuing CA's.
async fn files(world: &World, issuing: Vec<u8>) -> std::path::PathBuf {
    let folder = Webhook::files(world, "wifi-user").await;
    let root = world.authority("root.crt").issuer_id();
    let list = world.fetch(&format!("/crl/{root}.crl")).await;
    put(&folder, "root.crl", list);
    put(&folder, "issuing.crl", issuing);
    folder
}

/// As a whole or not at all, as the refresh does it.
fn put(folder: &Path, name: &str, octets: Vec<u8>) {
    let new = folder.join("new");
    std::fs::write(&new, octets).unwrap();
    std::fs::rename(new, folder.join(name)).unwrap();
}

fn options() -> Vec<&'static str> {
    [&["--domain", "example.com"][..], &WITHOUT_TOKEN].concat()
}

#[tokio::test]
async fn what_is_no_good_list_leaves_the_last_good_one() {
    let world = World::new().await;
    let good = world.user("wifi-user", KeyAlgorithm::Ecdsa).await;
    let revoked = world.user("wifi-user", KeyAlgorithm::Ecdsa).await;
    world.revoke(&revoked).await;
    let list = world.fetch(&world.list_path()).await;
    let folder = files(&world, list.clone()).await;
    let server = Webhook::start(&world, &folder, &LISTS, &options()).await;
    let stranger = world.of_a_stranger_list().await;
    let half = list[..list.len() / 2].to_vec();
    let mut flipped = list.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for (octets, told) in [
        (b"<html>".to_vec(), "holds no revocation list"),
        (Vec::new(), "holds no revocation list"),
        (half, "a revocation list is malformed"),
        (flipped, "is not signed by a CA of --roots or --issuing"),
        (stranger, "is not signed by a CA of --roots or --issuing"),
        (
            world.ended_list(0xffff).await,
            "ended at 2025-01-08T00:00:00Z",
        ),
        // Of the CA's own, and nobody stands in it: the older one.
        (world.list(1).await, "is older than the one before"),
        (
            world.fetch("/v1/ca/bundle.pem").await,
            "holds no revocation list",
        ),
    ] {
        let before = server.daemon.log().len();
        put(&folder, "issuing.crl", octets);
        server.says_again(told, before).await;
        server
            .says_again("what was read before stays", before)
            .await;
        server.lets_in(&good, &[]).await;
        let shown = [revoked.chain.as_path(), &revoked.key];
        server
            .refuses(&shown, &[], 0, &["certificate_revoked"])
            .await;
    }
    // A level with two lists, and one without any.
    let root = std::fs::read(folder.join("root.crl")).unwrap();
    for (name, octets, told) in [
        ("issuing.crl", &root, "there are 2 lists of "),
        ("issuing.crl", &list, READ_AGAIN),
        ("root.crl", &list, "there is no list of "),
        ("root.crl", &root, READ_AGAIN),
    ] {
        let before = server.daemon.log().len();
        put(&folder, name, octets.clone());
        server.says_again(told, before).await;
    }
    server.lets_in(&good, &[]).await;
    // The CA's newest, in which nobody stands any more: this one is believed.
    let before = server.daemon.log().len();
    put(&folder, "issuing.crl", world.list(0xffff).await);
    server.says_again(READ_AGAIN, before).await;
    server.lets_in(&revoked, &[]).await;
    world.ca.check().await;
}

#[tokio::test]
async fn one_out_of_date_refuses_everybody_until_there_is_a_new_one() {
    let world = World::new().await;
    let good = world.user("wifi-user", KeyAlgorithm::Ecdsa).await;
    let folder = files(&world, world.ended_list(0x1000).await).await;
    let server = Webhook::start(&world, &folder, &LISTS, &options()).await;
    let everybody = "ended at 2025-01-08T00:00:00Z: everybody is refused until the refresh has run";
    server.daemon.says(everybody).await;
    let shown = [good.chain.as_path(), &good.key];
    let ended = [
        "list_out_of_date",
        "ended at 2025-01-08T00:00:00Z: run the refresh",
    ];
    server.refuses(&shown, &[], 0, &ended).await;

    let before = server.daemon.log().len();
    put(&folder, "issuing.crl", world.ending_list(0x1001, 6).await);
    server.says_again(READ_AGAIN, before).await;
    server.lets_in(&good, &[]).await;
    // It gets old by itself; no file changes.
    let refused = || async { server.ask(&shown, &[]).await.0 == 0 };
    eventually("the list ends", refused).await;
    server
        .tells(before, &["list_out_of_date", "run the refresh"])
        .await;
    server
        .says_again("everybody is refused until the refresh has run", before)
        .await;
    world.ca.check().await;
}

#[tokio::test]
async fn without_a_list_of_every_level_it_does_not_start() {
    let world = World::new().await;
    let folder = files(&world, world.list(0x1000).await).await;
    let mut command = crate::relying::daemon::command(super::example().to_str().unwrap());
    command.current_dir(&folder).args(options());
    for (option, file) in [
        ("--certificate", "server.crt"),
        ("--key", "server.key"),
        ("--roots", "bundle.pem"),
        ("--issuing", "issuing.pem"),
        ("--lists", "issuing.crl"),
        ("--listen", "127.0.0.1:0"),
    ] {
        command.args([option, file]);
    }
    let mut daemon = Daemon::spawn(&folder, &mut command);
    assert!(
        daemon.says_or_ends("there is no list of ").await,
        "{}",
        daemon.log()
    );
    assert!(
        !daemon.says_or_ends("listening on").await,
        "{}",
        daemon.log()
    );
    world.ca.check().await;
}
