//! CRLs: made at the start, soon after a revocation, in time, by one node; served and written; never
//! with an entry less.

use std::net::Ipv4Addr;
use std::path::Path;

use vaca::clock::{Clock as _, Timestamp};
use vaca::model::actor::Actor;
use vaca::model::certificate::IssuerId;
use vaca::model::event::{AuditEvent, EventKind};
use vaca::model::revocation::RevocationReason;
use vaca::store::crls::{Fence, IntendCrl};
use vaca::store::revocations::{Revoke, Revoked};
use vaca_emulator::KeyAlgorithm;

use crate::chain::publish;
use crate::support::disk::Disk;
use crate::support::openssl::{openssl, openssl_refuses};
use crate::support::{ALICE, Engine, START, TestCa, eventually};

/// Longer than revocations wait for each other, in seconds.
const SOON: i64 = 6;

/// The issuing CA's id, as it stands in the addresses.
async fn issuing(ca: &TestCa) -> IssuerId {
    let certificates = "SELECT issuer_id FROM certificates WHERE kind = 'issuing'";
    let root = ca.rows(certificates).await.remove(0);
    let listed = ca.rows("SELECT issuer_id FROM crls").await;
    let issuing = listed.into_iter().find(|id| *id != root);
    IssuerId::parse(&issuing.expect("the issuing CA has a CRL")).unwrap()
}

/// The number of the CRL that is served, 0 where there is none.
async fn number(ca: &TestCa) -> i64 {
    let sql = "SELECT max(number) FROM crls WHERE state = 'issued' AND issuer_id <>
        (SELECT issuer_id FROM certificates WHERE kind = 'root')";
    ca.count(sql).await
}

/// Waits until the list of this number is there and served.
async fn published(ca: &TestCa, wanted: i64) {
    eventually("the list is served", async || {
        if ca.count("SELECT count(*) FROM crls").await < 2 {
            return false;
        }
        let answer = ca.get("/readyz").await;
        let shown = format!("issuing: number {wanted},");
        number(ca).await == wanted && answer.text.contains(&shown)
    })
    .await;
}

async fn bytes(ca: &TestCa, path: &str) -> Vec<u8> {
    let client = ca.client_at(Ipv4Addr::LOCALHOST);
    let answer = client.get(format!("{}{path}", ca.api)).send().await;
    answer.unwrap().bytes().await.unwrap().to_vec()
}

async fn revoke(ca: &TestCa, reason: RevocationReason) -> usize {
    let database = ca.database().await;
    let rows = database
        .column("SELECT id FROM certificates WHERE kind = 'client' ORDER BY id")
        .await;
    database.close().await;
    let revoke = Revoke {
        rows,
        reason,
        actor: Actor::CommandLine,
        at: ca.clock.now(),
        allowance: None,
    };
    match ca.store.write(revoke).await.unwrap() {
        Revoked::Committed(count) => count,
        Revoked::TooMany => panic!("no allowance was named"),
    }
}

/// What openssl makes of a client's chain with the lists that are served.
async fn files(ca: &TestCa, folder: &Path) {
    let lists = ca.get("/v1/crl/all.pem").await;
    assert_eq!(lists.status, 200, "{}", lists.text);
    std::fs::write(folder.join("lists.pem"), lists.text).unwrap();
}

fn verification(at: i64) -> Vec<String> {
    format!("verify -x509_strict -crl_check_all -no-CApath -no-CAstore -attime {at} -CAfile bundle.pem -CRLfile lists.pem -untrusted chain.pem leaf.pem")
        .split(' ')
        .map(str::to_owned)
        .collect()
}

