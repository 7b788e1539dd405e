//! Whose certificates are let in.

use super::{Row, WITHOUT_TOKEN, Webhook, World, cases};
use crate::support::openssl::openssl;
use crate::support::service::VACA;

/// What the log says of whom it refuses; the first of them is the code.
fn told(name: &str) -> &'static [&'static str] {
    match name {
        "revoked" => &["certificate_revoked", "serial 01"],
        "expired" => &["certificate_expired", "it ended at 2025-01-01T00:00:00Z"],
        "another CA of the same name" => &["other_ca_of_this_name", "and another key"],
        "for servers" => &["not_for_clients", "not for clients"],
        "another policy" => &["another_policy", "no policy 1.3.6.1.4.1.32473.1.1"],
        "a device's" => &["another_kind", "\"vaca device\""],
        "a user's" => &["another_kind", "\"vaca user\""],
        "another domain" => &["another_domain", "alice@example.net"],
        other => panic!("{other}"),
    }
}

async fn check_all(server: &Webhook, cases: &[super::Case], row: &mut Row) {
    for case in cases {
        if case.is_let_in {
            server.lets_in(&case.holder, &[]).await;
        } else {
            let told = told(case.name);
            // Names are looked at behind the handshake.
            let is_named = told[0].starts_with("another_");
            let status = if is_named { 403 } else { 0 };
            let shown = [case.holder.chain.as_path(), &case.holder.key];
            server.refuses(&shown, &[], status, told).await;
        }
        row.saw(case.name, case.is_let_in);
    }
    let good = &cases[0].holder;
    let none = [
        "no_certificate",
        "install chain.pem and key.pem on the client",
    ];
    server.refuses(&[], &[], 0, &none).await;
    row.saw("without a certificate", false);
    let alone = ["no_issuing_certificate", "install chain.pem on the client"];
    server
        .refuses(&[&good.leaf, &good.key], &[], 0, &alone)
        .await;
    row.saw("without its issuer's certificate", false);
}

/// Somebody whom no case of the other programs has.
async fn check_strangers(world: &World, server: &Webhook, cases: &[super::Case]) {
    let usage = "extendedKeyUsage=clientAuth\n";
    std::fs::write(world.path("client.cnf"), usage).unwrap();
    let sign = "x509 -req -in server.csr -CA server-ca.crt -CAkey server-ca.key -days 30 -extfile client.cnf -out client.crt";
    openssl(&sign.split(' ').collect::<Vec<_>>(), world.folder.path()).await;
    let [own, key] = ["client.crt", "server.key"].map(|name| world.path(name));
    let unknown = ["unknown_issuer", "issuer CN=Servers is unknown"];
    server.refuses(&[&own, &key], &[], 0, &unknown).await;

    // What a stranger has as a name is on one line, and turns no text round.
    let subject = "/CN=mallory\u{202e}\nrefused 203.0.113.1: forged";
    let ask = [
        "req",
        "-new",
        "-utf8",
        "-key",
        "server.key",
        "-out",
        "client.csr",
        "-subj",
        subject,
    ];
    openssl(&ask, world.folder.path()).await;
    let sign = sign.replace("server.csr", "client.csr");
    openssl(&sign.split(' ').collect::<Vec<_>>(), world.folder.path()).await;
    let shown = ["unknown_issuer", "203.0.113.1: forged"];
    server.refuses(&[&own, &key], &[], 0, &shown).await;
    let log = server.daemon.log();
    assert!(
        !log.contains('\u{202e}') && !log.contains("\nrefused"),
        "{log}"
    );

    let named = |name: &str| &cases.iter().find(|case| case.name == name).unwrap().holder;
    let [good, stranger] = [named("a user, ECDSA"), named("another CA of the same name")];
    let text = |path| std::fs::read_to_string(path).unwrap();
    // The right issuing certificate behind one that it did not sign.
    let chain = world.path("patched.pem");
    let issuing = text(&good.chain).replace(&text(&good.leaf), "");
    std::fs::write(&chain, text(&stranger.leaf) + &issuing).unwrap();
    let patched = ["bad_signature", "not signed by the issuing certificate"];
    server
        .refuses(&[&chain, &stranger.key], &[], 0, &patched)
        .await;
    // And the wrong one behind a good one.
    let strange = text(&stranger.chain).replace(&text(&stranger.leaf), "");
    std::fs::write(&chain, text(&good.leaf) + &strange).unwrap();
    let told = ["no_path", "install the chain.pem of its own enrolment"];
    server.refuses(&[&chain, &good.key], &[], 0, &told).await;
}

#[tokio::test]
async fn are_let_in_or_it_is_told_why_not() {
    let mut row = Row::of("mtls_webhook", &[VACA, "--version"]);
    let world = World::new().await;
    let users = cases::at_a_users_server(&world).await;
    let devices = cases::at_a_devices_server(&world).await;
    let server = Webhook::for_users(&world, &WITHOUT_TOKEN).await;
    check_all(&server, &users, &mut row).await;
    check_strangers(&world, &server, &users).await;
    let folder = Webhook::files(&world, "wifi-device").await;
    let options = [
        "--kind",
        "device",
        "--domain",
        "example.com",
        "--without-token",
    ];
    let devices_server = Webhook::start(&world, &folder, &["crl.pem"], &options).await;
    check_all(&devices_server, &devices, &mut row).await;

    // Nothing is restarted.
    let [good, later] = [&users[0].holder, &users[1].holder];
    world.revoke(later).await;
    server.lets_in(later, &[]).await;
    server.refresh(&world).await;
    let revoked = ["certificate_revoked", later.serial.as_str()];
    let shown = [later.chain.as_path(), &later.key];
    server.refuses(&shown, &[], 0, &revoked).await;
    server.lets_in(good, &[]).await;
    row.besides("revoked later: refused after the refresh alone");
    row.tell();
    world.ca.check().await;
}
