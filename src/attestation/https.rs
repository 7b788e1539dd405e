//! Requests over HTTP under roots of our own.

use std::path::Path;
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

/// The same for a service of the organisation's own, under this root or the bundled public ones. Its
/// address was checked: in the clear it is asked on this machine alone.
///
/// # Errors
/// What does not fit.
pub(crate) fn client_under(
    root: Option<&Path>,
    timeout: Duration,
) -> Result<reqwest::Client, String> {
    let roots = Roots::public_or(root).map_err(|error| error.to_string())?;
    client(Endpoint::Test, &roots, timeout)
}

/// What went wrong with a request, cause by cause.
pub(crate) fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    chain(error)
}

/// The body of an answer, of `longest` octets at most.
///
/// # Errors
/// What went wrong, without the URL and fit for a log.
pub(crate) async fn read(
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
