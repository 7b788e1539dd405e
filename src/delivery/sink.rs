//! One service that wants to be told.

use http::StatusCode;

use crate::delivery::notice::Notice;
use crate::delivery::settings::EventSinkSettings;
use crate::enrichment::webhook::Line;

/// What stands before a delivery when it is tagged: no tag of one kind serves as another's.
pub const PURPOSE: &[u8] = b"vaca-event-delivery-v1\n";

/// Ready to be told.
#[derive(Debug)]
pub struct Sink {
    name: String,
    line: Line,
}

/// What a service made of a delivery. What it says besides its status is not read.
#[derive(Debug)]
pub(super) enum Answered {
    /// It has it.
    Taken,
    /// It never will, and says so.
    Refused(String),
    /// It does not have it yet, or nobody knows.
    Failed(String),
}

impl Sink {
    /// With the secret that its file held; reads the root's file where there is one.
    ///
    /// # Errors
    /// What does not fit, for the operator.
    pub fn load(settings: &EventSinkSettings, secret: &[u8; 32]) -> Result<Self, String> {
        let timeout = settings.timeout().map_err(|error| error.to_string())?;
        let root = settings.root_certificate_file.as_deref();
        Ok(Self {
            name: settings.name.clone(),
            line: Line::open(&settings.url, secret, root, timeout)?,
        })
    }

    /// What the configuration calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn send(&self, notice: &Notice) -> Answered {
        let body = match serde_json::to_vec(notice) {
            Ok(body) => body,
            Err(error) => return Answered::Failed(error.to_string()),
        };
        match self.line.post(PURPOSE, body).await {
            Ok(response) => match response.status() {
                status if status.is_success() => Answered::Taken,
                status @ StatusCode::GONE => Answered::Refused(said(status)),
                status => Answered::Failed(said(status)),
            },
            Err(problem) => Answered::Failed(problem),
        }
    }
}

fn said(status: StatusCode) -> String {
    format!("it answered {}", status.as_u16())
}
