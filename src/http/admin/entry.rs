//! A handler's argument list is its access rule: whoever writes `Operator` there lets operators in, and
//! nobody less. The rejection is that of an address at which there is nothing.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use http::{HeaderMap, header};

use crate::access::{PeerCertificate, Principal, UnverifiedCredentials};
use crate::admission::storage;
use crate::http::admin::desk::Desk;
use crate::http::openapi::draft::Draft;
use crate::http::openapi::signature::Argument;
use crate::http::problem::Problem;
use crate::model::problem_code::ProblemCode;
use crate::model::role::Role;

macro_rules! entries {
    ($($role:ident,)+) => {
        $(
            /// Whoever has this role, or one that includes it.
            #[derive(Debug)]
            pub(in crate::http) struct $role(pub(in crate::http) Principal);

            impl<S: Send + Sync> FromRequestParts<S> for $role
            where
                Arc<Desk>: FromRef<S>,
            {
                type Rejection = Problem;

                async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
                    let principal = recognise(parts, &Arc::from_ref(state)).await?;
                    admit(principal, |principal| principal.may(Role::$role)).map(Self)
                }
            }

            impl Argument for $role {
                fn describe(draft: &mut Draft) {
                    describe(draft, Role::$role);
                }
            }
        )+
    };
}

entries! {
    RelyingParty,
    Auditor,
    HelpDesk,
    Operator,
    Administrator,
}

/// An administrator, or whoever holds a token that makes another one and does nothing else.
#[derive(Debug)]
pub(super) struct TokenMaker(pub(super) Principal);

impl<S: Send + Sync> FromRequestParts<S> for TokenMaker
where
    Arc<Desk>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let principal = recognise(parts, &Arc::from_ref(state)).await?;
        let may = |principal: &Principal| {
            principal.may(Role::Administrator) || principal.single_use.is_some()
        };
        admit(principal, may).map(Self)
    }
}

impl Argument for TokenMaker {
    fn describe(draft: &mut Draft) {
        describe(draft, Role::Administrator);
    }
}

fn describe(draft: &mut Draft, least: Role) {
    draft.admits(least);
    draft.refuses(&[ProblemCode::NotFound, ProblemCode::StorageUnavailable]);
}

async fn recognise(parts: &Parts, desk: &Arc<Desk>) -> Result<Option<Principal>, Problem> {
    let credentials = UnverifiedCredentials {
        bearer: bearer(&parts.headers),
        certificate: parts
            .extensions
            .get::<Option<PeerCertificate>>()
            .copied()
            .flatten(),
    };
    let shown = credentials.bearer.is_some() || credentials.certificate.is_some();
    let principal = desk.access.principal(credentials, desk.now()).await;
    let principal = principal.map_err(|error| storage(&error))?;
    if shown && principal.is_none() {
        // They are told nothing; whoever helps them finds it here by the request id.
        tracing::info!("a credential was shown that opens nothing");
    }
    Ok(principal)
}

/// What stands behind `Bearer` (RFC 6750, section 2.1). Where something else is meant to prove who asks,
/// or there are two fields, it is a token that nobody has: no other way in makes up for it.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let field = fields.next()?;
    if fields.next().is_some() {
        return Some("");
    }
    let token = field.to_str().ok().and_then(|field| {
        let (scheme, unverified_token) = field.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(unverified_token)
    });
    Some(token.unwrap_or(""))
}

fn admit(
    principal: Option<Principal>,
    may: impl Fn(&Principal) -> bool,
) -> Result<Principal, Problem> {
    let Some(principal) = principal else {
        return Err(ProblemCode::NotFound.into());
    };
    if !may(&principal) {
        tracing::warn!(actor = %principal.actor.stored(), role = %principal.role,
            "an operator asked for what their role does not include");
        return Err(ProblemCode::NotFound.into());
    }
    Ok(principal)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn one_field_of_one_scheme_names_a_token() {
        let read = |fields: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append(header::AUTHORIZATION, HeaderValue::from_static(field));
            }
            bearer(&headers).map(ToOwned::to_owned)
        };
        assert_eq!(read(&[]), None);
        assert_eq!(read(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(read(&["bearer abc"]).as_deref(), Some("abc"));
        for nobody in [
            &["Basic abc"][..],
            &["abc"],
            &["Bearer"],
            &[""],
            &["Bearer abc", "Bearer abc"],
        ] {
            assert_eq!(read(nobody).as_deref(), Some(""), "{nobody:?}");
        }
        // What is behind the first blank is taken as it is, and is no token then.
        assert_eq!(read(&["Bearer  abc"]).as_deref(), Some(" abc"));
    }
}
