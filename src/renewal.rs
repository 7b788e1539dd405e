//! When is the next certificate due? Told per certificate, after RFC 9773: a window, how the certificate
//! stands, and which one has taken its place.
//!
//! Everybody may ask who knows a certificate's name: its number holds 96 random bits, so that a name
//! that fits is one that was shown.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::admission::{Resources, storage};
use crate::clock::Timestamp;
use crate::model::certificate::IssuerId;
use crate::model::problem_code::ProblemCode;
use crate::model::refusal::Refusal;
use crate::model::renewal::{RenewalOrder, Window};
use crate::model::serial::SerialNumber;
use crate::model::status::Status;
use crate::store::StoreError;
use crate::store::renewals::Renewable;

/// Seconds until it is worth asking again (RFC 9773, section 4.3.2), where nothing is under way.
const ASK_AGAIN: u64 = 6 * 60 * 60;
/// The same, while an order concerns the certificate: what was ordered may change.
const ASK_AGAIN_SOON: u64 = 60 * 60;
/// How long this node goes by the orders that it has read.
const FRESH: Duration = Duration::from_secs(1);

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
    /// The orders in force, and when they were read, in monotonic time.
    orders: Mutex<Option<(Duration, Arc<[RenewalOrder]>)>>,
}

impl Renewals {
    /// On this record.
    #[must_use]
    pub fn new(resources: Arc<Resources>) -> Self {
        let orders = Mutex::default();
        Self { resources, orders }
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
        let ordered = self.ordered(&certificate, issuer, serial, now).await?;
        let usual = Window::of(&certificate.validity);
        let window = match (status, ordered) {
            (Status::Revoked, _) => Window::from_now(now),
            (_, Some(ordered)) if ordered.start < usual.start => ordered,
            _ => usual,
        };
        Ok(RenewalInfo {
            profile: certificate.profile,
            status,
            not_after,
            window,
            superseded_by,
            retry_after: match ordered {
                Some(_) => ASK_AGAIN_SOON,
                None => ASK_AGAIN,
            },
        })
    }

    /// The earliest window that an order gives it.
    async fn ordered(
        &self,
        certificate: &Renewable,
        issuer: &IssuerId,
        serial: SerialNumber,
        now: Timestamp,
    ) -> Result<Option<Window>, Refusal> {
        let orders = self.orders(now).await.map_err(|error| storage(&error))?;
        let windows = orders.iter().filter_map(|order| {
            order.window(&certificate.profile, issuer, serial, certificate.issued_at)
        });
        Ok(windows.min_by_key(|window| window.start))
    }

    async fn orders(&self, now: Timestamp) -> Result<Arc<[RenewalOrder]>, StoreError> {
        let elapsed = self.resources.clock.monotonic();
        let kept = self.kept().clone();
        if let Some((read, orders)) = kept
            && elapsed.saturating_sub(read) < FRESH
        {
            return Ok(orders);
        }
        let orders = self.resources.store.renewal_orders_in_force(now).await?;
        let orders: Arc<[RenewalOrder]> = orders.into();
        *self.kept() = Some((elapsed, Arc::clone(&orders)));
        Ok(orders)
    }

    fn kept(&self) -> MutexGuard<'_, Option<(Duration, Arc<[RenewalOrder]>)>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
