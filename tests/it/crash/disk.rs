//! No room, no right to write: nothing is signed, and once it is over the same bytes are answered,
//! by the process that was there all the time.

use serde_json::json;
use vaca::model::attempt::OWNERSHIP;

use crate::support::disk::Disk;
use crate::support::postgres::Cluster;
use crate::support::{Engine, START, TestCa, eventually};

const STORAGE: &str = "storage_unavailable";
/// What an enrolment writes, and more.
const ROOMS: [u64; 8] = [0, 4, 12, 24, 36, 48, 64, 96];

fn size() -> &'static str {
    match Engine::of_this_run() {
        Engine::Sqlite => "16m",
        Engine::Postgres => "160m",
    }
}

/// A CA that was made where it is: a copied PostgreSQL database gives numbers twice when its server
/// is killed before a checkpoint, because a sequence that was copied in the middle of the numbers
/// that it has logged does not log them again.
async fn ca() -> TestCa {
    let place = Engine::of_this_run().empty_database().await;
    let mut ca = TestCa::start_on(place, START).await;
    ca.serve().await.unwrap();
    ca
}

async fn a_challenge_is_refused(ca: &TestCa) {
    let body = json!({ "profile": "wifi-user" });
    ca.post("/v1/challenges", &body).await.is(STORAGE);
}

/// Presents bytes that were refused before, when their worker's time is over.
async fn recover(ca: &TestCa, response: &[u8]) {
    ca.clock.advance(OWNERSHIP);
    let answer = ca.present_alices(response).await;
    assert!([200, 201].contains(&answer.status), "{}", answer.text);
    let again = ca.present_alices(response).await;
    assert_eq!((again.status, again.text), (200, answer.text));
}

#[tokio::test]
async fn a_full_disk_signs_nothing_and_loses_nothing() {
    let name = "crash::disk::a_full_disk_signs_nothing_and_loses_nothing";
    let Some(disk) = Disk::of(name, size()).await else {
        return;
    };
    let ca = ca().await;
    // It gets full at ever later steps of an enrolment.
    for (place, kilobytes) in ROOMS.into_iter().enumerate() {
        let (_chromebook, response) = ca.alices_response().await;
        let issued = ca.certificates("issued").await;
        disk.fill(kilobytes * 1024);
        let answer = ca.present_alices(&response).await;
        if answer.status != 201 {
            assert_eq!(answer.is(STORAGE).json["action"], "retry_same");
            assert_eq!(ca.certificates("issued").await, issued);
            assert!(!ca.ready("database").await, "with {kilobytes} KB");
        }
        if kilobytes == 0 {
            answer.is(STORAGE);
            assert_eq!(ca.emulator.calls().verify, 0);
            // What needs no room is still written, every second; it proves nothing.
            let tried = ca.commits.tried();
            eventually("a commit", async || ca.commits.tried() > tried + 1).await;
            assert!(!ca.ready("database").await);
        }
        disk.free();
        recover(&ca, &response).await;
        assert_eq!(ca.certificates("issued").await, issued + 1, "{place}");
        assert_eq!(ca.certificates("intended").await, 0);
    }
    eventually("it is ready again", || ca.ready("database")).await;
    ca.check().await;
}

#[tokio::test]
async fn a_server_that_panics_for_want_of_room_is_found_again() {
    if Engine::Postgres.is_absent("a file does not panic") {
        return;
    }
    let name = "crash::disk::a_server_that_panics_for_want_of_room_is_found_again";
    let Some(disk) = Disk::of(name, size()).await else {
        return;
    };
    let ca = ca().await;
    let (_chromebook, response) = ca.alices_response().await;
    let cluster = Cluster::shared().await;
    disk.fill(0);
    // The next write wants a segment of the log that nobody has room for.
    cluster.exhaust_log().await;
    ca.present_alices(&response).await.is(STORAGE);
    assert!(!ca.ready("database").await);
    assert_eq!(ca.emulator.calls().verify, 0);
    disk.free();
    cluster.crash_and_restart().await;
    recover(&ca, &response).await;
    eventually("it is ready again", || ca.ready("database")).await;
    ca.check().await;
}

#[tokio::test]
async fn a_server_that_only_reads_signs_nothing_until_it_is_promoted() {
    if Engine::Postgres.is_absent("a file is no standby") {
        return;
    }
    let name = "crash::disk::a_server_that_only_reads_signs_nothing_until_it_is_promoted";
    let Some(_disk) = Disk::of(name, size()).await else {
        return;
    };
    let mut ca = ca().await;
    let (_chromebook, before) = ca.alices_response().await;
    ca.present_alices(&before).await.issued();
    let (_chromebook, response) = ca.alices_response().await;
    let cluster = Cluster::shared().await;
    cluster.restart_as_standby().await;
    // What was there all the time, and what is started now.
    for _ in 0..2 {
        ca.present_alices(&response).await.is(STORAGE);
        a_challenge_is_refused(&ca).await;
        assert!(!ca.ready("database").await);
        assert_eq!(
            ca.present_alices(&before).await.status,
            200,
            "it still reads"
        );
        ca.stop().await;
        ca.serve().await.unwrap();
    }
    assert_eq!(ca.emulator.calls().verify, 1);
    cluster
        .execute("SELECT pg_promote(true, 20)".to_owned())
        .await;
    eventually("it is ready again", || ca.ready("database")).await;
    recover(&ca, &response).await;
    ca.check().await;
}

#[tokio::test]
async fn a_file_that_can_only_be_read_is_told_at_the_start() {
    if Engine::Sqlite.is_absent("a server's disk is its own") {
        return;
    }
    let name = "crash::disk::a_file_that_can_only_be_read_is_told_at_the_start";
    let Some(disk) = Disk::of(name, size()).await else {
        return;
    };
    let mut ca = ca().await;
    let (_chromebook, response) = ca.alices_response().await;
    ca.stop().await;
    ca.store.close().await;
    disk.remount("ro");
    let error = ca.start_refused().await;
    assert!(error.contains("it cannot be written"), "{error}");
    disk.remount("rw");
    ca.serve().await.unwrap();
    ca.present_alices(&response).await.issued();
    super::check(ca).await;
}
