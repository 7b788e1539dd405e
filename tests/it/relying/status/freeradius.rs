//! FreeRADIUS, which asks for each authentication.

use std::path::Path;

use futures_util::future::join;
use vaca::model::role::Role;
use vaca_emulator::KeyAlgorithm;

use super::{DOWN, Front, WRONG, Way, World, furnish, options};
use crate::relying::freeradius::Radius;
use crate::relying::{Holder, Row};
use crate::support::openssl::openssl;

async fn start(world: &World, front: &Front, profile: &str) -> Radius {
    let token = world.ca.token(Role::RelyingParty).await;
    let options = options(front);
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let furnish = |folder: &Path| furnish(world, folder, &token);
    Radius::start_furnished(world, profile, &options, furnish).await
}

async fn lets_in(radius: &Radius, holder: &Holder) -> bool {
    let accepted = radius.accepts(holder, &holder.chain, "1.3").await;
    accepted.is_some()
}

/// What the generated log says of this certificate.
fn told(profile: &str, holder: &Holder) -> String {
    let log = std::fs::read_to_string(format!("/var/log/freeradius/vaca-{profile}.log")).unwrap();
    let lines = log.lines().filter(|line| line.contains(&holder.serial));
    lines.collect::<Vec<_>>().join("\n")
}

/// Whatever becomes of the question, and of two who ask: one that is good, one that stands on the lists.
async fn everything_that_can_go_wrong(
    radius: &Radius,
    front: &mut Front,
    [good, listed]: [&Holder; 2],
) {
    let ways = WRONG.into_iter().map(|(when, way)| (when, way, false));
    let ways = ways.chain(DOWN.into_iter().map(|(when, way)| (when, way, true)));
    for (when, way, wanted) in ways {
        front.goes(way).await;
        let (let_in, refused) = join(lets_in(radius, good), lets_in(radius, listed)).await;
        assert_eq!(
            (let_in, refused),
            (wanted, false),
            "{when}: {}",
            radius.log()
        );
    }
    // The last of them.
    assert!(front.connections() > 0);
    assert_eq!(front.questions(), [""; 0], "the token is not for them");
    let told = told("wifi-user", good);
    for wanted in ["does not know the token", "is not vaca", "does not answer"] {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
}

/// All that it has of the issuing CA's becomes one list that ended; it reads them when it starts.
async fn ended(world: &World, radius: &mut Radius) {
    let list = world.path("ended.der");
    std::fs::write(&list, world.ended_list(0x7fff_ffff).await).unwrap();
    let file = list.to_str().unwrap();
    let hash = ["crl", "-inform", "DER", "-in", file, "-noout", "-hash"];
    let hash = openssl(&hash, &radius.folder).await;
    let name = format!("{}.r", hash.trim());
    let trust = radius.folder.join("trust");
    for entry in std::fs::read_dir(&trust).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_str().unwrap().starts_with(&name) {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    let new = trust.join(format!("{name}0")).display().to_string();
    let convert = ["crl", "-inform", "DER", "-in", file, "-out", &new];
    openssl(&convert, &radius.folder).await;
    radius.run().await;
}

async fn users(world: &World, front: &mut Front, row: &mut Row) {
    let [good, later, listed] = [KeyAlgorithm::Ecdsa, KeyAlgorithm::Rsa, KeyAlgorithm::Ecdsa]
        .map(|key| world.user("wifi-user", key));
    let (good, later, listed) = (good.await, later.await, listed.await);
    world.revoke(&listed).await;
    let mut radius = start(world, front, "wifi-user").await;
    for version in ["1.2", "1.3"] {
        let accepted = radius.accepts(&good, &good.chain, version).await;
        assert!(accepted.is_some(), "{}", radius.log());
    }
    let asked = front.questions().pop().unwrap();
    let (issuer, serial) = (world.issuer(), &good.serial);
    let first = format!("GET /v1/status/{issuer}/{serial}?format=freeradius HTTP/1.1\r\n");
    assert!(asked.starts_with(&first), "{asked}");
    row.saw("good", true);
    everything_that_can_go_wrong(&radius, front, [&good, &listed]).await;
    row.saw(super::GOOD_BY_LISTS, true);
    row.saw(super::ON_LISTS, false);
    row.saw(super::SET_UP_WRONGLY, false);
    row.besides("the token is shown to nobody else");

    front.goes(Way::Through).await;
    assert!(lets_in(&radius, &later).await, "{}", radius.log());
    world.revoke(&later).await;
    assert!(!lets_in(&radius, &later).await);
    assert!(told("wifi-user", &later).contains("vaca says that it is not good"));
    assert!(lets_in(&radius, &good).await);
    row.saw(super::REVOKED_NOW, false);
    front.goes(Way::Closed).await;
    assert!(lets_in(&radius, &later).await);
    row.saw(super::AS_OLD_AS_LISTS, true);
    world.refreshed(&radius.folder, &["false"]).await;
    assert!(!lets_in(&radius, &later).await);
    assert!(lets_in(&radius, &good).await);

    ended(world, &mut radius).await;
    assert!(!lets_in(&radius, &good).await);
    front.goes(Way::Through).await;
    assert!(!lets_in(&radius, &good).await);
    row.saw(super::LISTS_ENDED, false);
}

/// Devices have attributes, which only an answer brings.
async fn devices(world: &World, front: &mut Front, row: &mut Row) {
    let device = world.device(KeyAlgorithm::Ecdsa).await;
    let mut radius = start(world, front, "wifi-device").await;
    let vlan = "Attribute 81 (Tunnel-Private-Group-Id)";
    let accepted = radius.accepts(&device, &device.chain, "1.3").await.unwrap();
    assert!(accepted.contains(vlan), "{accepted}");
    row.besides("the profile's attributes come with the answer");
    front.goes(Way::Closed).await;
    assert!(!lets_in(&radius, &device).await);
    assert!(told("wifi-device", &device).contains("vaca does not answer"));
    row.besides("a profile with attributes, while vaca is away: refused, until fallback.conf says otherwise");

    // As its comment says.
    let file = radius.folder.join("fallback.conf");
    let text = std::fs::read_to_string(&file).unwrap();
    let (_, opened) = text.split_once("#update reply").unwrap();
    let opened = format!("update reply{}", opened.replace("\n#", "\n"));
    std::fs::write(&file, opened).unwrap();
    radius.run().await;
    let accepted = radius.accepts(&device, &device.chain, "1.3").await.unwrap();
    assert!(accepted.contains(vlan), "{accepted}");
}

#[tokio::test]
async fn freeradius_asks_for_each_authentication_and_falls_back_on_its_lists() {
    let mut row = Row::of("FreeRADIUS, asking", &["freeradius", "-v"]);
    let world = World::new().await;
    let mut front = Front::start(&world).await;
    users(&world, &mut front, &mut row).await;
    front.goes(Way::Through).await;
    devices(&world, &mut front, &mut row).await;
    row.tell();
    world.ca.check().await;
}
