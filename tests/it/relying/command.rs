//! The command itself: what it says where it writes nothing.

use super::World;
use super::daemon::command;
use super::world::output;
use crate::support::openssl::said;
use crate::support::service::VACA;

#[tokio::test]
async fn it_says_what_there_is_and_what_is_missing() {
    let world = World::new().await;
    let vaca = async |arguments: &[&str]| {
        let mut vaca = command(VACA);
        vaca.arg("--config").arg(world.ca.configuration_file());
        vaca.args(["relying-party", "config"]).args(arguments);
        let output = output(vaca).await;
        (output.status.code(), said(&output))
    };
    let (code, told) = vaca(&["squid", "--profile", "wifi-user"]).await;
    assert_eq!(code, Some(2));
    for kind in ["freeradius", "nginx", "strongswan", "google-admin", "ovpn"] {
        assert!(told.contains(kind), "{told}");
    }
    let configured = "pki_base_url =";
    world.ca.reconfigure(configured, &format!("# {configured}"));
    let (code, told) = vaca(&["nginx", "--profile", "wifi-user"]).await;
    assert_eq!(code, Some(1));
    assert!(told.contains("pki_base_url"), "{told}");
    world.ca.reconfigure(&format!("# {configured}"), configured);
    let url = ["--pki-url", "http://pki.example.com"];
    let (code, told) = vaca(&[&["nginx", "--profile", "wifi"], &url[..]].concat()).await;
    assert_eq!(code, Some(1));
    assert!(told.contains("there are wifi-user, vpn-user"), "{told}");
    let (code, told) = vaca(&[&["nginx", "--profile", "wifi-user"], &url[..]].concat()).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("==> vaca.conf <=="), "{told}");
    assert!(
        told.contains("/etc/vaca/nginx-wifi-user/server.crt"),
        "{told}"
    );
    let folder = world.path("twice");
    for (options, code) in [(&[][..], 0), (&[], 1), (&["--replace"], 0)] {
        let written = world
            .config("freeradius", "wifi-user", &folder, options)
            .await;
        assert_eq!(written.status.code(), Some(code), "{}", said(&written));
    }
    // The secret that equipment has by now stays.
    let secret = std::fs::read(folder.join("clients.conf")).unwrap();
    world
        .config("freeradius", "wifi-user", &folder, &["--replace"])
        .await;
    assert_eq!(std::fs::read(folder.join("clients.conf")).unwrap(), secret);
    world.ca.check().await;
}
