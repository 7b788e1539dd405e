//! Challenges that wait for an answer.

use crate::clock::Timestamp;
use crate::model::challenge::{CHALLENGE_LIFETIME, CHALLENGE_MEMORY, ChallengeDigest};
use crate::store::StoreError;
use crate::store::engine::{Connection, query};
use crate::store::writer::{Applied, Write};

/// Remembers a challenge before it is handed out.
#[derive(Debug)]
pub struct Remember {
    /// Which.
    pub digest: ChallengeDigest,
    /// For which profile.
    pub profile: String,
    /// When it was made, by our clock.
    pub at: Timestamp,
}

impl Write for Remember {
    type Output = ();

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<()>, StoreError> {
        query(
            "INSERT INTO challenges (digest, profile, created_at, expires_at) VALUES ($1, $2, $3, $4)",
        )
        .bind(self.digest.0.as_slice())
        .bind(&self.profile)
        .bind(self.at.0)
        .bind(self.at.plus(CHALLENGE_LIFETIME).0)
        .execute(connection)
        .await?;
        Ok(Applied::Keep(()))
    }
}

/// Forgets challenges that were made more than [`CHALLENGE_MEMORY`] ago. Answers how many.
#[derive(Debug)]
pub struct Sweep {
    /// The time of the sweep.
    pub now: Timestamp,
}

impl Write for Sweep {
    type Output = u64;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<u64>, StoreError> {
        let swept = query("DELETE FROM challenges WHERE created_at < $1")
            .bind(self.now.minus(CHALLENGE_MEMORY).0)
            .execute(connection)
            .await?;
        Ok(Applied::Keep(swept))
    }
}
