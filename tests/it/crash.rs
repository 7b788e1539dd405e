//! Every crash has one continuation: each write of an enrolment, not applied or applied and reported
//! failed; the process killed at each boundary; no space, no right to write.

use vaca::config::Config;
use vaca::store::Store;

use crate::support::{ALICE, Answer, TestCa};

mod commits;
mod disk;
mod kill;
mod others;

async fn present(ca: &TestCa, response: &[u8]) -> Answer {
    ca.present(response, "wifi-user", Some(ALICE)).await
}

/// How many client certificates are in this state.
async fn certificates(ca: &TestCa, state: &str) -> i64 {
    let sql =
        format!("SELECT count(*) FROM certificates WHERE kind = 'client' AND state = '{state}'");
    ca.count(sqlx::AssertSqlSafe(sql)).await
}

/// Every invariant, by a store that is open again.
async fn check(mut ca: TestCa) {
    let config = Config::load(&ca.configuration_file()).unwrap();
    ca.store = Store::open(&config.database).await.unwrap();
    ca.check().await;
}
