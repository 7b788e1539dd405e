//! What operators and auditors reach, on a listener of its own. The table below is the only place that
//! says who may do what; `docs/admin.md` shows the same one.
//!
//! To a stranger, every address here is one at which there is nothing: no route tells by its answer that
//! it exists.

mod attempts;
mod authorize;
mod blocks;
mod certificates;
mod client_certificate;
mod cursor;
mod deliveries;
mod desk;
pub(super) mod entry;
mod holder;
mod page;
mod paused;
mod query;
mod renewals;
mod revocations;
mod state;
mod status;
mod tokens;
pub mod views;

use axum::Router;

use crate::http::openapi;
use crate::http::routes::Routes;
use crate::http::settings::HttpSettings;
use crate::http::{Edge, health, metrics, surround_with};
use crate::model::role::Role;

pub use desk::Desk;

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The address, variable segments in braces.
    pub path: &'static str,
    /// Who may, with all whose role includes it.
    pub role: Role,
    /// What it is for, in a sentence.
    pub about: &'static str,
}

macro_rules! table {
    ($($path:literal: $($method:ident $word:literal $role:ident $handler:path, $about:literal),+;)+) => {
        /// Who may do what.
        pub const TABLE: &[Entry] = &[$($(Entry {
            method: $word,
            path: $path,
            role: Role::$role,
            about: $about,
        }),+),+];

        fn table() -> Routes {
            Routes::hidden("operators")$($(.$method($path, $about, $handler))+)+
        }
    };
}

table! {
    "/v1/admin/attempts":
        get "GET" Auditor attempts::list, "Attempts, newest first.";
    "/v1/admin/attempts/{id}":
        get "GET" Auditor attempts::show, "One attempt: facts, every check, what was expected and seen.";
    "/v1/admin/attempts/{id}/explain":
        get "GET" HelpDesk attempts::explain, "The same in words: what happened, why, what to do.";
    "/v1/admin/certificates":
        get "GET" Auditor certificates::list, "Certificates, the CA's own included, newest first.";
    "/v1/admin/certificates/{issuer}/{serial}":
        get "GET" Auditor certificates::show, "One certificate, with its holder's ids and as PEM.";
    "/v1/admin/profiles":
        get "GET" Auditor state::profiles, "The profiles as they are in force.";
    "/v1/admin/issuers":
        get "GET" Auditor state::issuers, "The issuers with their certificates, and how long they are good.";
    "/v1/admin/doctor":
        get "GET" Auditor state::doctor, "The checks of `/readyz`. 200 whatever they say.";
    "/v1/admin/paused":
        get "GET" Auditor paused::list, "Users and devices that have to wait, newest first.";
    "/v1/admin/paused/{identity}/release":
        post "POST" Operator paused::release, "End a wait.";
    "/v1/admin/revocations":
        post "POST" Operator revocations::create, "Revoke certificates, or say which would be.";
    "/v1/admin/blocks":
        get "GET" Auditor blocks::list, "Users and devices that get no certificate, newest first.",
        post "POST" Operator blocks::create, "Let a user or device get no certificate.";
    "/v1/admin/blocks/{identity}/lift":
        post "POST" Operator blocks::lift, "Lift a block.";
    "/v1/admin/renewal-orders":
        get "GET" Auditor renewals::list, "Orders of early renewal, newest first.",
        post "POST" Operator renewals::order, "Order an early renewal, or see how many certificates one would concern.";
    "/v1/admin/deliveries":
        get "GET" Auditor deliveries::list, "Events that services of yours were not told yet, newest first.";
    "/v1/admin/deliveries/{sink}/{id}/retry":
        post "POST" Operator deliveries::retry, "Try one again at once.";
    "/v1/admin/deliveries/{sink}/{id}/drop":
        post "POST" Operator deliveries::discard, "Drop one undelivered.";
    "/v1/admin/tokens":
        get "GET" Administrator tokens::list, "Tokens, without their secrets, the worthless ones included.",
        post "POST" Administrator tokens::create, "Make a token.";
    "/v1/admin/tokens/{id}/revoke":
        post "POST" Administrator tokens::revoke, "Make a token worthless, at once and on every node.";
    "/v1/admin/openapi.json":
        get "GET" Auditor openapi::of_operators, "This API, as an OpenAPI 3.1 document.";
    "/v1/status/{issuer}/{serial}":
        get "GET" RelyingParty status::by_name, "How a certificate stands, by issuer and number.";
    "/v1/status/sha256/{fingerprint}":
        get "GET" RelyingParty status::by_fingerprint, "The same, by SHA-256 of the whole certificate.";
    "/v1/authorize/{gate}":
        any "GET" RelyingParty authorize::authorize, "Whether a proxy's client passes a gate. Any method, any query.";
    "/v1/authorize/{gate}/":
        any "GET" RelyingParty authorize::authorize, "The same, where the client's path is `/`.";
    "/v1/authorize/{gate}/{*path}":
        any "GET" RelyingParty authorize::authorize, "The same, whatever the client's path is.";
    "/metrics":
        get "GET" Auditor metrics::show, "What is measured, for Prometheus.";
}

/// Everything on this listener.
pub(super) fn all_routes() -> Routes {
    table().and(health())
}

/// Every route of the admin listener.
pub fn routes(edge: &Edge) -> Router {
    let routes = all_routes().router(&edge.settings);
    // No page of whatever origin is a client here.
    surround_with(
        routes.with_state(edge.clone()),
        edge,
        &HttpSettings::default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_shows_the_table() {
        let page = include_str!("../../docs/admin.md");
        let line = |entry: &Entry| {
            let Entry {
                method,
                path,
                role,
                about,
            } = entry;
            format!("| `{method} {path}` | {role} | {about}")
        };
        let rows: Vec<_> = page
            .lines()
            .filter(|line| line.starts_with("| `GET /") || line.starts_with("| `POST /"))
            .collect();
        assert_eq!(rows.len(), TABLE.len(), "one line for each route");
        for entry in TABLE {
            let line = line(entry);
            assert!(
                rows.iter().any(|row| row.starts_with(&line)),
                "docs/admin.md lacks {line}"
            );
        }
    }
}
