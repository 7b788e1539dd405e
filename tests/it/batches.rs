//! Commands that share a commit share nothing else, on either engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use vaca::config::Config;
use vaca::store::engine::{Connection, Link};
use vaca::store::writer::{Applied, Write};
use vaca::store::{Store, StoreError};

use crate::support::{Engine, TestCa};

/// Takes a lease by this name, after a while, and then does this.
struct Note {
    name: &'static str,
    takes: Duration,
    then: Then,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Keep,
    Undo,
    /// What the table does not allow.
    Fail,
}

impl Write for Note {
    type Output = &'static str;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<&'static str>, StoreError> {
        tokio::time::sleep(self.takes).await;
        let holder = (self.then != Then::Fail).then_some("a test");
        for holder in [Some("a test"), holder] {
            let insert = "INSERT INTO leases (name, holder, until, fence) VALUES ($1, $2, 0, 1)
                ON CONFLICT (name) DO UPDATE SET fence = 2, holder = excluded.holder";
            match &mut connection.link {
                Link::Sqlite(file) => {
                    let insert = sqlx::query(insert).bind(self.name).bind(holder);
                    insert.execute(file).await?;
                }
                Link::Postgres(session) => {
                    let insert = sqlx::query(insert).bind(self.name).bind(holder);
                    insert.execute(&mut session.connection).await?;
                }
            }
        }
        Ok(match self.then {
            Then::Undo => Applied::Undo(self.name),
            Then::Keep | Then::Fail => Applied::Keep(self.name),
        })
    }
}

#[tokio::test]
async fn a_command_that_fails_or_is_undone_takes_nobody_with_it() {
    let ca = TestCa::start().await;
    let config = Config::load(&ca.configuration_file()).unwrap();
    let store = Store::open(&config.database).await.unwrap();
    let note = |name, then| {
        let takes = Duration::ZERO;
        store.write(Note { name, takes, then })
    };
    // While this one is at it, the others queue up into one batch.
    let slow = store.write(Note {
        name: "slow",
        takes: Duration::from_millis(300),
        then: Then::Keep,
    });
    let others = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        tokio::join!(
            note("first", Then::Keep),
            note("failed", Then::Fail),
            note("second", Then::Keep),
            note("undone", Then::Undo),
            note("last", Then::Keep),
        )
    };
    let (slow, (first, failed, second, undone, last)) = tokio::join!(slow, others);
    for (kept, name) in [
        (slow, "slow"),
        (first, "first"),
        (second, "second"),
        (last, "last"),
    ] {
        assert_eq!(kept.unwrap(), name);
    }
    assert!(matches!(failed, Err(StoreError::Database(_))), "{failed:?}");
    assert_eq!(undone.unwrap(), "undone");
    assert!(store.takes_writes());
    let kept = "SELECT name || fence FROM leases WHERE holder = 'a test' ORDER BY name";
    assert_eq!(ca.rows(kept).await, ["first2", "last2", "second2", "slow2"]);
    // By itself, each of the two leaves nothing either.
    assert!(note("failed", Then::Fail).await.is_err());
    assert_eq!(note("undone", Then::Undo).await.unwrap(), "undone");
    assert_eq!(ca.rows(kept).await.len(), 4);
    store.close().await;
    ca.check().await;
}

/// Wants what another transaction holds, and counts how often.
struct Blocked(Arc<AtomicU32>);

impl Write for Blocked {
    type Output = ();

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<()>, StoreError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let Link::Postgres(session) = &mut connection.link else {
            panic!("a file")
        };
        let wait = sqlx::query("SELECT pg_advisory_xact_lock(1)").persistent(false);
        wait.execute(&mut session.connection).await?;
        Ok(Applied::Keep(()))
    }
}

#[tokio::test]
async fn a_batch_waits_for_a_lock_once() {
    if Engine::Postgres.is_absent("a file is locked as a whole") {
        return;
    }
    let ca = TestCa::start().await;
    let config = Config::load(&ca.configuration_file()).unwrap();
    let store = Store::open(&config.database).await.unwrap();
    let database = ca.database().await;
    database.execute("BEGIN").await;
    database.execute("SELECT pg_advisory_xact_lock(1)").await;
    let tried = Arc::new(AtomicU32::new(0));
    let note = |name, takes| {
        let then = Then::Keep;
        store.write(Note { name, takes, then })
    };
    let slow = note("slow", Duration::from_millis(300));
    let others = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        tokio::join!(
            note("first", Duration::ZERO),
            store.write(Blocked(tried.clone())),
            note("last", Duration::ZERO),
        )
    };
    let (slow, (first, blocked, last)) = tokio::join!(slow, others);
    for (kept, name) in [(slow, "slow"), (first, "first"), (last, "last")] {
        assert_eq!(kept.unwrap(), name);
    }
    assert!(
        matches!(blocked, Err(StoreError::Database(_))),
        "{blocked:?}"
    );
    assert_eq!(
        tried.load(Ordering::SeqCst),
        1,
        "whoever waits holds up everybody"
    );
    let kept = "SELECT name FROM leases WHERE holder = 'a test' ORDER BY name";
    assert_eq!(ca.rows(kept).await, ["first", "last", "slow"]);
    database.execute("ROLLBACK").await;
    database.close().await;
    store.close().await;
    ca.check().await;
}
