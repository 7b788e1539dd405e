//! Two nodes on one database, at the same time: what is true of one is true of both.

use std::net::Ipv4Addr;
use std::time::Duration;

use futures_util::future::{join, join_all};
use serde_json::Value;
use vaca::audit;
use vaca::clock::Timestamp;
use vaca::model::actor::Actor;
use vaca::model::attempt::OWNERSHIP;
use vaca::model::certificate::IssuerId;
use vaca::model::event::{AuditEvent, EventKind};
use vaca::model::identity::Email;
use vaca::store::audit::Sequence;
use vaca::store::blocks::{AddBlock, Blocked};
use vaca::store::crls::IntendCrl;
use vaca::store::engine::{Connection, Link};
use vaca::store::leases::Acquire;
use vaca::store::writer::{Applied, Write};
use vaca::store::{Store, StoreError};
use vaca_emulator::{Call, Fault, KeyAlgorithm, Scope};

use crate::support::{ALICE, Answer, Engine, START, TestCa, certificate_request};

/// A file has one writer: several nodes need a server.
const REASON: &str = "several nodes share a server, not a file";

async fn response(ca: &TestCa) -> Vec<u8> {
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.response(
        &mut chromebook,
        "wifi-user",
        Scope::User,
        KeyAlgorithm::Ecdsa,
    )
    .await
}

async fn present_at(ca: &TestCa, api: &str, body: &Value) -> Answer {
    let client = ca.client_at(Ipv4Addr::LOCALHOST);
    let request = client.post(format!("{api}/v1/certificates")).json(body);
    Answer::of(request.send().await.unwrap()).await
}

fn block(name: &str) -> AddBlock {
    AddBlock {
        blocked: Blocked::Email(Email::parse(name).unwrap()),
        reason: "lost".to_owned(),
        event: AuditEvent::new(
            START,
            EventKind::BlockAdded,
            Actor::CommandLine,
            format!("block of {}", name.len()),
        ),
    }
}

#[tokio::test]
async fn the_same_bytes_at_two_nodes_make_one_certificate() {
    if Engine::Postgres.is_absent(REASON) {
        return;
    }
    let ca = TestCa::start().await;
    let other = ca.node(77).await;
    let mut bodies = Vec::new();
    for _ in 0..4 {
        bodies.push(certificate_request(
            &response(&ca).await,
            "wifi-user",
            Some(ALICE),
        ));
    }
    // Every response at both nodes, four times each, and all of it at once.
    let posts = bodies.iter().flat_map(|body| {
        (0..8).map(|turn| {
            let api = if turn % 2 == 0 { &ca.api } else { &other.api };
            present_at(&ca, api, body)
        })
    });
    let answers = join_all(posts).await;
    for of_one in answers.chunks(8) {
        let issued = of_one.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(issued, 1, "once per response");
        let texts = |status| {
            let same = of_one.iter().filter(move |answer| answer.status == status);
            same.map(|answer| answer.text.clone()).collect::<Vec<_>>()
        };
        for retrieved in texts(200) {
            assert_eq!(vec![retrieved], texts(201));
        }
        for answer in of_one.iter().filter(|answer| answer.status > 201) {
            answer.is("in_progress");
        }
    }
    let serials = ca
        .rows("SELECT serial FROM certificates WHERE kind = 'client'")
        .await;
    assert_eq!(serials.len(), 4);
    other.stop().await;
    ca.check().await;
}

#[tokio::test]
async fn a_node_that_dies_while_it_asks_google_leaves_its_attempt_to_the_other() {
    if Engine::Postgres.is_absent(REASON) {
        return;
    }
    let ca = TestCa::start().await;
    let other = ca.node(78).await;
    let body = certificate_request(&response(&ca).await, "wifi-user", Some(ALICE));
    let milliseconds = 20_000;
    ca.emulator
        .faults()
        .next(Call::Verify, vec![Fault::Slow { milliseconds }]);
    let (client, url) = (
        ca.client_at(Ipv4Addr::LOCALHOST),
        format!("{}/v1/certificates", other.api),
    );
    let (sent, lost) = (body.clone(), tokio::spawn);
    let lost = lost(async move { client.post(url).json(&sent).send().await.is_err() });
    wait_for(&ca, "SELECT short_id FROM attempts WHERE state = 'bound'").await;
    other.kill();
    assert!(lost.await.unwrap(), "nobody answers for a dead node");
    present_at(&ca, &ca.api, &body).await.is("in_progress");
    ca.clock.advance(OWNERSHIP);
    present_at(&ca, &ca.api, &body).await.issued();
    ca.check().await;
}

