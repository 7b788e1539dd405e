//! The refresh of revocation lists: what it takes, and what it does not.

use std::path::Path;

use super::World;
use crate::support::openssl::{openssl, said};

/// The numbers of the lists that the server would read.
async fn numbers(folder: &Path) -> Vec<String> {
    let lists = std::fs::read_to_string(folder.join("crl.pem")).unwrap();
    let mut numbers = Vec::new();
    for list in lists.split_inclusive("-----END X509 CRL-----\n") {
        std::fs::write(folder.join("one.pem"), list).unwrap();
        let read = ["crl", "-in", "one.pem", "-noout", "-crlnumber"];
        numbers.push(openssl(&read, folder).await.trim().to_owned());
    }
    numbers
}

#[tokio::test]
async fn it_takes_newer_lists_of_the_ca_and_nothing_else() {
    let world = World::new().await;
    let mirror = ["--pki-url", world.publication.url.as_str()];
    let folder = world.generate("nginx", "wifi-user", &mirror).await;
    world.mirror().await;
    let reload = ["touch", "reloaded"];
    let reloaded = || std::fs::remove_file(folder.join("reloaded")).is_ok();

    // Before there was any list.
    let path = world.list_path();
    world.publication.put(&path, b"<html>".to_vec());
    let refused = world.refresh(&folder, &reload).await;
    assert!(
        said(&refused).contains("issuing: what "),
        "{}",
        said(&refused)
    );
    assert!(!refused.status.success() && !folder.join("crl.pem").exists());

    world.publication.put(&path, world.list(0x1f).await);
    world.refreshed(&folder, &reload).await;
    assert!(reloaded());
    let good = numbers(&folder).await;
    assert_eq!(good[1], "crlNumber=0x1F");
    // Nothing new: nobody is told.
    world.refreshed(&folder, &reload).await;
    assert!(!reloaded());

    let stranger = world.of_a_stranger_list().await;
    for (list, told) in [
        (world.list(0x1e).await, "which is older than"),
        (world.list(0x9).await, "which is older than"),
        (world.ended_list(0x100).await, "is out of date"),
        (stranger, "is not signed by issuing.pem"),
        (Vec::new(), "is no list"),
    ] {
        world.publication.put(&path, list);
        let refused = world.refresh(&folder, &reload).await;
        assert!(said(&refused).contains(told), "{told}: {}", said(&refused));
        assert_eq!(refused.status.code(), Some(1));
        assert!(!reloaded());
        assert_eq!(numbers(&folder).await, good, "{told}");
    }

    // The CA is down.
    world.publication.clear();
    let refused = world.refresh(&folder, &reload).await;
    assert!(
        said(&refused).contains("the last good one stays"),
        "{}",
        said(&refused)
    );
    assert_eq!(numbers(&folder).await, good);

    // A server that could not be told is told the next time.
    world.mirror().await;
    world.publication.put(&path, world.list(0x101).await);
    let failed = world.refresh(&folder, &["false"]).await;
    assert_eq!(failed.status.code(), Some(1));
    assert_eq!(numbers(&folder).await[1], "crlNumber=0x0101");
    world.refreshed(&folder, &reload).await;
    assert!(reloaded());
    // Nothing is left over.
    let names = std::fs::read_dir(&folder).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        !names
            .iter()
            .any(|name| name.to_string_lossy().starts_with(".refresh")),
        "{names:?}"
    );
    world.ca.check().await;
}

#[tokio::test]
async fn freeradius_gets_new_files_and_begins_anew_after_fifty() {
    let world = World::new().await;
    let mirror = ["--pki-url", world.publication.url.as_str()];
    let folder = world.generate("freeradius", "wifi-user", &mirror).await;
    world.mirror().await;
    let lists = || {
        let names = std::fs::read_dir(folder.join("trust")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.contains(".r")).count()
    };
    world.refreshed(&folder, &["false"]).await;
    assert_eq!(lists(), 2, "one each");
    let issuing = folder.join("crls/issuing.pem").display().to_string();
    let hash = openssl(&["crl", "-in", &issuing, "-noout", "-hash"], &folder).await;
    let list = |number| folder.join(format!("trust/{}.r{number}", hash.trim()));
    for number in 1..50 {
        std::fs::copy(list(0), list(number)).unwrap();
    }
    let path = world.list_path();
    world.publication.put(&path, world.list(0x51).await);
    world.refreshed(&folder, &["touch", "restarted"]).await;
    assert_eq!(lists(), 2, "one each, of which FreeRADIUS is told");
    assert!(folder.join("restarted").exists());
    let newest = [
        "crl",
        "-in",
        list(0).to_str().unwrap(),
        "-noout",
        "-crlnumber",
    ]
    .map(str::to_owned);
    let newest: Vec<_> = newest.iter().map(String::as_str).collect();
    assert_eq!(openssl(&newest, &folder).await.trim(), "crlNumber=0x51");
    world.ca.check().await;
}
