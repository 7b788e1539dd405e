//! What many stories begin or end with.

use std::time::Duration;

use sqlx::{AssertSqlSafe, SqlSafeStr};
use vaca::clock::Clock as _;
use vaca::model::actor::Actor;
use vaca::model::revocation::RevocationReason;
use vaca::store::revocations::{Revoke, Revoked};
use vaca_emulator::{KeyAlgorithm, Scope, VirtualChromebook};

use super::{ALICE, Answer, TestCa};

impl TestCa {
    /// A response of a Chromebook of Alice's to a fresh challenge for `wifi-user`.
    pub async fn alices_response(&self) -> (VirtualChromebook, Vec<u8>) {
        let mut chromebook = self.chromebook(ALICE).await;
        let response = self
            .response(
                &mut chromebook,
                "wifi-user",
                Scope::User,
                KeyAlgorithm::Ecdsa,
            )
            .await;
        (chromebook, response)
    }

    /// Presents such a response.
    pub async fn present_alices(&self, response: &[u8]) -> Answer {
        self.present(response, "wifi-user", Some(ALICE)).await
    }

    /// How many client certificates are in this state.
    pub async fn certificates(&self, state: &str) -> i64 {
        let sql = format!(
            "SELECT count(*) FROM certificates WHERE kind = 'client' AND state = '{state}'"
        );
        self.count(AssertSqlSafe(sql)).await
    }

    /// Revokes the one certificate for which the condition is true; no list says so yet.
    pub async fn revoke_where(&self, condition: &str) {
        let row = format!("SELECT id FROM certificates WHERE {condition}");
        let revoke = Revoke {
            rows: vec![self.count(AssertSqlSafe(row)).await],
            reason: RevocationReason::KeyCompromise,
            actor: Actor::CommandLine,
            at: self.clock.now(),
            allowance: None,
        };
        let revoked = self.store.write(revoke).await.unwrap();
        assert_eq!(revoked, Revoked::Committed(1));
    }

    /// Changes the record behind the service's back.
    pub async fn execute(&self, sql: impl SqlSafeStr) -> u64 {
        let database = self.database().await;
        let changed = database.execute(sql).await;
        database.close().await;
        changed
    }

    /// No certificate beyond the CA's own, intended ones included.
    pub async fn nothing_issued(&self) {
        let rows = self
            .rows("SELECT serial FROM certificates WHERE kind = 'client'")
            .await;
        assert!(rows.is_empty(), "{rows:?}");
    }

    /// One check of `/readyz`: whether it passed. Asserts that status and `ready` agree.
    pub async fn ready(&self, check: &str) -> bool {
        let answer = self.get("/readyz").await;
        let ready = answer.json["ready"].as_bool().unwrap();
        assert_eq!(answer.status, if ready { 200 } else { 503 });
        let checks = answer.json["checks"].as_array().unwrap();
        let found = checks.iter().find(|found| found["name"] == check);
        let passed = found.unwrap()["passed"].as_bool().unwrap();
        // Trouble that is the same on every node is shown, and takes none out of service.
        let shown = ["verified_access", "deliveries", "crl", "issuing_key"];
        assert!(
            passed || !ready || shown.contains(&check),
            "{}",
            answer.text
        );
        passed
    }

    /// Replaces a piece of the configuration, which must stand in it, for the next start.
    pub fn reconfigure(&self, from: &str, to: &str) {
        let file = self.configuration_file();
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{from:?} is not in {text}");
        std::fs::write(&file, text.replace(from, to)).unwrap();
    }

    /// Why the service does not start.
    pub async fn start_refused(&mut self) -> String {
        self.stop().await;
        match self.serve().await {
            Ok(()) => panic!("it starts"),
            Err(error) => format!("{error:#}"),
        }
    }
}

/// Waits until `reached` says so; a test that waits in vain fails.
pub async fn eventually<F: Future<Output = bool>>(what: &str, reached: impl Fn() -> F) {
    // Long enough for a machine with other work; who waits in vain waits once.
    for _ in 0..2400 {
        if reached().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("in a minute, never: {what}");
}
