//! Every crash has one continuation: each write of an enrolment, not applied or applied and reported
//! failed; the process killed at each boundary; no space, no right to write.

use vaca::config::Config;
use vaca::store::Store;

use crate::support::TestCa;

mod commits;
mod disk;
mod kill;
mod others;

/// Every invariant, by a store that is open again.
async fn check(mut ca: TestCa) {
    let config = Config::load(&ca.configuration_file()).unwrap();
    ca.store = Store::open(&config.database).await.unwrap();
    ca.check().await;
}
