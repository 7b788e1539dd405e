//! `emulator fault`

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};

use crate::faults::{self, Call, Rule, Transport};
use crate::http_client;

const FAULTS: &str = "\
Faults:
  slow=MS  down  status=NAME  (UNAUTHENTICATED or 401, PERMISSION_DENIED or 403,
                               RESOURCE_EXHAUSTED or 429, any other by its gRPC name)
  malformed  stale  tampered  clock_skew=MS  request_numbers=1:11,2:12  result_numbers=4:7,7:4
  developer_mode  key_trust_level=NAME  other_customer  absent_customer  absent_device_id
  identity_unchecked  user_with_device_id  user_with_enrollment_id  with_profile
  profile_answer  limited_access  spkac=FILE  set=FIELD:VALUE";

/// Make a running local Verified Access misbehave
#[derive(Debug, Subcommand)]
pub(super) enum Fault {
    /// Script the next calls
    #[command(after_help = FAULTS)]
    Add(Add),
    /// Show what is still to come, as JSON
    List(ControlPlane),
    /// Behave well again
    Clear(ControlPlane),
}

#[derive(Debug, Args)]
pub(super) struct ControlPlane {
    /// The control plane of the local Verified Access
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8091")]
    verified_access: String,
}

#[derive(Debug, Args)]
pub(super) struct Add {
    #[command(flatten)]
    control: ControlPlane,
    /// Which method
    call: Call,
    /// What happens to it; several apply together
    #[arg(required = true, value_name = "FAULT", value_parser = fault)]
    faults: Vec<faults::Fault>,
    /// For how many calls
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "every")]
    times: u32,
    /// In every call until cleared
    #[arg(long)]
    every: bool,
    /// Over one transport alone
    #[arg(long, value_name = "TRANSPORT")]
    transport: Option<Transport>,
}

impl Fault {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Add(add) => {
                let rule = Rule {
                    call: add.call,
                    transport: add.transport,
                    faults: add.faults,
                    times: (!add.every).then_some(add.times),
                };
                let rule = serde_json::to_value(&rule)?;
                add.control
                    .send(reqwest::Method::POST, Some(&rule))
                    .await
                    .map(drop)
            }
            Self::List(control) => {
                println!("{}", control.send(reqwest::Method::GET, None).await?);
                Ok(())
            }
            Self::Clear(control) => control.send(reqwest::Method::DELETE, None).await.map(drop),
        }
    }
}

impl ControlPlane {
    async fn send(
        &self,
        method: reqwest::Method,
        body: Option<&serde_json::Value>,
    ) -> anyhow::Result<String> {
        let url = format!(
            "{}/emulator/v1/faults",
            self.verified_access.trim_end_matches('/')
        );
        let mut request = http_client::client(None)?.request(method, &url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await;
        let answer = answer.with_context(|| format!("no local Verified Access at {url}"))?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{url} answered {status}: {text}");
        Ok(text)
    }
}

fn fault(text: &str) -> Result<faults::Fault, String> {
    faults::Fault::from_words(text).map_err(|error| format!("{error:#}"))
}
