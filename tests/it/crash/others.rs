//! What other processes do to the record: one has locked it, the server is restarted under load.

use std::time::Duration;

use futures_util::future::{join, join_all};
use vaca::model::attempt::OWNERSHIP;
use vaca_emulator::{Call, Fault};

use super::check;
use super::kill::{ca_of_today, response};
use crate::support::disk::Disk;
use crate::support::postgres::Cluster;
use crate::support::service::Service;
use crate::support::{Answer, Engine, START, TestCa, eventually};

#[tokio::test]
async fn a_database_that_another_process_has_locked_is_waited_for_and_then_told() {
    let ca = ca_of_today().await;
    let service = Service::start(ca.folder.path()).await;
    let response = response(&ca, &service).await;
    let database = ca.database().await;
    database.lock().await;
    service.present(&response).await.is("storage_unavailable");
    assert!(!service.ready().await);
    assert_eq!(ca.emulator.calls().verify, 0);
    database.execute("ROLLBACK").await;
    database.close().await;
    service.present(&response).await.issued();
    eventually("it is ready again", || service.ready()).await;
    service.kill();
    check(ca).await;
}

/// Presents the same bytes until they have their outcome, as the extension does.
async fn persist(ca: &TestCa, response: &[u8]) -> Answer {
    let trying = async {
        loop {
            let answer = ca.present_alices(response).await;
            match answer.status {
                503 => assert_eq!(answer.json["action"], "retry_same", "{}", answer.text),
                _ => return answer,
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let answer = tokio::time::timeout(Duration::from_secs(60), trying).await;
    answer.expect("an outcome")
}

#[tokio::test]
async fn a_server_that_is_restarted_under_load_costs_nobody_a_certificate() {
    if Engine::Postgres.is_absent("a file has no server") {
        return;
    }
    // In a process of its own, and so with a server of its own.
    let name = "crash::others::a_server_that_is_restarted_under_load_costs_nobody_a_certificate";
    let Some(_disk) = Disk::of(name, "300m").await else {
        return;
    };
    let place = Engine::of_this_run().empty_database().await;
    let mut ca = TestCa::start_on(place, START).await;
    ca.reconfigure(
        "scope = \"user\"\n",
        "scope = \"user\"\nlive_certificates = 24\nattempts_per_minute = 24\n",
    );
    ca.serve().await.unwrap();
    let mut responses = Vec::new();
    for _ in 0..24 {
        responses.push(ca.alices_response().await.1);
    }
    let slow = Fault::Slow { milliseconds: 400 };
    ca.emulator.faults().every(Call::Verify, slow);
    let enrolling = join_all(responses.iter().map(|response| persist(&ca, response)));
    let restarting = async {
        eventually("some are bound", async || {
            ca.count("SELECT count(*) FROM attempts").await > 8
        })
        .await;
        let done = ca.certificates("issued").await;
        assert!(done < 24, "nobody was at work");
        Cluster::shared().await.crash_and_restart().await;
        // Whoever could not give an attempt up has lost it to the next.
        ca.clock.advance(OWNERSHIP);
    };
    let (answers, ()) = join(enrolling, restarting).await;
    for (answer, response) in answers.iter().zip(&responses) {
        assert!([200, 201].contains(&answer.status), "{}", answer.text);
        let again = ca.present_alices(response).await;
        assert_eq!((again.status, &again.text), (200, &answer.text));
    }
    assert_eq!(ca.certificates("issued").await, 24);
    assert_eq!(ca.certificates("intended").await, 0);
    ca.check().await;
}
