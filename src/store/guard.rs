//! What must not happen at the same time on two nodes, where no single row says so.
//!
//! On SQLite nothing does: its one writer holds the whole database from `BEGIN IMMEDIATE` on. On
//! PostgreSQL each writer sees what others committed before its *statement* began, so a statement
//! that looks before it leaps takes a guard first, in a statement of its own. Guards are advisory
//! locks that end with the transaction or the command's savepoint, never with the session.

use aws_lc_rs::digest::{SHA256, digest};

use crate::store::engine::{Connection, Link, query};

/// The upper half of every key, so that other users of the database do not meet ours by chance.
const OURS: i64 = 0x7661_6361 << 32;

const LOCK: &str = "SELECT pg_advisory_xact_lock($1)";
const LOCK_FOR_INTENT: &str = "SELECT pg_advisory_xact_lock_shared($1), pg_advisory_xact_lock($2)";

/// What is guarded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Guard {
    /// The blocks change: nobody looks meanwhile ([`hold_for_intent`]), and whoever looked has committed.
    ChangeBlocks,
    /// Events get their numbers.
    Sequence,
    /// CRLs get their numbers.
    NumberCrl,
    /// Certificates are revoked, and counted.
    Revoke,
    /// The schema changes.
    Migrate,
}

/// The upper half of the keys of identities: another one, so that none of them is one of the others.
const IDENTITIES: i64 = 0x7661_6362 << 32;

impl Guard {
    fn key(self) -> i64 {
        OURS | match self {
            Self::ChangeBlocks => 1,
            Self::Sequence => 2,
            Self::NumberCrl => 3,
            Self::Migrate => 4,
            Self::Revoke => 5,
        }
    }
}

/// Waits until the guard is free and holds it until the commit.
pub(crate) async fn hold(connection: &mut Connection, guard: Guard) -> Result<(), sqlx::Error> {
    if let Link::Postgres(_) = connection.link {
        query(LOCK).bind(guard.key()).execute(connection).await?;
    }
    Ok(())
}

/// Holds what an intent looks at: the blocks, at which any number may look at once, and how many
/// certificates an identity has, which nobody else counts meanwhile. Two identities share a key once in
/// four billion, and wait for each other then. Two nodes whose batches take two identities in opposite
/// orders stop each other; the server ends one of them, and its batch runs again (`writer`).
pub(crate) async fn hold_for_intent(
    connection: &mut Connection,
    identity: &str,
) -> Result<(), sqlx::Error> {
    if let Link::Postgres(_) = connection.link {
        query(LOCK_FOR_INTENT)
            .bind(Guard::ChangeBlocks.key())
            .bind(IDENTITIES | number_of(identity))
            .execute(connection)
            .await?;
    }
    Ok(())
}

fn number_of(identity: &str) -> i64 {
    let digest = digest(&SHA256, identity.as_bytes());
    let octets = digest.as_ref().iter().take(4);
    octets.fold(0, |number, octet| number << 8 | i64::from(*octet))
}
