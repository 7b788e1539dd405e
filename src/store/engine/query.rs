//! One statement with its values, run on whichever engine it meets.

use std::borrow::Cow;
use std::future::Future;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::PgPool;

use crate::store::engine::{Connection, Link, Readers, Row};

/// How long one read may take: a server that has vanished must not hold an enrolment until its end.
const READ_TIME: Duration = Duration::from_secs(5);

/// What a statement binds: the three kinds of column, each with its NULL.
#[derive(Debug)]
pub(crate) enum Value<'q> {
    Integer(Option<i64>),
    Text(Option<Cow<'q, str>>),
    Octets(Option<&'q [u8]>),
}

macro_rules! values {
    ($($from:ty, $value:ident => $into:expr;)*) => {
        $(impl<'q> From<$from> for Value<'q> {
            fn from($value: $from) -> Self {
                $into
            }
        })*
    };
}

values! {
    i64, value => Self::Integer(Some(value));
    Option<i64>, value => Self::Integer(value);
    String, value => Self::Text(Some(Cow::Owned(value)));
    Cow<'q, str>, value => Self::Text(Some(value));
    &'q str, value => Self::Text(Some(Cow::Borrowed(value)));
    &'q String, value => Self::Text(Some(Cow::Borrowed(value)));
    Option<&'q str>, value => Self::Text(value.map(Cow::Borrowed));
    &'q [u8], value => Self::Octets(Some(value));
    &'q Vec<u8>, value => Self::Octets(Some(value));
}

/// A statement and its values.
#[derive(Debug)]
#[must_use]
pub(crate) struct Query<'q> {
    sql: &'static str,
    values: Vec<Value<'q>>,
}

/// A statement that both engines understand.
pub(crate) fn query<'q>(sql: &'static str) -> Query<'q> {
    Query {
        sql,
        values: Vec::new(),
    }
}

/// The statement for one engine, kept prepared under a name in the session or not.
macro_rules! built {
    ($query:expr, kept: $kept:expr) => {{
        let mut built = sqlx::query($query.sql).persistent($kept);
        for value in &$query.values {
            built = match value {
                Value::Integer(value) => built.bind(*value),
                Value::Text(value) => built.bind(value.as_deref()),
                Value::Octets(value) => built.bind(*value),
            };
        }
        built
    }};
}

impl<'q> Query<'q> {
    /// Gives the next placeholder its value.
    pub(crate) fn bind(mut self, value: impl Into<Value<'q>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Runs it; answers how many rows it changed.
    pub(crate) async fn execute(self, connection: &mut Connection) -> Result<u64, sqlx::Error> {
        Ok(match &mut connection.link {
            Link::Sqlite(connection) => built!(self, kept: true)
                .execute(connection)
                .await?
                .rows_affected(),
            Link::Postgres(session) => built!(self, kept: session.named)
                .execute(&mut session.connection)
                .await
                .map_err(|error| session.noticed(error))?
                .rows_affected(),
        })
    }

    /// Runs it; answers every row.
    pub(crate) async fn fetch_all(self, source: impl Source) -> Result<Vec<Row>, sqlx::Error> {
        source.rows(self).await
    }

    /// Runs it; answers its first row.
    pub(crate) async fn fetch_optional(
        self,
        source: impl Source,
    ) -> Result<Option<Row>, sqlx::Error> {
        Ok(source.rows(self).await?.into_iter().next())
    }

    /// Runs it; answers its first row, which there must be.
    pub(crate) async fn fetch_one(self, source: impl Source) -> Result<Row, sqlx::Error> {
        let row = self.fetch_optional(source).await?;
        row.ok_or(sqlx::Error::RowNotFound)
    }
}

/// What answers a query: the writer's connection, within its transaction, or the readers.
pub(crate) trait Source {
    fn rows(self, query: Query<'_>) -> impl Future<Output = Result<Vec<Row>, sqlx::Error>> + Send;
}

impl Source for &mut Connection {
    async fn rows(self, query: Query<'_>) -> Result<Vec<Row>, sqlx::Error> {
        Ok(match &mut self.link {
            Link::Sqlite(connection) => {
                let rows = built!(query, kept: true).fetch_all(connection).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Link::Postgres(session) => {
                let rows = built!(query, kept: session.named)
                    .fetch_all(&mut session.connection)
                    .await
                    .map_err(|error| session.noticed(error))?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }
}

impl Source for &Readers {
    async fn rows(self, query: Query<'_>) -> Result<Vec<Row>, sqlx::Error> {
        match self {
            Readers::Sqlite(pool) => {
                let rows = built!(query, kept: true).fetch_all(pool).await?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            Readers::Postgres(pool) => tokio::time::timeout(READ_TIME, read(pool, query))
                .await
                .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into())),
        }
    }
}

/// Reads within a transaction. sqlx parses a statement and runs it in two round trips, and a pooler
/// that hands out sessions by the transaction may answer the second one from another session.
async fn read(pool: &PgPool, query: Query<'_>) -> Result<Vec<Row>, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let mut transaction = connection.begin_with("BEGIN READ ONLY").await?;
    let rows = built!(query, kept: false)
        .fetch_all(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(rows.into_iter().map(Row::Postgres).collect())
}
