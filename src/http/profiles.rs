//! `GET /v1/profiles`: what a client needs to know before it asks.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::openapi::draft::Draft;
use crate::http::openapi::signature::Reply;
use crate::model::facts::KeyAlgorithm;
use crate::model::identity::KeyScope;
use crate::model::profile::CertificateProfile;

/// What there is to ask for, in the order of the configuration.
#[derive(Debug, Serialize, ToSchema)]
struct Profiles<'a> {
    /// The profiles.
    profiles: Vec<Profile<'a>>,
}

/// Public facts only: neither domains nor customers are a stranger's business.
#[derive(Debug, Serialize, ToSchema)]
struct Profile<'a> {
    /// What requests call it.
    name: &'a str,
    /// Whose key is challenged.
    scope: KeyScope,
    /// Whether a request for a certificate takes an `email`; if not, it refuses one.
    email_required: bool,
    /// Keys that it certifies, in the order of preference.
    key_algorithms: &'a [KeyAlgorithm],
    /// How long a certificate is good, unless its issuer ends sooner.
    #[schema(minimum = 1)]
    lifetime_seconds: i64,
    /// How long after `not_before` the renewal window begins.
    #[schema(minimum = 1)]
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

/// The profiles, as an answer.
#[derive(Debug)]
pub(super) struct Listed(Arc<Vec<CertificateProfile>>);

impl IntoResponse for Listed {
    fn into_response(self) -> Response {
        let headers = [(header::CACHE_CONTROL, "public, max-age=300")];
        let profiles = self.0.iter().map(Profile::from).collect();
        (headers, Json(Profiles { profiles })).into_response()
    }
}

impl Reply for Listed {
    fn describe(draft: &mut Draft) {
        draft.answers::<Profiles<'_>>(StatusCode::OK, "The profiles.");
    }
}

/// Lists the profiles in the configured order.
pub(super) async fn list(State(profiles): State<Arc<Vec<CertificateProfile>>>) -> Listed {
    Listed(profiles)
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
        let response = list(State(Arc::new(profiles))).await.into_response();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        insta::assert_snapshot!(std::str::from_utf8(&body).unwrap());
    }
}
