//! What must not happen at the same time on two nodes, where no single row says so.
//!
//! On SQLite nothing does: its one writer holds the whole database from `BEGIN IMMEDIATE` on. On
//! PostgreSQL each writer sees what others committed before its *statement* began, so a statement
//! that looks before it leaps takes a guard first, in a statement of its own. Guards are advisory
//! locks that end with the transaction or the command's savepoint, never with the session.

use crate::store::engine::{Connection, Link, query};

/// The upper half of every key, so that other users of the database do not meet ours by chance.
const OURS: i64 = 0x7661_6361 << 32;

/// What is guarded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Guard {
    /// The blocks stay as they are while they are looked at; any number may look.
    LookAtBlocks,
    /// The blocks change: nobody looks meanwhile, and whoever looked has committed.
    ChangeBlocks,
    /// Events get their numbers.
    Sequence,
    /// CRLs get their numbers.
    NumberCrl,
    /// The schema changes.
    Migrate,
}

impl Guard {
    fn statement(self) -> &'static str {
        match self {
            Self::LookAtBlocks => "SELECT pg_advisory_xact_lock_shared($1)",
            Self::ChangeBlocks | Self::Sequence | Self::NumberCrl | Self::Migrate => {
                "SELECT pg_advisory_xact_lock($1)"
            }
        }
    }

    fn key(self) -> i64 {
        OURS | match self {
            Self::LookAtBlocks | Self::ChangeBlocks => 1,
            Self::Sequence => 2,
            Self::NumberCrl => 3,
            Self::Migrate => 4,
        }
    }
}

/// Waits until the guard is free and holds it until the commit.
pub(crate) async fn hold(connection: &mut Connection, guard: Guard) -> Result<(), sqlx::Error> {
    if let Link::Postgres(_) = connection.link {
        query(guard.statement())
            .bind(guard.key())
            .execute(connection)
            .await?;
    }
    Ok(())
}