fn words(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn a_revoked_certificate_is_listed_soon_and_everywhere() {
    let ca = TestCa::start().await;
    published(&ca, 1).await;
    let mut chromebook = ca.chromebook(ALICE).await;
    let issued = ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa).await;
    issued.issued();
    let folder = ca.folder.path();
    publish(&ca, &issued).await;
    files(&ca, folder).await;
    let check = verification(START.0 + 1);
    openssl(&words(&check), folder).await;
    assert_eq!(revoke(&ca, RevocationReason::PrivilegeWithdrawn).await, 1);
    // Nobody makes a list for each of many.
    assert_eq!(number(&ca).await, 1);
    ca.clock.advance(SOON);
    published(&ca, 2).await;
    files(&ca, folder).await;
    let check = verification(ca.clock.now().0 + 1);
    let refused = openssl_refuses(&words(&check), folder).await;
    assert!(refused.contains("certificate revoked"), "{refused}");
    // The second time nothing happens: the first reason stays.
    assert_eq!(revoke(&ca, RevocationReason::Superseded).await, 0);
    ca.clock.advance(SOON);
    let id = issuing(&ca).await;
    let list = bytes(&ca, &format!("/crl/{id}.crl")).await;
    std::fs::write(folder.join("list.crl"), list).unwrap();
    let show = [
        "crl", "-inform", "DER", "-in", "list.crl", "-noout", "-text",
    ];
    let text = openssl(&show, folder).await;
    assert!(text.contains("Privilege Withdrawn"), "{text}");
    assert!(!text.contains("Superseded"), "{text}");
    ca.check().await;
}

#[tokio::test]
async fn a_list_is_served_as_caches_and_relying_parties_want_it() {
    let ca = TestCa::start().await;
    published(&ca, 1).await;
    let id = issuing(&ca).await;
    let client = ca.client_at(Ipv4Addr::LOCALHOST);
    for base in [&ca.api, &ca.pki] {
        let url = format!("{base}/crl/{id}.crl");
        let whole = client.get(&url).send().await.unwrap();
        assert_eq!(whole.status(), 200);
        let headers = whole.headers().clone();
        let header = |name: &str| headers[name].to_str().unwrap();
        assert_eq!(header("content-type"), "application/pkix-crl");
        assert_eq!(header("cache-control"), "public, max-age=300");
        assert_eq!(header("last-modified"), "Fri, 15 Jan 2027 08:00:00 GMT");
        let der = whole.bytes().await.unwrap();
        assert_eq!(header("content-length"), der.len().to_string());
        // Still the same.
        for (name, value) in [
            ("if-none-match", header("etag")),
            ("if-none-match", "*"),
            ("if-modified-since", header("last-modified")),
        ] {
            let same = client.get(&url).header(name, value).send().await.unwrap();
            assert_eq!(same.status(), 304, "{name}");
            assert_eq!(same.headers()["etag"], headers["etag"]);
        }
        for (name, value) in [
            ("if-none-match", "\"another\""),
            ("if-modified-since", "Fri, 15 Jan 2027 07:59:59 GMT"),
        ] {
            let other = client.get(&url).header(name, value).send().await.unwrap();
            assert_eq!(other.status(), 200, "{name}");
        }
        let head = client.head(&url).send().await.unwrap();
        assert_eq!(head.headers()["content-length"], headers["content-length"]);
        assert!(head.bytes().await.unwrap().is_empty());
        let part = client
            .get(&url)
            .header("range", "bytes=4-7")
            .send()
            .await
            .unwrap();
        assert_eq!(part.status(), 206);
        assert_eq!(
            part.headers()["content-range"],
            format!("bytes 4-7/{}", der.len())
        );
        assert_eq!(part.bytes().await.unwrap(), der.slice(4..8));
        let beyond = format!("bytes={}-", der.len());
        let none = client
            .get(&url)
            .header("range", beyond)
            .send()
            .await
            .unwrap();
        assert_eq!(none.status(), 416);
    }
    for path in [
        "/crl/0000000000000000.crl".to_owned(),
        format!("/crl/{id}"),
        format!("/crl/{id}.crl.crl"),
        format!("/crl/{id}/1.crl"),
        format!("/crl/{}.crl", id.as_str().to_uppercase()),
    ] {
        ca.get(&path).await.is("not_found");
    }
    ca.check().await;
}

