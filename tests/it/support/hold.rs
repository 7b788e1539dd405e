//! A process that stays in the middle of a transaction for as long as a test looks.

use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::TestCa;
use super::engine::Place;
use super::shortcuts::eventually;

impl TestCa {
    /// Makes whoever comes to this write of the record stay there. `when` is such as
    /// `INSERT ON attempts` or `UPDATE ON attempts WHEN NEW.state = 'verified'`.
    pub async fn hold(&self, when: &str) {
        let database = self.database().await;
        database.hold("hold", when).await;
        database.close().await;
    }

    /// Whether somebody is held now.
    pub async fn is_held(&self) -> bool {
        match self.place {
            Place::Sqlite => self.is_locked().await,
            Place::Postgres(..) => !self.sleepers("pid").await.is_empty(),
        }
    }

    /// Lets later ones pass. Whoever is held is dead by now: the server finds out, as it would when
    /// it next spoke to its client.
    pub async fn let_go(&self) {
        if let Place::Postgres(..) = self.place {
            self.sleepers("pg_terminate_backend(pid)").await;
            eventually("the sessions end", async || !self.is_held().await).await;
        }
        let database = self.database().await;
        database.permit("hold").await;
        database.close().await;
    }

    async fn sleepers(&self, what: &str) -> Vec<String> {
        let sql = format!(
            "SELECT {what}::text FROM pg_stat_activity WHERE wait_event = 'PgSleep'
             AND datname = current_database()"
        );
        self.rows(sqlx::AssertSqlSafe(sql)).await
    }

    /// Whether somebody keeps the lock; commits in passing have it for milliseconds.
    async fn is_locked(&self) -> bool {
        for _ in 0..10 {
            let options = SqliteConnectOptions::new()
                .filename(self.folder.path().join("vaca.db"))
                .busy_timeout(Duration::ZERO);
            let mut connection = options.connect().await.unwrap();
            let begun = sqlx::query("BEGIN IMMEDIATE")
                .execute(&mut connection)
                .await;
            connection.close().await.unwrap();
            if begun.is_ok() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        true
    }
}
