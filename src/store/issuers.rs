//! The issuers that a table knows, each found behind the one before it in an index that begins with them.

use crate::model::certificate::IssuerId;
use crate::store::StoreError;
use crate::store::engine::Row;

/// A query of `issuers (id)`, which ends with a row of NULL.
macro_rules! issuers_of {
    ($table:literal, $rest:literal) => {
        concat!(
            "WITH RECURSIVE issuers (id) AS (
                 SELECT min(issuer_id) FROM ",
            $table,
            "
                 UNION ALL
                 SELECT (SELECT min(issuer_id) FROM ",
            $table,
            " WHERE issuer_id > issuers.id)
                 FROM issuers WHERE issuers.id IS NOT NULL)
             ",
            $rest
        )
    };
}
pub(super) use issuers_of;

/// The ids that such a query answered; `column` is where they stand.
pub(super) fn issuer_ids(rows: &[Row], column: &'static str) -> Result<Vec<IssuerId>, StoreError> {
    let parse = |row: &Row| {
        let id: String = row.try_get(0)?;
        IssuerId::parse(&id).ok_or(StoreError::Corrupt(column))
    };
    rows.iter().map(parse).collect()
}
