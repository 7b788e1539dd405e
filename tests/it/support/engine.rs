//! Which database the tests run on: `VACA_TEST_ENGINE`, `sqlite` or `postgres`.

use std::path::Path;

use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgPool, SqlSafeStr, SqlitePool};

use super::postgres::Cluster;

/// What SQLite knows and tests use: so many zero octets.
const ZEROBLOB: &str = "CREATE FUNCTION zeroblob(n integer) RETURNS bytea LANGUAGE sql AS
    $$SELECT decode(repeat('00', n), 'hex')$$";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub fn of_this_run() -> Self {
        match std::env::var("VACA_TEST_ENGINE").as_deref() {
            Err(_) | Ok("sqlite") => Self::Sqlite,
            Ok("postgres") => Self::Postgres,
            Ok(other) => panic!("VACA_TEST_ENGINE={other}: known are sqlite and postgres"),
        }
    }

    /// Whether a test of this engine alone does not run now; says so.
    pub fn is_absent(self, reason: &str) -> bool {
        let absent = Self::of_this_run() != self;
        if absent {
            println!("skipped, for {self:?} only: {reason}");
        }
        absent
    }

    /// An empty database. Answers what `[database] url` says of it.
    pub async fn empty_database(self) -> Place {
        match self {
            Self::Sqlite => Place::Sqlite,
            Self::Postgres => {
                let cluster = Cluster::shared().await;
                let name = cluster.database(None).await;
                let mut connection = cluster.connect(&name).await.unwrap();
                connection.execute(ZEROBLOB).await.unwrap();
                connection.close().await.unwrap();
                Place::Postgres(name)
            }
        }
    }
}

/// Where a test's record is.
#[derive(Clone, Debug)]
pub enum Place {
    /// The file of the test's folder.
    Sqlite,
    /// A database of the shared server.
    Postgres(String),
}

impl Place {
    /// What `[database] url` says.
    pub async fn url(&self) -> String {
        match self {
            Self::Sqlite => "sqlite:vaca.db".to_owned(),
            Self::Postgres(name) => Cluster::shared().await.url(name),
        }
    }

    /// Another one with the same content; a file is copied with its folder.
    pub async fn copy(&self) -> Self {
        match self {
            Self::Sqlite => Self::Sqlite,
            Self::Postgres(name) => {
                let cluster = Cluster::shared().await;
                Self::Postgres(cluster.database(Some(name)).await)
            }
        }
    }

    /// A connection of the test's own, as an auditor might have one.
    pub async fn connect(&self, folder: &Path) -> Database {
        match self {
            Self::Sqlite => Database::Sqlite(
                SqlitePoolOptions::new()
                    .max_connections(1)
                    .connect_with(SqliteConnectOptions::new().filename(folder.join("vaca.db")))
                    .await
                    .unwrap(),
            ),
            Self::Postgres(name) => Database::Postgres(
                PgPoolOptions::new()
                    .max_connections(1)
                    .connect_with(Cluster::shared().await.options(name))
                    .await
                    .unwrap(),
            ),
        }
    }

    /// Forgets everything, the schema included.
    pub async fn clear(&self, folder: &Path) {
        match self {
            Self::Sqlite => std::fs::remove_file(folder.join("vaca.db")).unwrap(),
            Self::Postgres(_) => {
                let database = self.connect(folder).await;
                database.execute("DROP SCHEMA public CASCADE").await;
                database.execute("CREATE SCHEMA public").await;
                database.close().await;
            }
        }
    }

    /// Gives back what it holds.
    pub async fn remove(&self) {
        if let Self::Postgres(name) = self {
            Cluster::shared().await.drop_database(name).await;
        }
    }
}

/// A test's own connection.
pub enum Database {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Database {
    /// Runs a statement. Answers how many rows it changed.
    pub async fn execute(&self, sql: impl SqlSafeStr) -> u64 {
        match self {
            Self::Sqlite(pool) => sqlx::query(sql)
                .execute(pool)
                .await
                .unwrap()
                .rows_affected(),
            Self::Postgres(pool) => sqlx::query(sql)
                .execute(pool)
                .await
                .unwrap()
                .rows_affected(),
        }
    }

