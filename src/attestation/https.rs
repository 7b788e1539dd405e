//! Requests over HTTP under roots of our own.

use std::time::Duration;

use crate::attestation::failure::chain;
use crate::attestation::trust::Roots;
use crate::model::endpoint::Endpoint;

/// No proxy of the environment, no redirect: what is sent goes where we say, or nowhere. `timeout`
/// bounds one request, its answer included.
///
/// # Errors
/// What the library said; it takes any roots that are some.
pub(super) fn client(
    endpoint: Endpoint,
    roots: &Roots,
    timeout: Duration,
) -> Result<reqwest::Client, String> {
    let tls = roots.client_config().map_err(|error| error.to_string())?;
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .https_only(endpoint == Endpoint::Google)
        .user_agent(concat!("vaca/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(timeout)
        .build()
        .map_err(|error| chain(&error))
}

/// The body of an answer, of `longest` octets at most.
///
/// # Errors
/// What went wrong, without the URL and fit for a log.
pub(super) async fn read(
    mut response: reqwest::Response,
    longest: usize,
) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| chain(&error.without_url()))?
    {
        body.extend_from_slice(&chunk);
        if body.len() > longest {
            return Err("the answer is too long".to_owned());
        }
    }
    Ok(body)
}
