//! What a revocation would hit, and what it did.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::revocation::RevocationReason;
use crate::revocation::{Done, Plan, Share};
use crate::store::selection::Selected;

/// A certificate that is hit.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SelectedView {
    /// The issuer's id.
    pub issuer: String,
    /// Its number, hexadecimal.
    pub serial_number: String,
    /// The profile's name.
    pub profile: String,
    /// Whom it names.
    pub identity: String,
    /// When it was intended.
    #[schema(format = DateTime)]
    pub issued_at: String,
    /// Its last second.
    #[schema(format = DateTime)]
    pub not_after: String,
    /// Whether it is revoked already.
    pub revoked: bool,
}

impl SelectedView {
    fn of(certificate: &Selected) -> Self {
        Self {
            issuer: certificate.issuer.to_string(),
            serial_number: certificate.serial.to_string(),
            profile: certificate.profile.clone(),
            identity: certificate.identity.clone(),
            issued_at: certificate.issued_at.rfc3339(),
            not_after: certificate.not_after.rfc3339(),
            revoked: certificate.is_revoked,
        }
    }
}

/// What an order would do.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PlanView {
    /// Why.
    pub reason: RevocationReason,
    /// Certificates that would be revoked.
    pub to_revoke: u64,
    /// Certificates of the selection that are revoked already.
    pub already_revoked: u64,
    /// Users and devices that would get no new certificate: `email:..`, `device:..`.
    pub to_block: Vec<String>,
    /// Numbers that no certificate has.
    pub missing: Vec<String>,
    /// What could not be linked, in words.
    pub notes: Vec<&'static str>,
    /// The first of the selected certificates.
    pub certificates: Vec<SelectedView>,
    /// Certificates that have not ended.
    pub live: i64,
    /// Revocations of the last day.
    pub revoked_within_a_day: i64,
    /// How many there may be within a day without confirmation.
    pub at_most_within_a_day: i64,
    /// Whether this needs a confirmation.
    pub confirmation_required: bool,
    /// What confirms exactly this.
    pub digest: String,
}

impl PlanView {
    /// Of this plan.
    #[must_use]
    pub fn of(plan: &Plan, share: Share, reason: RevocationReason) -> Self {
        let blocks = plan.blocks.iter().map(|blocked| {
            let (kind, value) = blocked.stored();
            format!("{kind}:{value}")
        });
        let to_revoke = plan.rows.len() as u64;
        Self {
            reason,
            to_revoke,
            already_revoked: plan.already,
            to_block: blocks.collect(),
            missing: plan.missing.clone(),
            notes: plan.notes.clone(),
            certificates: plan.examples.iter().map(SelectedView::of).collect(),
            live: share.live,
            revoked_within_a_day: share.recent,
            at_most_within_a_day: share.at_most,
            confirmation_required: plan.authorities > 0 || !share.admits(to_revoke),
            digest: plan.digest.clone(),
        }
    }
}

/// What was done.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DoneView {
    /// Certificates that were revoked now.
    pub revoked: u64,
    /// Certificates that were revoked already.
    pub already_revoked: u64,
    /// Users and devices that get no new certificate from now on, by each of their ids.
    pub blocked: u64,
}

impl DoneView {
    /// Of this.
    #[must_use]
    pub fn of(done: &Done) -> Self {
        Self {
            revoked: done.revoked,
            already_revoked: done.already,
            blocked: done.blocked,
        }
    }
}
