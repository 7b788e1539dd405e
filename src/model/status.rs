//! How a certificate stands, for whoever has to decide by it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::model::revocation::Revocation;

/// What a certificate is worth now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is in force.
    Good,
    /// It was revoked, whether it would have ended meanwhile or not.
    Revoked,
    /// It came to its end by itself.
    Expired,
    /// None that was issued to a user or device by this service.
    Unknown,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Good, Self::Revoked, Self::Expired, Self::Unknown];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
        }
    }

    /// Of a certificate that was issued, whose last second is `not_after`.
    #[must_use]
    pub fn of(not_after: Timestamp, revocation: Option<Revocation>, now: Timestamp) -> Self {
        match revocation {
            Some(_) => Self::Revoked,
            // Both ends of a validity belong to it (RFC 5280, section 4.1.2.5).
            None if now > not_after => Self::Expired,
            None => Self::Good,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::revocation::RevocationReason;

    #[test]
    fn the_last_second_is_good_and_a_revocation_outlives_it() {
        let end = Timestamp(1000);
        assert_eq!(Status::of(end, None, end), Status::Good);
        assert_eq!(Status::of(end, None, end.plus(1)), Status::Expired);
        let revoked = Some(Revocation {
            reason: RevocationReason::Superseded,
            at: Timestamp(10),
        });
        for now in [10, 2000] {
            assert_eq!(Status::of(end, revoked, Timestamp(now)), Status::Revoked);
        }
    }
}