#[tokio::test]
async fn a_list_is_made_again_in_time_and_old_ones_lose_their_octets() {
    let ca = TestCa::start().await;
    for turn in 1..=5 {
        published(&ca, turn).await;
        ca.clock.advance(24 * 60 * 60);
    }
    published(&ca, 6).await;
    let kept = "SELECT number FROM crls WHERE der IS NOT NULL AND issuer_id <>
        (SELECT issuer_id FROM certificates WHERE kind = 'root') ORDER BY number";
    let kept: Vec<i64> = {
        let database = ca.database().await;
        let kept = database.column(kept).await;
        database.close().await;
        kept
    };
    assert_eq!(kept, [4, 5, 6]);
    ca.check().await;
}

#[tokio::test]
async fn an_entry_leaves_one_list_after_its_certificate_has_ended() {
    let ca = TestCa::start().await;
    published(&ca, 1).await;
    // Google's clock has confirmed ours: without that nothing leaves a list.
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    revoke(&ca, RevocationReason::KeyCompromise).await;
    ca.clock.advance(SOON);
    published(&ca, 2).await;
    let entries = async |number: i64| {
        published(&ca, number).await;
        ca.count(
            "SELECT entries FROM crls WHERE issuer_id <>
            (SELECT issuer_id FROM certificates WHERE kind = 'root') ORDER BY number DESC LIMIT 1",
        )
        .await
    };
    assert_eq!(entries(2).await, 1);
    // The last list before the end, the first behind it, and the one after that.
    ca.clock.advance(29 * 24 * 60 * 60);
    assert_eq!(entries(3).await, 1);
    ca.clock.advance(2 * 24 * 60 * 60);
    assert_eq!(entries(4).await, 1, "RFC 5280, section 3.3");
    ca.clock.advance(24 * 60 * 60);
    assert_eq!(entries(5).await, 0);
    ca.check().await;
}

#[tokio::test]
async fn a_list_that_lacks_an_entry_is_not_published() {
    let ca = TestCa::start().await;
    published(&ca, 1).await;
    for _ in 0..2 {
        let mut chromebook = ca.chromebook(ALICE).await;
        ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa)
            .await
            .issued();
    }
    revoke(&ca, RevocationReason::KeyCompromise).await;
    ca.clock.advance(SOON);
    published(&ca, 2).await;
    // Somebody who can write to the record un-revokes.
    ca.execute("DELETE FROM revocations WHERE id = (SELECT min(id) FROM revocations)")
        .await;
    ca.clock.advance(24 * 60 * 60);
    eventually("the list is refused", async || !ca.ready("crl").await).await;
    let report = ca.get("/readyz").await;
    assert_eq!(report.status, 200, "the other nodes could do no better");
    assert!(report.text.contains("cannot be made"), "{}", report.text);
    assert_eq!(number(&ca).await, 2);
    let served = ca.get("/v1/crl/all.pem").await;
    assert_eq!(served.status, 200);
    // Not `check()`: this record is forged.
}

#[expect(clippy::needless_pass_by_value, reason = "`start_with` gives it")]
fn with_folder(configuration: String) -> String {
    configuration.replace("[database]", "[crl]\ndirectory = \"lists\"\n\n[database]")
}

#[tokio::test]
async fn lists_are_written_into_a_folder_whole_or_not_at_all() {
    let ca = TestCa::start_with(with_folder, |options| options).await;
    published(&ca, 1).await;
    let folder = ca.folder.path().join("lists");
    let id = issuing(&ca).await;
    let all = ca.get("/v1/crl/all.pem").await.text;
    let is_written =
        async || std::fs::read_to_string(folder.join("all.pem")).is_ok_and(|file| file == all);
    eventually("the lists are written", is_written).await;
    let list = bytes(&ca, &format!("/crl/{id}.crl")).await;
    assert_eq!(
        std::fs::read(folder.join(format!("{id}.crl"))).unwrap(),
        list
    );
    // Nothing else is left there.
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 3);
    ca.check().await;
}