#[tokio::test]
async fn a_node_that_dies_in_a_transaction_leaves_nothing_of_it_behind() {
    if Engine::Postgres.is_absent(REASON) {
        return;
    }
    let ca = TestCa::start().await;
    let other = ca.node(79).await;
    let body = certificate_request(&response(&ca).await, "wifi-user", Some(ALICE));
    // Whoever wants to write a certificate waits here, in the middle of its transaction.
    let database = ca.database().await;
    database.execute("BEGIN").await;
    database
        .execute("LOCK TABLE certificates IN SHARE MODE")
        .await;
    let (client, url) = (
        ca.client_at(Ipv4Addr::LOCALHOST),
        format!("{}/v1/certificates", other.api),
    );
    let sent = body.clone();
    let lost = tokio::spawn(async move { client.post(url).json(&sent).send().await.is_err() });
    wait_for(
        &ca,
        "SELECT state FROM pg_stat_activity WHERE wait_event_type = 'Lock'
           AND datname = current_database() AND query LIKE 'UPDATE certificates%'",
    )
    .await;
    other.kill();
    assert!(lost.await.unwrap(), "nobody answers for a dead node");
    database.execute("COMMIT").await;
    database.close().await;
    let asked = ca.emulator.calls().verify;
    ca.clock.advance(OWNERSHIP);
    present_at(&ca, &ca.api, &body).await.issued();
    assert_eq!(
        ca.emulator.calls().verify,
        asked,
        "the verdict was committed"
    );
    ca.check().await;
}

#[tokio::test]
async fn a_block_that_commits_while_a_certificate_is_intended_wins() {
    if Engine::Postgres.is_absent(REASON) {
        return;
    }
    let ca = TestCa::start().await;
    let body = certificate_request(&response(&ca).await, "wifi-user", Some(ALICE));
    // Another node has written its block and is about to commit it; 0x76616361 is the guards' name.
    let database = ca.database().await;
    database.execute("BEGIN").await;
    database
        .execute("SELECT pg_advisory_xact_lock((1986093921::bigint << 32) | 1)")
        .await;
    database
        .execute(
            "INSERT INTO blocks (kind, value, reason, created_at)
             VALUES ('email', 'alice@example.com', 'stolen', 1)",
        )
        .await;
    database
        .execute(
            "INSERT INTO events (at, kind, actor, subject, detail)
             VALUES (1, 'block_added', 'command_line', 'block', '{}')",
        )
        .await;
    let committing = async {
        wait_for(
            &ca,
            "SELECT state FROM pg_stat_activity WHERE wait_event_type = 'Lock'
               AND datname = current_database() AND query LIKE '%advisory%'",
        )
        .await;
        database.execute("COMMIT").await;
        database.close().await;
    };
    let (answer, ()) = join(present_at(&ca, &ca.api, &body), committing).await;
    answer.is("blocked");
    ca.check().await;
}

#[tokio::test]
async fn two_nodes_together_give_nobody_more_than_the_limit() {
    if Engine::Postgres.is_absent(REASON) {
        return;
    }
    let mut ca = TestCa::start().await;
    ca.stop().await;
    ca.reconfigure(
        "scope = \"user\"\n",
        "scope = \"user\"\nlive_certificates = 1\n",
    );
    ca.serve().await.unwrap();
    let other = ca.node(78).await;
    // Long enough that both have counted before either has inserted, if nothing keeps them apart.
    for statement in [
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END'",
        "CREATE TRIGGER slow BEFORE INSERT ON certificates FOR EACH ROW EXECUTE FUNCTION slow()",
    ] {
        ca.execute(statement).await;
    }
    let mut bodies = Vec::new();
    for _ in 0..2 {
        let response = response(&ca).await;
        bodies.push(certificate_request(&response, "wifi-user", Some(ALICE)));
    }
    let (one, two) = join(
        present_at(&ca, &ca.api, &bodies[0]),
        present_at(&ca, &other.api, &bodies[1]),
    )
    .await;
    let mut outcomes = [one.status, two.status];
    outcomes.sort_unstable();
    assert_eq!(outcomes, [201, 403], "{} {}", one.text, two.text);
    other.stop().await;
    ca.check().await;
}

