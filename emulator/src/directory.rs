//! What Google's directory knows: devices, users and the boot policy of one customer and its neighbours.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::entropy;
use crate::keys::CryptoError;

/// In which state ChromeOS booted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum BootMode {
    /// Every part checked the next one's signature.
    #[default]
    Verified,
    /// The owner has root and can claim anything.
    Developer,
}

impl BootMode {
    /// `verified` or `developer`, as in the subject of an attestation certificate.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Developer => "developer",
        }
    }

    /// The reverse of [`BootMode::as_str`].
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Verified, Self::Developer]
            .into_iter()
            .find(|mode| mode.as_str() == text)
    }
}

/// An enrolled Chromebook as the directory sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The virtual id, which the device knows too.
    pub device_id: String,
    /// The id of the Directory API.
    pub device_permanent_id: String,
    /// The ChromeOS enrollment id: lower-case hexadecimal.
    pub device_enrollment_id: String,
    /// The managing organisation.
    pub customer_id: String,
    /// The domain in which the device is enrolled: its expected identity.
    pub domain: String,
    /// In which state it boots.
    pub boot_mode: BootMode,
    /// The chain (PEM) of the stable machine key, once the device has uploaded it.
    pub machine_certificate: Option<String>,
}

/// A managed account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Primary e-mail; compared without regard to ASCII case.
    pub email: String,
    /// The managing organisation.
    pub customer_id: String,
    /// Whether the account is managed together with its devices.
    pub affiliated: bool,
}

#[derive(Debug)]
struct State {
    domain: String,
    customer_id: String,
    devices: Vec<Device>,
    users: Vec<User>,
    verified_mode_required: bool,
}

/// A handle on the directory of one emulator; clones see the same data.
#[derive(Clone, Debug)]
pub struct Directory {
    state: Arc<Mutex<State>>,
}

impl Directory {
    /// An empty directory whose new devices and users belong to this domain and customer.
    #[must_use]
    pub fn new(domain: &str, customer_id: &str) -> Self {
        let state = State {
            domain: domain.to_owned(),
            customer_id: customer_id.to_owned(),
            devices: Vec::new(),
            users: Vec::new(),
            verified_mode_required: false,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A device with fresh ids in the emulator's own domain; not yet added.
    pub fn draft_device(&self) -> Result<Device, CryptoError> {
        let state = self.state();
        Ok(Device {
            device_id: entropy::uuid()?,
            device_permanent_id: entropy::uuid()?,
            device_enrollment_id: entropy::hex::<32>()?,
            customer_id: state.customer_id.clone(),
            domain: state.domain.clone(),
            boot_mode: BootMode::Verified,
            machine_certificate: None,
        })
    }

    /// Adds a device, or replaces the one with the same virtual id and customer.
    pub fn add_device(&self, device: Device) {
        let mut state = self.state();
        state.devices.retain(|known| {
            known.device_id != device.device_id || known.customer_id != device.customer_id
        });
        state.devices.push(device);
    }

    /// All devices.
    #[must_use]
    pub fn devices(&self) -> Vec<Device> {
        self.state().devices.clone()
    }

    /// The device with this virtual id.
    #[must_use]
    pub fn device(&self, device_id: &str) -> Option<Device> {
        let state = self.state();
        let mut devices = state.devices.iter();
        devices
            .find(|device| device.device_id == device_id)
            .cloned()
    }

    /// Changes the device with this virtual or permanent id; `false` where there is none.
    pub fn change_device(&self, id: &str, change: impl FnOnce(&mut Device)) -> bool {
        let mut state = self.state();
        let found = state
            .devices
            .iter_mut()
            .find(|device| device.device_id == id || device.device_permanent_id == id);
        found.map(change).is_some()
    }

    /// Sets in which state a device (virtual or permanent id) boots; `false` where there is none.
    pub fn set_boot_mode(&self, id: &str, boot_mode: BootMode) -> bool {
        self.change_device(id, |device| device.boot_mode = boot_mode)
    }

    /// Forgets a device by its virtual or permanent id, as deprovisioning does; `false` where there is none.
    pub fn remove_device(&self, id: &str) -> bool {
        let mut state = self.state();
        let before = state.devices.len();
        state
            .devices
            .retain(|device| device.device_id != id && device.device_permanent_id != id);
        state.devices.len() < before
    }

    /// An affiliated user of the emulator's own customer; not yet added.
    #[must_use]
    pub fn draft_user(&self, email: &str) -> User {
        User {
            email: email.to_owned(),
            customer_id: self.state().customer_id.clone(),
            affiliated: true,
        }
    }

    /// Adds a user, or replaces the one with the same e-mail.
    pub fn add_user(&self, user: User) {
        let mut state = self.state();
        state
            .users
            .retain(|known| !known.email.eq_ignore_ascii_case(&user.email));
        state.users.push(user);
    }

    /// All users.
    #[must_use]
    pub fn users(&self) -> Vec<User> {
        self.state().users.clone()
    }

    /// The user with this e-mail, without regard to ASCII case.
    #[must_use]
    pub fn user(&self, email: &str) -> Option<User> {
        let state = self.state();
        let mut users = state.users.iter();
        users
            .find(|user| user.email.eq_ignore_ascii_case(email))
            .cloned()
    }

    /// Forgets a user; `false` where there is none.
    pub fn remove_user(&self, email: &str) -> bool {
        let mut state = self.state();
        let before = state.users.len();
        state
            .users
            .retain(|user| !user.email.eq_ignore_ascii_case(email));
        state.users.len() < before
    }

    /// Whether the administrator requires verified mode for Verified Access. Off at first, as where
    /// an administrator skips the boot check: then only the key trust level tells.
    pub fn require_verified_mode(&self, required: bool) {
        self.state().verified_mode_required = required;
    }

    pub(crate) fn verified_mode_required(&self) -> bool {
        self.state().verified_mode_required
    }
}
