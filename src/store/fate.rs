//! What becomes of a commit. A connection can be lost after COMMIT was sent: the database then keeps
//! the changes or has forgotten them, and whoever asked does not know which. This is where a test
//! decides it; in production the database does.

use std::fmt;
use std::io;

/// What becomes of one commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// What the database says.
    AsTheDatabaseSays,
    /// The connection is lost before COMMIT reaches the database: nothing is applied, all is
    /// reported failed.
    Lost,
    /// The connection is lost behind COMMIT: everything is applied, and reported failed.
    Unconfirmed,
}

impl Fate {
    pub(super) fn before(self) -> Result<(), sqlx::Error> {
        self.strikes_as(Self::Lost)
    }

    pub(super) fn after(self) -> Result<(), sqlx::Error> {
        self.strikes_as(Self::Unconfirmed)
    }

    fn strikes_as(self, blow: Self) -> Result<(), sqlx::Error> {
        if self == blow {
            Err(io::Error::from(io::ErrorKind::ConnectionReset).into())
        } else {
            Ok(())
        }
    }
}

/// Who decides what becomes of commits.
pub trait CommitFate: Send + Sync + fmt::Debug {
    /// Asked once for each commit, just before it. `writes` are the commands in it, by
    /// [`std::any::type_name`]; nothing is computed where nobody reads them.
    fn fate(&self, writes: &mut dyn Iterator<Item = &'static str>) -> Fate;
}

/// Production: no commit is interfered with.
#[derive(Clone, Copy, Debug)]
pub struct AsTheDatabaseSays;

impl CommitFate for AsTheDatabaseSays {
    fn fate(&self, _: &mut dyn Iterator<Item = &'static str>) -> Fate {
        Fate::AsTheDatabaseSays
    }
}