/// Renews two leases, and takes its time between them.
struct RenewTwo([&'static str; 2]);

impl Write for RenewTwo {
    type Output = ();

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<()>, StoreError> {
        let Link::Postgres(session) = &mut connection.link else {
            panic!("a file")
        };
        for name in self.0 {
            sqlx::query(
                "WITH renewed AS (UPDATE leases SET fence = fence + 1 WHERE name = $1 RETURNING id)
                 SELECT pg_sleep(0.3) FROM renewed",
            )
            .persistent(false)
            .bind(name)
            .execute(&mut session.connection)
            .await?;
        }
        Ok(Applied::Keep(()))
    }
}

#[tokio::test]
async fn two_nodes_that_wait_for_each_other_both_get_through() {
    if Engine::Postgres.is_absent(REASON) {
        return;
    }
    let ca = TestCa::start().await;
    let (one, two) = (second_store(&ca).await, second_store(&ca).await);
    for name in ["left", "right"] {
        let lease = Acquire {
            name,
            holder: "nobody".to_owned(),
            now: START,
            until: START,
        };
        one.write(lease).await.unwrap();
    }
    let (first, second) = join(
        one.write(RenewTwo(["left", "right"])),
        two.write(RenewTwo(["right", "left"])),
    )
    .await;
    first.unwrap();
    second.unwrap();
    let fences = "SELECT name || fence FROM leases WHERE holder = 'nobody' ORDER BY name";
    assert_eq!(
        ca.rows(fences).await,
        ["left3", "right3"],
        "each once, no more"
    );
    one.close().await;
    two.close().await;
    ca.check().await;
}

#[tokio::test]
async fn concurrent_writes_share_commits() {
    if Engine::Postgres.is_absent("asks the server when each row was committed") {
        return;
    }
    let ca = TestCa::start().await;
    let store = second_store(&ca).await;
    let names = (0..200).map(|number| format!("user{number}@example.com"));
    let writes = join_all(names.map(|name| {
        let (store, block) = (store.clone(), block(&name));
        async move { store.write(block).await.unwrap() }
    }));
    assert_eq!(writes.await, vec![true; 200]);
    let commits = "SELECT DISTINCT pg_xact_commit_timestamp(xmin)::text FROM blocks";
    let commits = ca.rows(commits).await.len();
    assert!(commits < 20, "{commits} commits for 200 writes");
    store.close().await;
}

#[tokio::test]
async fn two_sequencers_never_give_the_same_number() {
    if Engine::Postgres.is_absent(REASON) {
        return;
    }
    let ca = TestCa::start().await;
    let (one, two) = (second_store(&ca).await, second_store(&ca).await);
    let writing = |store: &Store, side: char| {
        let store = store.clone();
        async move {
            for number in 0..60 {
                let name = format!("{side}{number}@example.com");
                assert!(store.write(block(&name)).await.unwrap());
                store.write(Sequence).await.unwrap();
            }
        }
    };
    join(writing(&one, 'a'), writing(&two, 'b')).await;
    while one.write(Sequence).await.unwrap() > 0 {}
    let logged = audit::verify(&two).await.unwrap();
    let blocks = ca.rows("SELECT value FROM blocks").await.len();
    assert_eq!(blocks, 120);
    assert!(logged >= 120);
    one.close().await;
    two.close().await;
}

#[tokio::test]
async fn two_nodes_never_take_the_same_crl_number_or_lease() {
    if Engine::Postgres.is_absent(REASON) {
        return;
    }
    let ca = TestCa::start().await;
    let (one, two) = (second_store(&ca).await, second_store(&ca).await);
    let issuer = IssuerId::parse("0123456789abcdef").unwrap();
    let intent = |number: i64| IntendCrl {
        issuer: issuer.clone(),
        number,
        this_update: START,
        next_update: START.plus(1),
        covers: 0,
        kept_since: Timestamp(0),
        entries: 0,
        tbs_sha256: [0; 32],
        fence: None,
        event: AuditEvent::new(
            START,
            EventKind::CrlIntended,
            Actor::Schedule,
            number.to_string(),
        ),
    };
    let lease = |holder: &str, now: i64| Acquire {
        name: "test",
        holder: holder.to_owned(),
        now: Timestamp(now),
        until: Timestamp(now + 10),
    };
    for turn in 1..30 {
        let (first, second) = join(one.write(intent(turn)), two.write(intent(turn))).await;
        let taken = [first.unwrap(), second.unwrap()];
        assert_eq!(
            taken.iter().flatten().count(),
            1,
            "number {turn}: {taken:?}"
        );
        let (first, second) = join(
            one.write(lease("one", turn * 10)),
            two.write(lease("two", turn * 10)),
        )
        .await;
        let held = [first.unwrap(), second.unwrap()];
        assert_eq!(held.iter().flatten().count(), 1, "lease {turn}: {held:?}");
    }
    one.close().await;
    two.close().await;
}

/// The record, as another process would open it.
async fn second_store(ca: &TestCa) -> Store {
    let config = vaca::config::Config::load(&ca.configuration_file()).unwrap();
    Store::open(&config.database).await.unwrap()
}

/// Waits until the query has a row.
async fn wait_for(ca: &TestCa, sql: &'static str) {
    let waiting = async {
        while ca.rows(sql).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    waited.unwrap_or_else(|_| panic!("it never came to: {sql}"));
}

/// Holds every write of this kind up, so that two of them are under way at once.
async fn slow(ca: &TestCa, write: &str) {
    for statement in [
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END'"
            .to_owned(),
        format!("CREATE TRIGGER slow BEFORE {write} FOR EACH ROW EXECUTE FUNCTION slow()"),
    ] {
        ca.execute(sqlx::AssertSqlSafe(statement)).await;
    }
}

/// Two responses of Alice's, each at another node, at once.
async fn at_both(ca: &TestCa, other: &str) -> [Answer; 2] {
    let (one, two) = (response(ca).await, response(ca).await);
    let bodies = [one, two].map(|bytes| certificate_request(&bytes, "wifi-user", Some(ALICE)));
    let posts = join(
        present_at(ca, &ca.api, &bodies[0]),
        present_at(ca, other, &bodies[1]),
    );
    posts.await.into()
}

#[tokio::test]
async fn two_nodes_together_let_nobody_start_more_attempts_than_the_limit() {
    if Engine::Postgres.is_absent(REASON) {
        return;
    }
    let mut ca = TestCa::start().await;
    ca.stop().await;
    let scope = "scope = \"user\"\n";
    ca.reconfigure(scope, &format!("{scope}attempts_per_minute = 1\n"));
    ca.serve().await.unwrap();
    let other = ca.node(80).await;
    slow(&ca, "INSERT ON attempt_rates").await;
    let mut answers = at_both(&ca, &other.api).await;
    answers.sort_by_key(|answer| answer.status);
    answers[0].issued();
    answers[1].is("too_many_attempts");
    other.stop().await;
    ca.check().await;
}

#[tokio::test]
async fn denials_at_two_nodes_at_once_begin_one_pause() {
    if Engine::Postgres.is_absent(REASON) {
        return;
    }
    let ca = TestCa::start().await;
    let other = ca.node(81).await;
    ca.emulator
        .faults()
        .every(Call::Verify, Fault::DeveloperMode);
    slow(&ca, "INSERT ON pauses").await;
    // The first two together are two, the next two the third and one that adds nothing to it.
    for answer in at_both(&ca, &other.api).await {
        assert!(
            answer
                .is("developer_mode")
                .json
                .get("retry_after")
                .is_none()
        );
    }
    for answer in at_both(&ca, &other.api).await {
        assert!(
            ["developer_mode", "paused"].contains(&answer.problem()),
            "{}",
            answer.text
        );
        assert_eq!(answer.json["retry_after"], 60);
    }
    assert_eq!(ca.count("SELECT denials FROM pauses").await, 3);
    let begun = "SELECT count(*) FROM events WHERE kind = 'identity_paused'";
    assert_eq!(ca.count(begun).await, 1);
    other.stop().await;
    ca.check().await;
}