    /// Keeps everybody else out until `ROLLBACK`.
    pub async fn lock(&self) {
        match self {
            Self::Sqlite(_) => self.execute("BEGIN EXCLUSIVE").await,
            Self::Postgres(_) => {
                self.execute("BEGIN").await;
                self.execute("LOCK TABLE challenges, attempts IN ACCESS EXCLUSIVE MODE")
                    .await
            }
        };
    }

    /// Makes one write of the record fail, as it would on a full disk: the statement is not applied.
    /// `when` is such as `INSERT ON attempts` or `UPDATE ON attempts WHEN NEW.state = 'verified'`.
    pub async fn refuse(&self, trigger: &str, when: &str) {
        let statement = match self {
            Self::Sqlite(_) => "SELECT RAISE(ABORT, 'refused by a test')",
            Self::Postgres(_) => "RAISE EXCEPTION 'refused by a test'",
        };
        self.before(trigger, when, statement).await;
    }

    /// Makes whoever comes to a write stay there, within the transaction. `when` as above.
    pub async fn hold(&self, trigger: &str, when: &str) {
        let statement = match self {
            // A trigger may not say WITH; a view may.
            Self::Sqlite(_) => {
                self.execute(
                    "CREATE VIEW IF NOT EXISTS numbers AS WITH RECURSIVE n(i) AS
                         (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
                )
                .await;
                "SELECT count(*) FROM numbers"
            }
            Self::Postgres(_) => "PERFORM pg_sleep(60)",
        };
        self.before(trigger, when, statement).await;
    }

    /// Runs a statement before a write.
    async fn before(&self, trigger: &str, when: &str, statement: &str) {
        let (write, condition) = match when.split_once(" WHEN ") {
            Some((write, condition)) => (write, Some(condition)),
            None => (when, None),
        };
        let sql = match self {
            Self::Sqlite(_) => format!(
                "CREATE TRIGGER \"{trigger}\" BEFORE {write} {} BEGIN {statement}; END",
                condition.map(|is| format!("WHEN {is}")).unwrap_or_default()
            ),
            Self::Postgres(_) => {
                self.execute(AssertSqlSafe(format!(
                    "CREATE FUNCTION \"{trigger}\"() RETURNS trigger LANGUAGE plpgsql AS
                     $$BEGIN {statement}; RETURN NEW; END$$"
                )))
                .await;
                format!(
                    "CREATE TRIGGER \"{trigger}\" BEFORE {write} FOR EACH ROW {}
                     EXECUTE FUNCTION \"{trigger}\"()",
                    condition
                        .map(|is| format!("WHEN ({is})"))
                        .unwrap_or_default()
                )
            }
        };
        self.execute(AssertSqlSafe(sql)).await;
    }

    /// Takes `refuse` or `hold` back.
    pub async fn permit(&self, trigger: &str) {
        let sql = match self {
            Self::Sqlite(_) => format!("DROP TRIGGER \"{trigger}\""),
            Self::Postgres(_) => format!("DROP FUNCTION \"{trigger}\"() CASCADE"),
        };
        self.execute(AssertSqlSafe(sql)).await;
    }

    /// The first column of every row of a query.
    pub async fn column<T>(&self, sql: impl SqlSafeStr) -> Vec<T>
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
        T: Send + Unpin,
    {
        use sqlx::Row as _;
        match self {
            Self::Sqlite(pool) => {
                let rows = sqlx::query(sql).fetch_all(pool).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
            Self::Postgres(pool) => {
                let rows = sqlx::query(sql).fetch_all(pool).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }

    /// How SQLite would find the rows of a statement (sqlite.org, EXPLAIN QUERY PLAN).
    pub async fn plan(&self, sql: &str) -> Vec<String> {
        use sqlx::Row as _;
        let Self::Sqlite(pool) = self else {
            panic!("a server has plans of another kind")
        };
        let explain = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")));
        let steps = explain.fetch_all(pool).await.unwrap();
        steps.iter().map(|step| step.get("detail")).collect()
    }

    pub async fn close(self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}
