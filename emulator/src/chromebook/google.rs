//! What a Chromebook asks of Google besides Verified Access: enrolment, the Privacy CA, the upload of
//! the machine certificate. Here the control plane answers.

use anyhow::{Context as _, bail, ensure};
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{AttestedKey, Scope};
use crate::control::{Certification, Certified, NewDevice, NewUser};
use crate::directory::{Device, User};
use crate::http_client;
use crate::keys::{KeyAlgorithm, SigningKey};
use crate::server_keys::PublicKeys;

/// A client of the control plane.
#[derive(Clone, Debug)]
pub(super) struct Google {
    http: reqwest::Client,
    base: String,
}

impl Google {
    pub(super) fn new(control_url: &str) -> anyhow::Result<Self> {
        Ok(Self {
            http: http_client::client(None)?,
            base: format!("{}/emulator/v1", control_url.trim_end_matches('/')),
        })
    }

    pub(super) async fn keys(&self) -> anyhow::Result<PublicKeys> {
        self.known("/keys")
            .await?
            .context("the control plane has no keys")
    }

    pub(super) async fn enroll(&self, device: &NewDevice) -> anyhow::Result<Device> {
        let answer = self.send(Method::POST, "/devices", device).await?;
        Ok(answer.json().await?)
    }

    pub(super) async fn device(&self, device_id: &str) -> anyhow::Result<Option<Device>> {
        self.known(&format!("/devices/{device_id}")).await
    }

    pub(super) async fn user(&self, email: &str) -> anyhow::Result<Option<User>> {
        check_segment(email)?;
        self.known(&format!("/users/{email}")).await
    }

    pub(super) async fn create_user(&self, email: &str, customer_id: &str) -> anyhow::Result<User> {
        let user = NewUser {
            email: email.to_owned(),
            customer_id: Some(customer_id.to_owned()),
            affiliated: Some(true),
        };
        let answer = self.send(Method::POST, "/users", &user).await?;
        Ok(answer.json().await?)
    }

    /// Makes a key and has the Privacy CA certify it.
    pub(super) async fn attested_key(
        &self,
        device_id: &str,
        algorithm: KeyAlgorithm,
        scope: Scope,
    ) -> anyhow::Result<AttestedKey> {
        let key = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm)).await??;
        let request = Certification {
            spki: key.spki().to_vec(),
            machine: scope == Scope::Machine,
        };
        let path = format!("/devices/{device_id}/certificates");
        let answer = self.send(Method::POST, &path, &request).await?;
        let certified: Certified = answer.json().await?;
        Ok(AttestedKey {
            key,
            chain: certified.chain,
        })
    }

    pub(super) async fn upload(&self, device_id: &str, chain: &str) -> anyhow::Result<()> {
        let path = format!("/devices/{device_id}/machine-certificate");
        let uploaded = Certified {
            chain: chain.to_owned(),
        };
        self.send(Method::PUT, &path, &uploaded).await.map(drop)
    }

    /// `None` where the control plane knows of no such thing.
    async fn known<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Option<T>> {
        let url = format!("{}{path}", self.base);
        let answer = self.http.get(&url).send().await;
        let answer = answer.with_context(|| format!("no local Verified Access at {url}"))?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        Ok(Some(answer.error_for_status()?.json().await?))
    }

    async fn send<T: Serialize>(
        &self,
        method: Method,
        path: &str,
        body: &T,
    ) -> anyhow::Result<reqwest::Response> {
        let url = format!("{}{path}", self.base);
        let answer = self.http.request(method, &url).json(body).send().await;
        let answer = answer.with_context(|| format!("no local Verified Access at {url}"))?;
        if !answer.status().is_success() {
            let status = answer.status();
            bail!(
                "{url} answered {status}: {}",
                answer.text().await.unwrap_or_default()
            );
        }
        Ok(answer)
    }
}

/// A path segment that needs no escaping: e-mails of test users are plain.
fn check_segment(segment: &str) -> anyhow::Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@._'+-".contains(&byte);
    ensure!(
        !segment.is_empty() && segment.bytes().all(plain),
        "{segment:?} is no e-mail that a Chromebook can sign in with"
    );
    Ok(())
}
