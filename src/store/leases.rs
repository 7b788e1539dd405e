//! Leases: what must be done by one process at a time is done by whoever holds the name, under a
//! number that grows with each new holder.

use crate::clock::Timestamp;
use crate::store::StoreError;
use crate::store::engine::{Connection, query};
use crate::store::writer::{Applied, Write};

/// How far the clocks of two nodes may stand apart, in seconds. A lease that ends later than that was
/// taken under a clock that has been set back since, and would stand in the way until it comes round.
const SKEW: i64 = 120;

/// Takes or keeps a lease. Answers its fencing number, or `None` while another holds it. The row is
/// locked before the condition is looked at, so of two nodes one gets it.
#[derive(Debug)]
pub struct Acquire {
    /// What is leased.
    pub name: &'static str,
    /// Who takes it.
    pub holder: String,
    /// Now.
    pub now: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

impl Write for Acquire {
    type Output = Option<i64>;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<Option<i64>>, StoreError> {
        let row = query(
            "INSERT INTO leases (name, holder, until, fence) VALUES ($1, $2, $3, 1)
             ON CONFLICT (name) DO UPDATE SET
                 fence = leases.fence
                     + CASE WHEN leases.holder = excluded.holder THEN 0 ELSE 1 END,
                 holder = excluded.holder, until = excluded.until
                 WHERE leases.holder = excluded.holder OR leases.until <= $4
                     OR leases.until > excluded.until + $5
             RETURNING fence",
        )
        .bind(self.name)
        .bind(&self.holder)
        .bind(self.until.0)
        .bind(self.now.0)
        .bind(SKEW)
        .fetch_optional(connection)
        .await?;
        Ok(Applied::Keep(row.map(|row| row.try_get(0)).transpose()?))
    }
}
