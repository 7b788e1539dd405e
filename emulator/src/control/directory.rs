//! Devices and users of the directory, and what a device asks of Google besides Verified Access:
//! the Privacy CA's certificates and the upload of its machine certificate.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{Control, ControlError};
use crate::chain;
use crate::directory::{BootMode, Device, Directory, User};
use crate::encoding::base64_bytes;
use crate::privacy_ca::LeafSubject;

type Answer<T> = Result<Json<T>, ControlError>;

/// A device to enrol; what is absent is the emulator's default.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewDevice {
    /// The virtual id; a fresh one if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// The managing organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// The enrolled domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// In which state it boots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_mode: Option<BootMode>,
}

/// A user to create; what is absent is the emulator's default.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// Primary e-mail.
    pub email: String,
    /// The managing organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// `true` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affiliated: Option<bool>,
}

/// A public key for the Privacy CA, from the TPM of the device in the path.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certification {
    /// `SubjectPublicKeyInfo` DER.
    #[serde(with = "base64_bytes")]
    pub spki: Vec<u8>,
    /// Whether to write the stable device identifier into the subject.
    pub machine: bool,
}

/// What the Privacy CA answers, and what a device uploads.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certified {
    /// PEM, the leaf first.
    pub chain: String,
}

/// A change to a device; what is absent stays.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct DeviceChange {
    boot_mode: Option<BootMode>,
    customer_id: Option<String>,
    domain: Option<String>,
}

impl Control {
    fn directory(&self) -> &Directory {
        &self.verified_access.directory
    }
}

fn found(found: bool, what: &str) -> Result<StatusCode, ControlError> {
    found
        .then_some(StatusCode::NO_CONTENT)
        .ok_or_else(|| ControlError::not_found(what))
}

pub(super) async fn devices(State(control): State<Control>) -> Json<Vec<Device>> {
    Json(control.directory().devices())
}

pub(super) async fn device(
    State(control): State<Control>,
    Path(device_id): Path<String>,
) -> Answer<Device> {
    let device = control.directory().device(&device_id);
    device
        .map(Json)
        .ok_or_else(|| ControlError::not_found("device"))
}

pub(super) async fn add_device(
    State(control): State<Control>,
    Json(new): Json<NewDevice>,
) -> Result<(StatusCode, Json<Device>), ControlError> {
    let draft = control
        .directory()
        .draft_device()
        .map_err(anyhow::Error::from)?;
    let device = Device {
        device_id: new.device_id.unwrap_or(draft.device_id),
        customer_id: new.customer_id.unwrap_or(draft.customer_id),
        domain: new.domain.unwrap_or(draft.domain),
        boot_mode: new.boot_mode.unwrap_or(draft.boot_mode),
        ..draft
    };
    control.directory().add_device(device.clone());
    Ok((StatusCode::CREATED, Json(device)))
}

pub(super) async fn change_device(
    State(control): State<Control>,
    Path(device_id): Path<String>,
    Json(change): Json<DeviceChange>,
) -> Result<StatusCode, ControlError> {
    let changed = control.directory().change_device(&device_id, |device| {
        device.boot_mode = change.boot_mode.unwrap_or(device.boot_mode);
        if let Some(customer_id) = change.customer_id {
            device.customer_id = customer_id;
        }
        if let Some(domain) = change.domain {
            device.domain = domain;
        }
    });
    found(changed, "device")
}

pub(super) async fn remove_device(
    State(control): State<Control>,
    Path(device_id): Path<String>,
) -> Result<StatusCode, ControlError> {
    found(control.directory().remove_device(&device_id), "device")
}

pub(super) async fn certify(
    State(control): State<Control>,
    Path(device_id): Path<String>,
    Json(request): Json<Certification>,
) -> Answer<Certified> {
    let device = control.directory().device(&device_id);
    let device = device.ok_or_else(|| ControlError::not_found("device"))?;
    let subject = LeafSubject {
        boot_mode: device.boot_mode,
        common_name: request.machine.then_some(device.device_enrollment_id),
    };
    let privacy_ca = &control.verified_access.privacy_ca;
    let chain = privacy_ca.certify(&request.spki, &subject, (control.clock)())?;
    Ok(Json(Certified { chain }))
}

pub(super) async fn upload(
    State(control): State<Control>,
    Path(device_id): Path<String>,
    Json(uploaded): Json<Certified>,
) -> Result<StatusCode, ControlError> {
    let root = control.verified_access.privacy_ca.root();
    chain::verify(uploaded.chain.as_bytes(), root, (control.clock)())
        .map_err(anyhow::Error::from)?;
    let stored = control.directory().change_device(&device_id, |device| {
        device.machine_certificate = Some(uploaded.chain);
    });
    found(stored, "device")
}

pub(super) async fn users(State(control): State<Control>) -> Json<Vec<User>> {
    Json(control.directory().users())
}

pub(super) async fn user(
    State(control): State<Control>,
    Path(email): Path<String>,
) -> Answer<User> {
    let user = control.directory().user(&email);
    user.map(Json)
        .ok_or_else(|| ControlError::not_found("user"))
}

pub(super) async fn add_user(
    State(control): State<Control>,
    Json(new): Json<NewUser>,
) -> (StatusCode, Json<User>) {
    let draft = control.directory().draft_user(&new.email);
    let user = User {
        customer_id: new.customer_id.unwrap_or(draft.customer_id),
        affiliated: new.affiliated.unwrap_or(draft.affiliated),
        ..draft
    };
    control.directory().add_user(user.clone());
    (StatusCode::CREATED, Json(user))
}

pub(super) async fn remove_user(
    State(control): State<Control>,
    Path(email): Path<String>,
) -> Result<StatusCode, ControlError> {
    found(control.directory().remove_user(&email), "user")
}
