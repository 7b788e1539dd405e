//! nginx, which asks for each request.

use vaca::model::role::Role;
use vaca_emulator::KeyAlgorithm;

use super::{DOWN, Front, WRONG, Way, World, furnish, options};
use crate::relying::https::{NGINX, Server};
use crate::relying::{Holder, Row};
use crate::support::eventually;

/// What a client may try.
const FOREIGN: [&str; 5] = [
    "Authorization: Bearer mallory",
    "Cookie: mallory=1",
    "Vaca-Status: good",
    "X-Vaca-Identity: mallory@example.com",
    "If-None-Match: mallory",
];

async fn start(world: &World, front: &Front, token: &str) -> Server {
    let options = options(front);
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let furnish = |folder: &std::path::Path| furnish(world, folder, token);
    Server::start_furnished(world, &NGINX, "wifi-user", &options, furnish).await
}

/// The answer, as soon as answers that were kept are none any more.
async fn comes_to(server: &Server, holder: &Holder, wanted: u16, when: &str) {
    let what = format!("{when}: {wanted}: {}", server.log());
    eventually(&what, || async {
        let (status, _) = server.ask(&[&holder.chain, &holder.key], &[]).await;
        status == wanted
    })
    .await;
}

/// What the generated log says of this certificate's refusals.
fn told(holder: &Holder) -> String {
    let log = std::fs::read_to_string("/var/log/nginx/vaca-wifi-user.log").unwrap();
    let serial = holder.serial.to_uppercase();
    let lines = log.lines().filter(|line| line.contains(&serial));
    lines.collect::<Vec<_>>().join("\n")
}

/// The one question that was asked, and nothing of the client's in it.
fn is_the_question(question: &str, issuer: &str, serial: &str, token: &str) {
    let mut lines: Vec<_> = question.lines().map(str::to_ascii_lowercase).collect();
    lines.retain(|line| !line.is_empty() && !line.starts_with("host: localhost:"));
    lines.sort();
    let mut wanted = [
        format!("GET /v1/status/{issuer}/{serial}?require=good HTTP/1.0"),
        format!("Authorization: Bearer {token}"),
        "Connection: close".to_owned(),
    ]
    .map(|line| line.to_ascii_lowercase());
    wanted.sort();
    assert_eq!(lines, wanted);
}

/// Whatever becomes of the question, by turns: what was let in before is refused, and the other way round.
async fn everything_that_can_go_wrong(
    server: &Server,
    front: &mut Front,
    [good, listed]: [&Holder; 2],
) {
    for (index, (when, way)) in WRONG.into_iter().enumerate() {
        front.goes(way).await;
        let refused = if when.starts_with("403") { 403 } else { 500 };
        comes_to(server, good, refused, when).await;
        assert!(!server.lets_in(listed).await, "{when}");
        let (when, way) = DOWN[index % DOWN.len()];
        front.goes(way).await;
        comes_to(server, good, 200, when).await;
        assert!(!server.lets_in(listed).await, "{when}");
        if way == Way::Impostor {
            assert!(front.connections() > 0, "{when}");
            assert_eq!(front.questions(), [""; 0], "the token is not for them");
        }
        if way == Way::Hangs {
            for _ in 0..20 {
                assert!(server.lets_in(good).await);
            }
            let asked = front.connections();
            assert!(asked <= 4, "{asked} of twenty waited");
        }
    }
}

/// Revoked, and no list says so yet; then one does.
async fn revoke_and_check(
    world: &World,
    server: &mut Server,
    front: &mut Front,
    [good, later]: [&Holder; 2],
    row: &mut Row,
) {
    front.goes(Way::Through).await;
    comes_to(server, later, 200, "good").await;
    world.revoke(later).await;
    comes_to(server, later, 403, "revoked").await;
    assert!(told(later).contains("vaca says that it is revoked"));
    assert!(server.lets_in(good).await);
    row.saw(super::REVOKED_NOW, false);
    // Who is away cannot say so: the lists are as old as they are.
    front.goes(Way::Closed).await;
    comes_to(server, later, 200, "away, and lists of before").await;
    row.saw(super::AS_OLD_AS_LISTS, true);
    server.refresh(world).await;
    eventually("the lists say so too", || async {
        !server.lets_in(later).await
    })
    .await;
    assert!(server.lets_in(good).await);
}

#[tokio::test]
async fn nginx_asks_for_each_request_and_falls_back_on_its_lists() {
    let mut row = Row::of("nginx, asking", &["nginx", "-v"]);
    let world = World::new().await;
    let mut front = Front::start(&world).await;
    let [good, later, listed] = [KeyAlgorithm::Ecdsa, KeyAlgorithm::Rsa, KeyAlgorithm::Ecdsa]
        .map(|key| world.user("wifi-user", key));
    let (good, later, listed) = (good.await, later.await, listed.await);
    world.revoke(&listed).await;
    let token = world.ca.token(Role::RelyingParty).await;
    let mut server = start(&world, &front, &token).await;

    // Nothing of the client's reaches the service.
    let (status, body) = server.ask(&[&good.chain, &good.key], &FOREIGN).await;
    assert_eq!(status, 200, "{body}");
    assert!(server.lets_in(&good).await);
    let issuer = world.issuer();
    let questions = front.questions();
    assert_eq!(questions.len(), 1, "an answer is kept for five seconds");
    is_the_question(&questions[0], &issuer, &good.serial, &token);
    assert!(!server.lets_in(&listed).await);
    row.saw("good", true);
    row.besides("nothing that a client sends reaches vaca");
    row.besides("the token is shown to nobody else");

    everything_that_can_go_wrong(&server, &mut front, [&good, &listed]).await;
    let told_of_good = told(&good);
    for wanted in ["does not know the token", "not understand", "is not vaca"] {
        assert!(told_of_good.contains(wanted), "{wanted}: {told_of_good}");
    }

    row.saw(super::GOOD_BY_LISTS, true);
    row.saw(super::ON_LISTS, false);
    row.saw(super::SET_UP_WRONGLY, false);

    revoke_and_check(&world, &mut server, &mut front, [&good, &later], &mut row).await;

    // Lists that ended refuse everybody, whatever the service says. Workers of before the reload may still take
    // a connection.
    world.put_ended_list(&server.folder).await;
    server.reload().await;
    let refused = || async { !server.lets_in(&good).await };
    eventually("nobody is let in", refused).await;
    front.goes(Way::Through).await;
    eventually("nor with the service's word", refused).await;
    row.saw(super::LISTS_ENDED, false);
    row.tell();
    world.ca.check().await;
}
