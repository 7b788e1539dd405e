//! Facts that we promise to keep, in the past tense.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::model::actor::Actor;

/// What happened. The words are stored for ever: add, never rename.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A response was bound to a challenge of ours.
    AttemptBound,
    /// Verified Access answered, and the verdict was committed.
    AttemptVerified,
    /// An attempt was refused for good.
    AttemptDenied,
    /// A serial and TBS were committed, before the signature.
    CertificateIntended,
    /// An intent was closed unsigned; its serial is spent.
    CertificateAbandoned,
    /// A signed certificate was recorded.
    CertificateIssued,
    /// The number and digest of a CRL were committed, before the signature.
    CrlIntended,
    /// A signed CRL was recorded.
    CrlIssued,
    /// A certificate was revoked.
    CertificateRevoked,
    /// A certificate turned up that verifies under our key and that nobody meant to sign.
    CertificateUnrecorded,
    /// Certificates are to be renewed before their time.
    RenewalOrdered,
    /// An identity was blocked.
    BlockAdded,
    /// A block was lifted.
    BlockLifted,
    /// A verified identity was denied too often in a row and told to wait, or to wait longer.
    IdentityPaused,
    /// What counted against a paused identity was forgotten: an operator released it, or it got a
    /// certificate.
    IdentityReleased,
    /// Old attempts lost their personal data, or were deleted: how many.
    RetentionApplied,
    /// An operator, or a program of theirs, was shown something of the record.
    RecordRead,
    /// An operator's token was made.
    TokenCreated,
    /// A token that may be used once was used.
    TokenSpent,
    /// A token was declared worthless before its time.
    TokenRevoked,
    /// Deliveries were given another try: how many.
    DeliveriesRetried,
    /// Deliveries were dropped undelivered: how many.
    DeliveriesDropped,
}

impl EventKind {
    /// The stored word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AttemptBound => "attempt_bound",
            Self::AttemptVerified => "attempt_verified",
            Self::AttemptDenied => "attempt_denied",
            Self::CertificateIntended => "certificate_intended",
            Self::CertificateAbandoned => "certificate_abandoned",
            Self::CertificateIssued => "certificate_issued",
            Self::CrlIntended => "crl_intended",
            Self::CrlIssued => "crl_issued",
            Self::CertificateRevoked => "certificate_revoked",
            Self::CertificateUnrecorded => "certificate_unrecorded",
            Self::RenewalOrdered => "renewal_ordered",
            Self::BlockAdded => "block_added",
            Self::BlockLifted => "block_lifted",
            Self::IdentityPaused => "identity_paused",
            Self::IdentityReleased => "identity_released",
            Self::RetentionApplied => "retention_applied",
            Self::RecordRead => "record_read",
            Self::TokenCreated => "token_created",
            Self::TokenSpent => "token_spent",
            Self::TokenRevoked => "token_revoked",
            Self::DeliveriesRetried => "deliveries_retried",
            Self::DeliveriesDropped => "deliveries_dropped",
        }
    }
}

/// One audit event; committed together with the state that it tells of. `detail` holds ids and
/// keyed digests of personal values, never an e-mail.
#[derive(Clone, Debug)]
pub struct AuditEvent {
    /// When, by our clock.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// By whom.
    pub actor: Actor,
    /// What it is about: an attempt id, `issuer/serial`, `issuer/crl/number`, `token/id`, `delivery/sink/event`, the name of a list, or
    /// `attempts` for many.
    pub subject: String,
    /// Further facts.
    pub detail: Map<String, Value>,
}

impl AuditEvent {
    /// An event without further facts.
    #[must_use]
    pub fn new(at: Timestamp, kind: EventKind, actor: Actor, subject: impl Into<String>) -> Self {
        Self {
            at,
            kind,
            actor,
            subject: subject.into(),
            detail: Map::new(),
        }
    }

    /// The same event with one more fact.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.detail.insert(name.to_owned(), value.into());
        self
    }
}
