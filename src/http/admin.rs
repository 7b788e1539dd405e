//! What operators and auditors reach, on a listener of its own. The table below is the only place that
//! says who may do what; `docs/admin.md` shows the same one.
//!
//! To a stranger, every address here is one at which there is nothing: no route tells by its answer that
//! it exists.

mod answer;
mod attempts;
mod certificates;
mod cursor;
mod desk;
mod entry;
mod paused;
mod query;
mod renewals;
mod state;
mod status;
mod tokens;
pub mod views;

use axum::Router;
use axum::routing::{any, get};

use crate::http::problem::Problem;
use crate::http::settings::HttpSettings;
use crate::http::{Edge, bounded, health, metrics, surround_with};
use crate::model::problem_code::ProblemCode;
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
}

macro_rules! table {
    ($($path:literal: $($method:ident $word:literal $role:ident $handler:path),+;)+) => {
        /// Who may do what.
        pub const TABLE: &[Entry] = &[$($(Entry {
            method: $word,
            path: $path,
            role: Role::$role,
        }),+),+];

        fn table() -> Router<Edge> {
            // `any` also keeps the router from telling a stranger which methods there are.
            Router::new()$(.route($path, any(nothing)$(.$method($handler))+))+
        }
    };
}

table! {
    "/v1/admin/attempts": get "GET" Auditor attempts::list;
    "/v1/admin/attempts/{id}": get "GET" Auditor attempts::show;
    "/v1/admin/attempts/{id}/explain": get "GET" HelpDesk attempts::explain;
    "/v1/admin/certificates": get "GET" Auditor certificates::list;
    "/v1/admin/certificates/{issuer}/{serial}": get "GET" Auditor certificates::show;
    "/v1/admin/profiles": get "GET" Auditor state::profiles;
    "/v1/admin/issuers": get "GET" Auditor state::issuers;
    "/v1/admin/doctor": get "GET" Auditor state::doctor;
    "/v1/admin/paused": get "GET" Auditor paused::list;
    "/v1/admin/paused/{identity}/release": post "POST" Operator paused::release;
    "/v1/admin/renewal-orders": get "GET" Auditor renewals::list, post "POST" Operator renewals::order;
    "/v1/admin/tokens": get "GET" Administrator tokens::list, post "POST" Administrator tokens::create;
    "/v1/admin/tokens/{id}/revoke": post "POST" Administrator tokens::revoke;
    "/v1/status/{issuer}/{serial}": get "GET" RelyingParty status::by_name;
    "/v1/status/sha256/{fingerprint}": get "GET" RelyingParty status::by_fingerprint;
}

async fn nothing() -> Problem {
    ProblemCode::NotFound.into()
}

/// Every route of the admin listener.
pub fn routes(edge: &Edge) -> Router {
    let open = health().route("/metrics", get(metrics::show));
    let routes = bounded(table(), &edge.settings).merge(open);
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
            let Entry { method, path, role } = entry;
            format!("| `{method} {path}` | {role} |")
        };
        let rows: Vec<_> = page
            .lines()
            .filter(|line| {
                line.starts_with("| `") && line.contains("` | ") && line.contains(" /v1/")
            })
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
