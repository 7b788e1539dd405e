//! Blocks.

use serde::Serialize;
use utoipa::ToSchema;

use crate::store::blocks::BlockRow;

/// Who gets no certificate.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BlockView {
    /// `email` or `device`.
    pub kind: String,
    /// Whose.
    pub value: String,
    /// Why.
    pub reason: String,
    /// Since when.
    #[schema(format = DateTime)]
    pub created_at: String,
}

impl BlockView {
    /// Of this row.
    #[must_use]
    pub fn of(row: &BlockRow) -> Self {
        Self {
            kind: row.kind.clone(),
            value: row.value.clone(),
            reason: row.reason.clone(),
            created_at: row.created_at.rfc3339(),
        }
    }
}
