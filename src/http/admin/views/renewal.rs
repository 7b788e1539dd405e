//! Orders of early renewal.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::certificate::IssuerId;
use crate::model::renewal::RenewalOrder;
use crate::store::renewals::RecordedOrder;

/// Which certificates are to be renewed, and when.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OrderTerms {
    /// Of this profile; `null` is every one.
    #[schema(required)]
    pub profile: Option<String>,
    /// Of this issuer, by its id; likewise.
    #[schema(required)]
    pub issuer: Option<String>,
    /// Issued then or later.
    #[schema(format = DateTime)]
    pub issued_from: String,
    /// Issued then or earlier.
    #[schema(format = DateTime)]
    pub issued_until: String,
    /// The first renews at this moment.
    #[schema(format = DateTime)]
    pub starts_at: String,
    /// The last has renewed by then.
    #[schema(format = DateTime)]
    pub ends_at: String,
}

impl OrderTerms {
    /// Of this order.
    #[must_use]
    pub fn of(order: &RenewalOrder) -> Self {
        Self {
            profile: order.profile.clone(),
            issuer: order.issuer.as_ref().map(IssuerId::to_string),
            issued_from: order.issued_from.rfc3339(),
            issued_until: order.issued_until.rfc3339(),
            starts_at: order.starts_at.rfc3339(),
            ends_at: order.ends_at.rfc3339(),
        }
    }
}

/// An order that was given.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OrderView {
    /// Its number.
    pub id: i64,
    /// What it says.
    #[serde(flatten)]
    pub terms: OrderTerms,
    /// When it was given.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// By whom.
    pub created_by: String,
}

impl OrderView {
    /// Of this row.
    #[must_use]
    pub fn of(row: &RecordedOrder) -> Self {
        Self {
            id: row.row,
            terms: OrderTerms::of(&row.order),
            created_at: row.created_at.rfc3339(),
            created_by: row.created_by.clone(),
        }
    }
}

/// What came of an order, or would.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OrderedView {
    /// Its number; `null` for one that was not given.
    #[schema(required)]
    pub id: Option<i64>,
    /// What it says.
    #[serde(flatten)]
    pub terms: OrderTerms,
    /// How many certificates that are good now it concerns.
    pub certificates: i64,
}
