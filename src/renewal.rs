//! When is the next certificate due? Told per certificate, after RFC 9773: a window, how the certificate
//! stands, and which one has taken its place.
//!
//! Everybody may ask who knows a certificate's name: its number holds 96 random bits, so that a name
//! that fits is one that was shown.

use std::sync::Arc;

use crate::admission::{Resources, storage};
use crate::clock::Timestamp;
use crate::model::certificate::IssuerId;
use crate::model::problem_code::ProblemCode;
use crate::model::refusal::Refusal;
use crate::model::renewal::Window;
use crate::model::serial::SerialNumber;
use crate::model::status::Status;

/// Seconds until it is worth asking again (RFC 9773, section 4.3.2), where nothing is under way.
const ASK_AGAIN: u64 = 6 * 60 * 60;

/// What a certificate's holder is told.
#[derive(Clone, Debug)]
pub struct RenewalInfo {
    /// The profile that it was issued under.
    pub profile: String,
    /// How it stands.
    pub status: Status,
    /// Its last second.
    pub not_after: Timestamp,
    /// When its holder should ask for the next.
    pub window: Window,
    /// The certificate that has taken its place.
    pub superseded_by: Option<(IssuerId, SerialNumber)>,
    /// When it is worth asking again, in seconds.
    pub retry_after: u64,
}

/// Tells when certificates are to be renewed.
#[derive(Debug)]
pub struct Renewals {
    resources: Arc<Resources>,
}

impl Renewals {
    /// On this record.
    #[must_use]
    pub fn new(resources: Arc<Resources>) -> Self {
        Self { resources }
    }

    /// What is to be told of a client certificate.
    ///
    /// # Errors
    /// [`Refusal`]: `not_found` for whatever was not issued to a device or user, or
    /// `storage_unavailable`.
    pub async fn info(
        &self,
        issuer: &IssuerId,
        serial: SerialNumber,
    ) -> Result<RenewalInfo, Refusal> {
        let store = &self.resources.store;
        let now = self.resources.clock.now();
        let found = store.renewable(issuer, serial).await;
        let certificate = found
            .map_err(|error| storage(&error))?
            .ok_or(ProblemCode::NotFound)?;
        let successor = store.successor(&certificate, now).await;
        let superseded_by = successor.map_err(|error| storage(&error))?;
        let not_after = certificate.validity.not_after;
        let status = Status::of(not_after, certificate.revocation, now);
        let window = match status {
            Status::Revoked => Window::from_now(now),
            Status::Good | Status::Expired | Status::Unknown => Window::of(&certificate.validity),
        };
        Ok(RenewalInfo {
            profile: certificate.profile,
            status,
            not_after,
            window,
            superseded_by,
            retry_after: ASK_AGAIN,
        })
    }
}
