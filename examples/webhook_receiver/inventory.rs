//! A file with one row a device. Yours is a database; its place is here.

use std::path::PathBuf;

use anyhow::Context as _;
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Device {
    device_permanent_id: String,
    pub(crate) asset_id: Option<String>,
    pub(crate) organizational_unit: Option<String>,
    /// `in_use`, or anything else.
    pub(crate) state: String,
}

/// Read anew for each question: what was written a second ago counts.
pub(crate) struct Inventory(pub(crate) PathBuf);

impl Inventory {
    pub(crate) fn find(&self, device_permanent_id: &str) -> anyhow::Result<Option<Device>> {
        let place = || self.0.display().to_string();
        let mut rows = csv::Reader::from_path(&self.0).with_context(place)?;
        for row in rows.deserialize() {
            let device: Device = row.with_context(place)?;
            if device.device_permanent_id == device_permanent_id {
                return Ok(Some(device));
            }
        }
        Ok(None)
    }
}
