//! The way to a service of the organisation's own: one address, one secret that both sides know.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use aws_lc_rs::hmac;
use http::header::CONTENT_TYPE;
use url::{Host, Url};

use crate::attestation::https;
use crate::model::serial::hex;

/// The header that holds the tag of what is sent or answered.
pub const SIGNATURE: &str = "vaca-signature";
/// What stands before the digits in the header.
pub(super) const SCHEME: &str = "v1=";

/// Whether something may be sent there: over TLS, or to this machine, and to an address alone.
#[must_use]
pub fn is_address(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else {
        return false;
    };
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    bare && (url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(_)) | None => false,
    }
}

/// One service, ready to be spoken to.
pub struct Line {
    url: String,
    http: reqwest::Client,
    key: hmac::Key,
}

/// Without the secret.
impl fmt::Debug for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Line")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Line {
    /// To an address of [`is_address`], under the root in this file or the bundled public ones.
    /// `timeout` bounds one request, its answer included.
    ///
    /// # Errors
    /// What does not fit, for the operator.
    pub fn open(
        url: &str,
        secret: &[u8; 32],
        root: Option<&Path>,
        timeout: Duration,
    ) -> Result<Self, String> {
        Ok(Self {
            url: url.to_owned(),
            http: https::client_under(root, timeout)?,
            key: hmac::Key::new(hmac::HMAC_SHA256, secret),
        })
    }

    /// The secret, for what comes back.
    pub(super) fn key(&self) -> &hmac::Key {
        &self.key
    }

    /// Sends JSON, signed for this purpose. Redirects are answers like others: they are not followed.
    ///
    /// # Errors
    /// No connection, no TLS, no answer in time: why, without the address and fit for a log.
    pub(crate) async fn post(
        &self,
        purpose: &[u8],
        body: Vec<u8>,
    ) -> Result<reqwest::Response, String> {
        let request = self
            .http
            .post(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .header(SIGNATURE, sign(&self.key, purpose, &body))
            .body(body);
        let sent = request.send().await;
        sent.map_err(|error| https::cause(&error.without_url()))
    }
}

/// The header's value for a body; `purpose` stands before it, so that no tag of one kind serves as
/// another's.
pub(super) fn sign(key: &hmac::Key, purpose: &[u8], body: &[u8]) -> String {
    let tag = hmac::sign(key, &[purpose, body].concat());
    format!("{SCHEME}{}", hex(tag.as_ref()))
}
