//! `GET /v1/profiles`: what a client needs to know before it asks.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header;
use serde::Serialize;

use crate::model::facts::KeyAlgorithm;
use crate::model::identity::KeyScope;
use crate::model::profile::CertificateProfile;

#[derive(Debug, Serialize)]
struct Answer<'a> {
    profiles: Vec<Profile<'a>>,
}

/// Public facts only: neither domains nor customers are a stranger's business.
#[derive(Debug, Serialize)]
struct Profile<'a> {
    name: &'a str,
    scope: KeyScope,
    email_required: bool,
    key_algorithms: &'a [KeyAlgorithm],
    lifetime_seconds: i64,
    renew_after_seconds: i64,
}

impl<'a> From<&'a CertificateProfile> for Profile<'a> {
    fn from(profile: &'a CertificateProfile) -> Self {
        Self {
            name: &profile.name,
            scope: profile.scope,
            email_required: profile.scope == KeyScope::User,
            key_algorithms: &profile.key_algorithms,
            lifetime_seconds: profile.lifetime,
            // The first `renew_after` that a certificate can get.
            renew_after_seconds: profile.lifetime - profile.renewal_window,
        }
    }
}

/// Lists the profiles in the configured order.
pub(super) async fn list(State(profiles): State<Arc<Vec<CertificateProfile>>>) -> Response {
    let headers = [(header::CACHE_CONTROL, "public, max-age=300")];
    let profiles = profiles.iter().map(Profile::from).collect();
    (headers, Json(Answer { profiles })).into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use axum::body::to_bytes;

    use super::*;
    use crate::model::profile::ProfileSettings;

    #[tokio::test]
    async fn a_profile_tells_what_to_ask_for_and_not_whom_it_serves() {
        let profile = |rest: &str| {
            let common = "domains=['example.com']\ncustomer_id='C01example'\nissuer='issuing'\n\
                allow='all_verified'";
            let settings: ProfileSettings = toml::from_str(&format!("{common}\n{rest}")).unwrap();
            CertificateProfile::try_from(settings).unwrap()
        };
        let profiles = vec![
            profile("name='wifi-user'\nscope='user'"),
            profile("name='wifi-device'\nscope='machine'\nkey_algorithms=['RSA']\nvalidity_days=1"),
        ];
        let response = list(State(Arc::new(profiles))).await;
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        insta::assert_snapshot!(std::str::from_utf8(&body).unwrap());
    }
}
