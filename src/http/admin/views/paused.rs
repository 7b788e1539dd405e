//! Identities that wait.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::problem_code::ProblemCode;
use crate::store::pauses::PausedIdentity;

/// A user or device that was told to wait.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PausedView {
    /// `user:EMAIL` or `device:ID`.
    pub identity: String,
    /// When it was first told so.
    #[schema(format = DateTime)]
    pub since: String,
    /// Until when.
    #[schema(format = DateTime)]
    pub until: String,
    /// How many denials in a row.
    pub denials: i64,
    /// Why the last of them.
    pub code: ProblemCode,
    /// Which attempt that was.
    pub attempt: String,
}

impl PausedView {
    /// Of this row.
    #[must_use]
    pub fn of(row: &PausedIdentity) -> Self {
        Self {
            identity: row.identity.clone(),
            since: row.pause.since.rfc3339(),
            until: row.pause.until.rfc3339(),
            denials: row.pause.denials,
            code: row.pause.code,
            attempt: row.pause.attempt.to_string(),
        }
    }
}
