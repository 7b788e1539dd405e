//! What is sent: an event, with what the record says of it when it is sent. The queue holds no personal
//! value, so that nothing outlives what retention takes out of the record.

use serde::Serialize;
use serde_json::Value;

use crate::admission::Resources;
use crate::attestation::SealedVerdict;
use crate::clock::Timestamp;
use crate::model::attempt::AttemptId;
use crate::model::certificate::IssuerId;
use crate::model::delivery::DeliveryKind;
use crate::model::facts::Facts;
use crate::model::identity::VerifiedIdentity;
use crate::model::problem_code::ProblemCode;
use crate::model::serial::SerialNumber;
use crate::store::StoreError;
use crate::store::attempts::Attempt;
use crate::store::deliveries::Delivery;

/// `POST` body.
#[derive(Debug, Serialize)]
pub struct Notice {
    /// The shape of this object: 1.
    pub version: u32,
    /// Which event: the same at each try, and never another's.
    pub id: String,
    /// What happened.
    pub kind: DeliveryKind,
    /// When it happened, in seconds since the epoch.
    pub time: i64,
    /// When this was sent, in seconds since the epoch.
    pub timestamp: Timestamp,
    /// About what: an attempt's short id, or `issuer/serial`. Of one subject, order is kept.
    pub subject: String,
    /// What the record says of it.
    #[serde(flatten)]
    pub told: Told,
}

/// What the record says of an event; `null` where it does not, or does not any more.
#[derive(Debug, Default, Serialize)]
pub struct Told {
    /// The attempt's short id, which stands on the Chromebook too.
    pub attempt: Option<String>,
    /// The profile that was asked for.
    pub profile: Option<String>,
    /// The user's e-mail, where Verified Access confirmed it.
    pub email: Option<String>,
    /// The device's id, where Verified Access confirmed it.
    pub device_permanent_id: Option<String>,
    /// Why: a problem code.
    pub code: Option<&'static str>,
    /// Why a certificate was revoked, such as `key_compromise`.
    pub reason: Option<String>,
    /// Until when a paused identity waits.
    pub until: Option<i64>,
    /// Who signed.
    pub issuer: Option<String>,
    /// The certificate's number.
    pub serial_number: Option<String>,
    /// When it ends.
    pub not_after: Option<Timestamp>,
}

impl Notice {
    /// Reads what there is to tell; `None` where there is nothing: the CA's own certificates are nobody's.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn of(
        delivery: &Delivery,
        resources: &Resources,
    ) -> Result<Option<Self>, StoreError> {
        let event = &delivery.event;
        let Some(kind) = DeliveryKind::of_stored(&event.kind) else {
            return Ok(None);
        };
        let told = match event.subject.split_once('/') {
            Some((issuer, serial)) => of_certificate(issuer, serial, resources).await?,
            None => Some(of_attempt(&event.subject, resources).await?),
        };
        let detail: Value = serde_json::from_str(&event.detail).unwrap_or_default();
        let until = detail.get("until").and_then(Value::as_i64);
        let reason = detail.get("reason").and_then(Value::as_str);
        let reason = reason.map(str::to_owned);
        Ok(told.map(|told| Self {
            version: 1,
            id: delivery.name(),
            kind,
            time: event.at,
            timestamp: resources.clock.now(),
            subject: event.subject.clone(),
            told: Told {
                until,
                reason,
                ..told
            },
        }))
    }
}

async fn of_certificate(
    issuer: &str,
    serial: &str,
    resources: &Resources,
) -> Result<Option<Told>, StoreError> {
    let named = IssuerId::parse(issuer).zip(SerialNumber::parse(serial));
    let Some((issuer, serial)) = named else {
        return Ok(None);
    };
    let rows = resources.store.certificates_by_serial(serial).await?;
    let row = rows.into_iter().find(|row| row.issuer == issuer);
    let row = row.filter(|row| row.kind == "client");
    Ok(row.map(|row| Told {
        attempt: row.attempt,
        profile: Some(row.profile),
        email: row.holder.email,
        device_permanent_id: row.holder.device_permanent_id,
        issuer: Some(issuer.to_string()),
        serial_number: Some(serial.to_string()),
        not_after: Some(row.validity.not_after),
        ..Told::default()
    }))
}

async fn of_attempt(id: &str, resources: &Resources) -> Result<Told, StoreError> {
    let mut told = Told {
        attempt: Some(id.to_owned()),
        ..Told::default()
    };
    // Deleted since: the event stands, and that is all there is.
    let found = match AttemptId::parse(id) {
        Some(id) => resources.store.attempt(&id).await?,
        None => None,
    };
    if let Some(attempt) = found {
        told.code = attempt.code.map(ProblemCode::as_str);
        (told.email, told.device_permanent_id) = identity(&attempt, resources);
        told.profile = Some(attempt.binding.profile);
    }
    Ok(told)
}

/// Whom Verified Access confirmed: e-mail and device. Never a claim, and never a digest that stands for
/// either.
fn identity(attempt: &Attempt, resources: &Resources) -> (Option<String>, Option<String>) {
    if attempt.shortened.is_some() {
        return (None, None);
    }
    let facts = attempt.facts.as_deref();
    if let Some(facts) = facts.and_then(|facts| serde_json::from_str::<Facts>(facts).ok()) {
        return (facts.email, facts.device_permanent_id);
    }
    let Some((json, tag)) = &attempt.unverified_verdict else {
        return (None, None);
    };
    match SealedVerdict::reopen(json, tag, &attempt.binding, &resources.deployment_key) {
        Ok(device) => match device.identity() {
            VerifiedIdentity::User { email } => (Some(email.as_str().to_owned()), None),
            VerifiedIdentity::Device {
                device_permanent_id,
                ..
            } => (None, Some(device_permanent_id.as_str().to_owned())),
        },
        Err(_) => (None, None),
    }
}
