//! Certificates that say where their revocation is, and a service that looks from outside whether it is.

use std::net::{Ipv4Addr, TcpListener};

use vaca_emulator::KeyAlgorithm;

use crate::chain::publish;
use crate::support::openssl::openssl;
use crate::support::{ALICE, TestCa, eventually};

/// A port that nobody had a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A CA whose certificates point to its own `pki` listener.
async fn pointing(port: u16) -> TestCa {
    let with = move |configuration: String| {
        configuration.replace(
            "pki = \"127.0.0.1:0\"",
            &format!("pki = \"127.0.0.1:{port}\"\npki_base_url = \"http://127.0.0.1:{port}\""),
        )
    };
    TestCa::make_with(with).await
}

#[tokio::test]
async fn certificates_say_where_their_revocation_is_and_it_is_there() {
    let port = free_port();
    let mut ca = pointing(port).await;
    ca.serve().await.unwrap();
    let mut chromebook = ca.chromebook(ALICE).await;
    let issued = ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa).await;
    issued.issued();
    publish(&ca, &issued).await;
    let folder = ca.folder.path();
    let base = format!("http://127.0.0.1:{port}");
    for (file, ocsp) in [("leaf.pem", true), ("chain.pem", false)] {
        let text = openssl(&["x509", "-in", file, "-noout", "-text"], folder).await;
        let addresses: Vec<_> = text
            .lines()
            .filter_map(|line| line.split_once("URI:"))
            .map(|(_, url)| url.trim().to_owned())
            .filter(|url| url.starts_with(&base))
            .collect();
        assert_eq!(addresses.len(), if ocsp { 3 } else { 2 }, "{text}");
        assert_eq!(text.contains("OCSP - URI"), ocsp, "{text}");
        let client = ca.client_at(Ipv4Addr::LOCALHOST);
        for url in addresses.iter().filter(|url| !url.ends_with("/ocsp")) {
            let there = async || client.get(url).send().await.unwrap().status() == 200;
            eventually(url, there).await;
        }
    }
    // The service sees its own lists.
    eventually("it looks from outside", async || {
        let report = ca.get("/readyz").await;
        report.text.matches("seen from outside").count() == 2
    })
    .await;
    let metrics = ca.scrape().await.text;
    assert!(metrics.contains("vaca_crl_unfetchable{"), "{metrics}");
    ca.check().await;
}

#[tokio::test]
async fn a_public_address_that_gives_no_list_is_an_alarm() {
    let port = free_port();
    let mut ca = pointing(port).await;
    // Somebody else answers there, with something else.
    let file = ca.configuration_file();
    let configuration = std::fs::read_to_string(&file).unwrap();
    let elsewhere = configuration.replace(
        &format!("pki = \"127.0.0.1:{port}\""),
        "pki = \"127.0.0.1:0\"",
    );
    std::fs::write(&file, elsewhere).unwrap();
    ca.serve().await.unwrap();
    eventually("nobody answers", async || !ca.ready("crl").await).await;
    let report = ca.get("/readyz").await;
    assert_eq!(report.status, 200, "the service itself is well");
    assert!(report.text.contains("public address"), "{}", report.text);
    ca.check().await;
}