#[tokio::test]
async fn two_nodes_serve_the_same_list_and_make_it_once() {
    if Engine::Postgres.is_absent("several nodes share a server, not a file") {
        return;
    }
    let ca = TestCa::start().await;
    let other = ca.node(91).await;
    published(&ca, 1).await;
    let id = issuing(&ca).await;
    for turn in 2..=4 {
        let mut chromebook = ca.chromebook(ALICE).await;
        let issued = ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa).await;
        issued.issued();
        revoke(&ca, RevocationReason::KeyCompromise).await;
        ca.clock.advance(SOON);
        published(&ca, turn).await;
        let one = bytes(&ca, &format!("/crl/{id}.crl")).await;
        let client = ca.client_at(Ipv4Addr::LOCALHOST);
        let url = format!("{}/crl/{id}.crl", other.api);
        let same = async || {
            let answer = client.get(&url).send().await.unwrap();
            answer.bytes().await.unwrap() == one
        };
        eventually("the other node serves it", same).await;
    }
    // Whoever makes lists dies; the other one takes over when the lease ends.
    other.kill();
    ca.clock.advance(61);
    let mut chromebook = ca.chromebook(ALICE).await;
    let issued = ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa).await;
    issued.issued();
    revoke(&ca, RevocationReason::KeyCompromise).await;
    ca.clock.advance(SOON);
    published(&ca, 5).await;
    ca.check().await;
}

#[tokio::test]
async fn a_node_that_was_asleep_publishes_nothing_old() {
    let ca = TestCa::start().await;
    published(&ca, 1).await;
    let id = issuing(&ca).await;
    // Its lease has gone to another one meanwhile.
    let intent = |number: i64, fence: Option<Fence>| IntendCrl {
        issuer: id.clone(),
        number,
        this_update: START,
        next_update: START.plus(60),
        covers: 0,
        kept_since: Timestamp(0),
        entries: 0,
        tbs_sha256: [0; 32],
        fence,
        event: AuditEvent::new(START, EventKind::CrlIntended, Actor::Schedule, "late"),
    };
    let late = Fence {
        name: vaca::publication::LEASE,
        number: 1_000_000,
    };
    let refused = ca.store.write(intent(2, Some(late))).await.unwrap();
    assert_eq!(refused, None, "another's lease");
    let refused = ca.store.write(intent(1, None)).await.unwrap();
    assert_eq!(refused, None, "a number that does not grow");
    assert_eq!(number(&ca).await, 1);
    ca.check().await;
}

#[tokio::test]
async fn a_full_disk_publishes_nothing_and_loses_nothing() {
    let name = "crl::a_full_disk_publishes_nothing_and_loses_nothing";
    if Engine::Sqlite.is_absent("the folder and the file share the disk") {
        return;
    }
    let Some(disk) = Disk::of(name, "24m").await else {
        return;
    };
    let ca = TestCa::start_with(with_folder, |options| options).await;
    published(&ca, 1).await;
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    revoke(&ca, RevocationReason::KeyCompromise).await;
    disk.fill(0);
    ca.clock.advance(SOON);
    // The old list is served meanwhile.
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    assert_eq!(number(&ca).await, 1);
    assert_eq!(ca.get("/v1/crl/all.pem").await.status, 200);
    disk.free();
    ca.clock.advance(61);
    published(&ca, 2).await;
    let folder = ca.folder.path().join("lists");
    let all = ca.get("/v1/crl/all.pem").await.text;
    let is_written =
        async || std::fs::read_to_string(folder.join("all.pem")).is_ok_and(|file| file == all);
    eventually("the lists are written", is_written).await;
    ca.check().await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_brings_no_older_list_back() {
    let ca = TestCa::start().await;
    published(&ca, 1).await;
    let mut chromebook = ca.chromebook(ALICE).await;
    let issued = ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa).await;
    issued.issued();
    ca.clock.advance(3600);
    revoke(&ca, RevocationReason::KeyCompromise).await;
    ca.clock.advance(SOON);
    published(&ca, 2).await;
    let id = issuing(&ca).await;
    let list = bytes(&ca, &format!("/crl/{id}.crl")).await;
    ca.clock.jump(-1800);
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    assert_eq!(bytes(&ca, &format!("/crl/{id}.crl")).await, list);
    ca.clock.jump(1800);
    ca.check().await;
}
