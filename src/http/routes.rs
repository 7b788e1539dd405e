//! Routes, each with what is said of it: nobody serves one here without describing it, or the reverse.
//! This is the only place that gives the router a route; a test looks.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodRouter, any, get, post};
use utoipa::openapi::HttpMethod;

use crate::http::openapi::draft::Draft;
use crate::http::openapi::signature::Signature;
use crate::http::problem::Problem;
use crate::http::settings::HttpSettings;
use crate::http::{Edge, bounded};
use crate::model::problem_code::ProblemCode;

/// How a route meets what comes to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// Within the bounds of its listener.
    Bounded,
    /// Outside them: an overload must not look like a death.
    Always,
    /// Bounded; and no answer tells a stranger that there is something.
    Hidden,
}

/// A table of routes.
pub(super) struct Routes {
    door: Door,
    tag: &'static str,
    table: Vec<Route>,
}

/// One line of it.
pub(super) struct Route {
    /// `GET` or `POST`.
    pub(super) method: HttpMethod,
    /// The address, variable segments in braces.
    pub(super) path: &'static str,
    /// What it is for, in a sentence.
    pub(super) about: &'static str,
    /// Which table it stands in.
    pub(super) tag: &'static str,
    /// Fills in the rest.
    pub(super) describe: fn(&mut Draft),
    door: Door,
    /// Whether no method is left that it does not answer.
    is_any: bool,
    serve: MethodRouter<Edge>,
}

impl Routes {
    /// An empty table of what is served within the bounds.
    pub(super) fn bounded(tag: &'static str) -> Self {
        Self::new(Door::Bounded, tag)
    }

    /// An empty table of what is served whatever the load.
    pub(super) fn always(tag: &'static str) -> Self {
        Self::new(Door::Always, tag)
    }

    /// An empty table of what does not exist for strangers.
    pub(super) fn hidden(tag: &'static str) -> Self {
        Self::new(Door::Hidden, tag)
    }

    fn new(door: Door, tag: &'static str) -> Self {
        let table = Vec::new();
        Self { door, tag, table }
    }

    /// `GET` this.
    pub(super) fn get<Taken, Arguments, H>(
        self,
        path: &'static str,
        about: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<Taken, Edge> + Signature<Arguments>,
        Taken: 'static,
    {
        self.route(HttpMethod::Get, path, about, H::describe, get(handler))
    }

    /// `POST` to this.
    pub(super) fn post<Taken, Arguments, H>(
        self,
        path: &'static str,
        about: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<Taken, Edge> + Signature<Arguments>,
        Taken: 'static,
    {
        self.route(HttpMethod::Post, path, about, H::describe, post(handler))
    }

    /// Whatever method this is asked by; it is described as `GET`.
    pub(super) fn any<Taken, Arguments, H>(
        mut self,
        path: &'static str,
        about: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<Taken, Edge> + Signature<Arguments>,
        Taken: 'static,
    {
        self = self.route(HttpMethod::Get, path, about, H::describe, any(handler));
        if let Some(route) = self.table.last_mut() {
            route.is_any = true;
        }
        self
    }

    fn route(
        mut self,
        method: HttpMethod,
        path: &'static str,
        about: &'static str,
        describe: fn(&mut Draft),
        serve: MethodRouter<Edge>,
    ) -> Self {
        self.table.push(Route {
            method,
            path,
            about,
            tag: self.tag,
            describe,
            door: self.door,
            is_any: false,
            serve,
        });
        self
    }

    /// Both tables.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.table.extend(other.table);
        self
    }

    /// What there is, in order.
    pub(super) fn table(&self) -> &[Route] {
        &self.table
    }

    /// All of it, served; what is bounded shares one set of bounds.
    pub(super) fn router(self, settings: &Arc<HttpSettings>) -> Router<Edge> {
        let (mut within, mut outside) = (Router::new(), Router::new());
        let mut hidden = Vec::new();
        for route in self.table {
            match route.door {
                Door::Always => outside = outside.route(route.path, route.serve),
                Door::Bounded => within = within.route(route.path, route.serve),
                Door::Hidden => {
                    within = within.route(route.path, route.serve);
                    if !route.is_any {
                        hidden.push(route.path);
                    }
                }
            }
        }
        hidden.sort_unstable();
        hidden.dedup();
        for path in hidden {
            // `any` also keeps the router from telling a stranger which methods there are.
            within = within.route(path, any(nothing));
        }
        bounded(within, settings).merge(outside)
    }
}

impl Route {
    /// `GET` or `POST`.
    pub(super) fn method_name(&self) -> &'static str {
        match self.method {
            HttpMethod::Post => "POST",
            _ => "GET",
        }
    }

    /// What is said of it so far: its handler's part, and what surrounds every route.
    pub(super) fn draft(&self) -> Draft {
        let mut draft = Draft::of(self.path);
        (self.describe)(&mut draft);
        draft.refuses(&[ProblemCode::InternalError]);
        if self.door != Door::Always {
            draft.refuses(&[ProblemCode::Busy]);
        }
        draft
    }
}

async fn nothing() -> Problem {
    ProblemCode::NotFound.into()
}
