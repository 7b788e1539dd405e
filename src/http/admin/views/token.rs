//! Tokens.

use serde::Serialize;
use utoipa::ToSchema;

use crate::access::issue::IssuedToken;
use crate::clock::Timestamp;
use crate::model::certificate_header::CertificateHeader;
use crate::model::role::Role;
use crate::store::tokens::TokenRow;

/// What is known of a token. Its secret is not.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TokenView {
    /// Its public half.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// Whether it makes one other token, and does nothing else.
    pub single_use: bool,
    /// `good`, `expired`, `spent` or `revoked`.
    pub state: &'static str,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// By whom, as events name them.
    pub created_by: String,
    /// From when on it is worthless.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// When it was last used, to the minute.
    #[schema(format = DateTime, required)]
    pub last_used_at: Option<String>,
    /// Of a proxy: in which header field it says what certificate a client showed.
    #[schema(required)]
    pub certificate_header: Option<CertificateHeader>,
}

impl TokenView {
    /// Of this row, as it is at `now`.
    #[must_use]
    pub fn of(row: &TokenRow, now: Timestamp) -> Self {
        let grant = row.unverified_grant;
        Self {
            id: row.id.to_string(),
            name: row.name.clone(),
            role: grant.role,
            single_use: grant.single_use,
            state: state(row, now),
            created_at: row.created_at.rfc3339(),
            created_by: row.created_by.clone(),
            expires_at: Timestamp(grant.expires_at).rfc3339(),
            last_used_at: row.last_used_at.map(Timestamp::rfc3339),
            certificate_header: grant.certificate_header,
        }
    }
}

fn state(row: &TokenRow, now: Timestamp) -> &'static str {
    if row.revoked_at.is_some() {
        "revoked"
    } else if row.spent_at.is_some() {
        "spent"
    } else if row.is_good(now) {
        "good"
    } else {
        "expired"
    }
}

/// A new token, with its text.
#[derive(Clone, Serialize, ToSchema)]
pub struct NewTokenView {
    /// The token: shown here and never again.
    pub token: String,
    /// Its public half.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// From when on it is worthless.
    #[schema(format = DateTime)]
    pub expires_at: String,
}

impl NewTokenView {
    /// Of this token.
    #[must_use]
    pub fn of(issued: &IssuedToken) -> Self {
        Self {
            token: issued.text().to_owned(),
            id: issued.id.to_string(),
            name: issued.name.clone(),
            role: issued.grant.role,
            expires_at: Timestamp(issued.grant.expires_at).rfc3339(),
        }
    }
}

/// Without the token.
impl std::fmt::Debug for NewTokenView {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "NewTokenView({}, ..)", self.id)
    }
}
