//! Who asks to be let in, and whether they may.

use vaca_emulator::KeyAlgorithm;

use super::{Holder, World};

/// Somebody who asks.
pub(super) struct Case {
    /// What is special about them; stands in the table of `docs/relying-parties.md`.
    pub(super) name: &'static str,
    pub(super) holder: Holder,
    pub(super) is_let_in: bool,
}

/// Everybody who asks at a server for users. The first is good, and stays good; the second is good, and
/// is revoked later.
pub(super) async fn at_a_users_server(world: &World) -> Vec<Case> {
    let good = world.user("wifi-user", KeyAlgorithm::Ecdsa).await;
    let later = world.user("wifi-user", KeyAlgorithm::Rsa).await;
    let revoked = world.user("wifi-user", KeyAlgorithm::Ecdsa).await;
    world.revoke(&revoked).await;
    let other = world.user("vpn-user", KeyAlgorithm::Ecdsa).await;
    let device = world.device(KeyAlgorithm::Ecdsa).await;
    let stranger = world.of_a_stranger().await;
    // What is wrong with the others of openssl's is what they say, and nothing else.
    let control = world.forged("control", |same| same).await;
    let expired = world.forged("expired", |forged| super::forge::Forged {
        ends: "20250101000000Z",
        ..forged
    });
    let expired = expired.await;
    let server = world.forged("server", |forged| super::forge::Forged {
        usage: "serverAuth",
        ..forged
    });
    let server = server.await;
    let elsewhere = world.forged("elsewhere", |forged| super::forge::Forged {
        common_name: "alice@example.net",
        alternative_name: "email:alice@example.net",
        ..forged
    });
    let elsewhere = elsewhere.await;
    let case = |name, holder, is_let_in| Case {
        name,
        holder,
        is_let_in,
    };
    vec![
        case("a user, ECDSA", good, true),
        case("a user, RSA", later, true),
        case("made by openssl with the CA's key", control, true),
        case("revoked", revoked, false),
        case("expired", expired, false),
        case("another CA of the same name", stranger, false),
        case("for servers", server, false),
        case("another policy", other, false),
        case("a device's", device, false),
        case("another domain", elsewhere, false),
    ]
}

/// One with the user's name and a device's unit, for servers that go by the subject.
pub(super) async fn called_as_a_user(world: &World) -> Case {
    let holder = world.forged("called", |forged| super::forge::Forged {
        unit: "vaca device",
        ..forged
    });
    Case {
        name: "a device that is called as a user",
        holder: holder.await,
        is_let_in: false,
    }
}

/// Everybody who asks at a server for devices, likewise.
pub(super) async fn at_a_devices_server(world: &World) -> Vec<Case> {
    let good = world.device(KeyAlgorithm::Ecdsa).await;
    let later = world.device(KeyAlgorithm::Rsa).await;
    let revoked = world.device(KeyAlgorithm::Ecdsa).await;
    world.revoke(&revoked).await;
    let user = world.user("wifi-user", KeyAlgorithm::Ecdsa).await;
    let case = |name, holder, is_let_in| Case {
        name,
        holder,
        is_let_in,
    };
    vec![
        case("a device, ECDSA", good, true),
        case("a device, RSA", later, true),
        case("revoked", revoked, false),
        case("a user's", user, false),
    ]
}
